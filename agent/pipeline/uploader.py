"""The uploader thread: sends what waits in the spool, oldest first, and hands on the answers."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from agent.clock import is_set
from agent.errors import LinkError, Refused, UsageError
from agent.events import Notice, Result, ServiceEvent, SpeechAt
from agent.link.spool import Recording
from agent.link.uplink import Answer
from agent.pipeline.answers import Answers
from agent.pipeline.cloud import Parts
from agent.pipeline.reach import Reach
from agent.pipeline.utterances import Utterances
from agent.threads import Worker

log = logging.getLogger(__name__)

STRIKES = 5  # refusals of a recording while others were taken: then it is the recording
DAY_S = 86_400.0
PROBE_MS = 600

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
        self._cloud, self._parts, self._answers = cloud, parts, answers
        self._exchange, self._fetch, self._on_stop = exchange, fetch, on_stop
        self._reach = Reach(cloud, parts, self, lambda seconds: cloud.idle.wait(seconds))
        self._numbers: Counter[str] = Counter()
        self._taken = 0  # recordings the service took
        self._strikes: dict[int, tuple[int, int]] = {}  # by recording: how many, ``_taken`` then

    def wake(self) -> None:
        if self.stopping:
            self._on_stop()
        self._cloud.idle.set()

    def run(self) -> None:
        while not self.stopping:
            self.beat()
            self._expire()
            recording = self._cloud.spool.oldest()
            if recording is not None:
                self._upload(recording)
            elif self._reach.away and self._cloud.wanted:
                self._probe()
            else:
                self._cloud.idle.wait(1.0)

    def _upload(self, recording: Recording) -> None:
        try:
            events = self._exchange(recording)
            self._answers.need(events)
        except LinkError as error:
            self._unreachable(error)
        except Refused as error:
            self._refused(recording, error)
        except UsageError as error:
            self._give_up(recording, error)
        else:
            self._worked()
            self._taken += 1
            if not self._cloud.claim(recording):
                return  # another service has it by now
            self._cloud.spool.answered(recording)
            final = self._hand_on(recording, events)
            self._cloud.unspoken_ms = recording.duration_ms
            self._answered(recording, final)
            self._parts.telemetry.count("clips_sent")
            self._speak(events)  # last: whatever comes of it, the recording is answered
            self._cloud.unspoken_ms = 0

    def _probe(self) -> None:
        """Somebody wants to know whether the service is back: a little silence."""
        self._cloud.wanted = False
        rate, pair = self._parts.config.audio.rate, self._parts.provider.pair
        silence = bytes(2 * rate * PROBE_MS // 1000)
        try:
            self._answers.need(self._exchange(Recording(0, "", 0, pair, rate, silence)))
            self._worked()
        except LinkError as error:
            self._unreachable(error)
        except Refused as error:
            if error.about == "recording":
                self._worked()  # it looked at it
            else:
                self._reach.refused(error)

    def _hand_on(self, recording: Recording, events: Sequence[ServiceEvent]) -> str | None:
        """The id of the last final of it that goes to the disk."""
        final = None
        for event in events:
            if isinstance(event, Result):
                self._answers.session = recording.session
                answer = self._place(recording, event)
                self._answers.result(event, answer, recording.pair)
                if event.final and (event.text or event.translation):
                    final = f"{recording.session}-{answer.number}"
            elif not isinstance(event, SpeechAt):
                self._answers.other(event)
        return final

    def _place(self, recording: Recording, result: Result) -> Answer:
        number = self._numbers[recording.session]
        self._numbers[recording.session] += 1
        start = recording.start_ms + (result.start_ms or 0)
        length = recording.duration_ms if result.end_ms is None else result.end_ms
        return Answer(number, start, recording.start_ms + length, recording.replayed)

    def _speak(self, events: Sequence[ServiceEvent]) -> None:
        for event in events:
            if not isinstance(event, SpeechAt) or not self._cloud.tts:
                continue
            try:
                self._parts.player.speech(self._fetch(event.url))
            except (LinkError, Refused, UsageError) as error:
                log.warning("the translation cannot be spoken: %s", error)
                self._parts.post(Notice("speech_missing", {"reason": str(error)}))

    # --- trouble -----------------------------------------------------------------------------

    def _worked(self) -> None:
        if not self._cloud.connected:
            self._cloud.connected = True
            self._reach.reached(self._cloud.session)
        self._reach.worked()

    def _unreachable(self, error: LinkError) -> None:
        if not self.stopping:
            self._cloud.connected = False
            self._reach.unreachable(error)

    def _refused(self, recording: Recording, error: Refused) -> None:
        """Give up what the service will not have; keep everything else, and let others go first."""
        if error.about == "recording":
            self._worked()  # it looked at it
            self._give_up(recording, error)
        elif self._struck(recording, error):
            self._give_up(recording, error)
        else:
            self._cloud.spool.later(recording)
            self._cloud.connected = False
            self._reach.refused(error)

    def _struck(self, recording: Recording, error: Refused) -> bool:
        """Whether it was refused for good too often, each time after others were taken."""
        count, taken = self._strikes.get(recording.number, (0, -1))
        if not error.retryable and taken != self._taken:
            count += 1
        self._strikes[recording.number] = (count, self._taken)
        return count >= STRIKES

    def _expire(self) -> None:
        """Recordings do not wait for ever, and cards die."""
        spool = self._cloud.spool
        for recording in spool.spoiled():
            self._give_up(recording, UsageError("the disk does not give it back"))
        if not is_set(self.clock):
            return
        days = self._parts.config.network.recordings_max_days
        for recording in spool.expire(self.clock.utc().timestamp(), days * DAY_S):
            self._give_up(recording, UsageError(f"it waited for {days} days"))

    def _give_up(self, recording: Recording, error: Exception) -> None:
        if not self._cloud.claim(recording):
            return  # another service has it by now
        log.error("a recording is given up: %s", error)
        self._done(recording)
        detail = {"duration_ms": recording.duration_ms, "reason": str(error)}
        self._parts.post(Notice("lost_audio", detail))

    def _answered(self, recording: Recording, final: str | None) -> None:
        """Forget it when its answer is on the disk."""
        if final is None:
            self._done(recording)
        else:
            self._strikes.pop(recording.number, None)
            self._parts.after_saved(final, partial(self._cloud.spool.done, recording))

    def _done(self, recording: Recording) -> None:
        self._cloud.spool.done(recording)
        self._strikes.pop(recording.number, None)
