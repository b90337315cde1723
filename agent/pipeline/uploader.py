"""The uploader thread: sends what waits in the spool, oldest first, and hands on the answers."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence

from agent.errors import LinkError, Refused, UsageError
from agent.events import Garbage, Notice, Result, ServiceEvent, SpeechAt
from agent.link.spool import Recording
from agent.link.uplink import Answer
from agent.pipeline.answers import Answers
from agent.pipeline.cloud import Parts
from agent.pipeline.reach import Reach
from agent.pipeline.utterances import Utterances
from agent.threads import Wake, Worker

log = logging.getLogger(__name__)

ATTEMPTS = 5  # of a clip the service refuses for good
PATIENCE_S = 3600.0  # with one it refuses in a way that may mend (overload, a gateway gone)

#: Sends one recording and gives what came back; may block; LinkError where nothing did.
Exchange = Callable[[Recording], Sequence[ServiceEvent]]
#: Fetches synthesised speech: s16le mono at the device's rate.
Fetch = Callable[[str], bytes]


class Uploader(Worker):
    """Sends what waits in the spool, oldest first, and hands on the answers."""

    name = "uploader"

    def __init__(
        self,
        cloud: Utterances,
        parts: Parts,
        answers: Answers,
        exchange: Exchange,
        fetch: Fetch,
        on_stop: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(parts.clock)
        self.idle = Wake()  # set when there may be something to send
        self._cloud, self._parts, self._answers = cloud, parts, answers
        self._exchange, self._fetch, self._on_stop = exchange, fetch, on_stop
        self._reach = Reach(parts, self._pause)
        self._numbers: Counter[str] = Counter()
        self._refusals: Counter[int] = Counter()  # for good, by recording
        self._refused_at: dict[int, float] = {}  # when a recording was first refused

    def wake(self) -> None:
        if self.stopping:
            self._on_stop()
        self.idle.set()

    def free(self) -> None:
        self.idle.close()

    def run(self) -> None:
        while not self.stopping:
            self.beat()
            recording = self._cloud.spool.oldest()
            if recording is None:
                self.idle.wait(1.0)
                continue
            self._upload(recording)

    def _upload(self, recording: Recording) -> None:
        try:
            events = self._exchange(recording)
            self._reached()
            self._hand_on(recording, events)
        except LinkError as error:
            self._unreachable(error)
        except Refused as error:
            self._refused(recording, error)
        except UsageError as error:
            self._give_up(recording, error)
        else:
            self._reach.worked()
            self._cloud.spool.done(recording)
            self._parts.telemetry.count("clips_sent")

    def _hand_on(self, recording: Recording, events: Sequence[ServiceEvent]) -> None:
        for event in events:
            if not isinstance(event, Result | SpeechAt):
                self._answers.other(event)
        if events and all(isinstance(event, Garbage) for event in events):
            # A proxy's page, a service gone wrong: the recording was not understood, so it stays.
            name = self._parts.provider.name
            raise Refused(f"{name} answered what nobody can read", "garbage", retryable=True)
        for event in events:
            if isinstance(event, Result):
                self._answers.session = recording.session
                self._answers.result(event, self._place(recording, event), recording.pair)
            elif isinstance(event, SpeechAt) and self._cloud.tts:
                self._speak(event)

    def _place(self, recording: Recording, result: Result) -> Answer:
        number = self._numbers[recording.session]
        self._numbers[recording.session] += 1
        start = recording.start_ms + (result.start_ms or 0)
        length = recording.duration_ms if result.end_ms is None else result.end_ms
        return Answer(number, start, recording.start_ms + length, replayed=False)

    def _speak(self, event: SpeechAt) -> None:
        try:
            self._parts.player.speech(self._fetch(event.url))
        except (LinkError, Refused, UsageError) as error:
            log.warning("the translation cannot be spoken: %s", error)
            self._parts.post(Notice("speech_missing", {"reason": str(error)}))

    # --- trouble -----------------------------------------------------------------------------

    def _reached(self) -> None:
        if not self._cloud.connected:
            self._cloud.connected = True
            self._reach.reached(self._cloud.session)

    def _unreachable(self, error: LinkError) -> None:
        if not self.stopping:
            self._cloud.connected = False
            self._reach.unreachable(error)

    def _refused(self, recording: Recording, error: Refused) -> None:
        """Let others go first; give it up when it was refused too often, or for too long."""
        number, now = recording.number, self.clock.now()
        self._refusals[number] += not error.retryable
        since = now - self._refused_at.setdefault(number, now)
        self._cloud.spool.later(recording)
        if self._refusals[number] >= ATTEMPTS or since >= PATIENCE_S:
            self._give_up(recording, error)
        self._cloud.connected = False
        self._reach.refused(error)

    def _give_up(self, recording: Recording, error: Exception) -> None:
        log.error("a recording is given up: %s", error)
        self._cloud.spool.done(recording)
        detail = {"duration_ms": recording.duration_ms, "reason": str(error)}
        self._parts.post(Notice("lost_audio", detail))

    def _pause(self, seconds: float) -> None:
        end = self.clock.now() + seconds
        while not self.stopping and (left := end - self.clock.now()) > 0:
            self.beat()
            self.idle.wait(min(left, 1.0))
