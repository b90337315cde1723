"""The player thread: jitter buffer to speaker, with barge-in, half duplex and short sounds."""

from __future__ import annotations

import logging
from collections.abc import Callable

from agent.audio.chime import Chime
from agent.audio.depth import Depth
from agent.audio.device import Speaker
from agent.audio.jitter import JitterBuffer
from agent.audio.pcm import SAMPLE_BYTES, scale
from agent.clock import Clock
from agent.errors import DeviceError
from agent.events import Event, Notice, SpeakerStarted, SpeakerStopped
from agent.pipeline.news import Presence, Seldom
from agent.report.telemetry import Telemetry
from agent.system.priority import real_time
from agent.threads import Wake, Worker

log = logging.getLogger(__name__)

PERIOD_S = 0.02
STOCK_S = 2 * PERIOD_S  # of silence in the speaker while it is kept open
LOOK_S = 2.0  # looks around at least this often, also when nothing is spoken
QUIET_S = 0.2  # so much silence means the sentence is over, not that it is late
BUFFER_S = 120  # speech kept at most
GUARD_S = 0.2  # the room goes on sounding after the speaker stops


class Player(Worker):
    """Owns the speaker; others only hand in speech and set flags."""

    name = "player"

    def __init__(
        self,
        sink: Speaker,
        rate: int,
        prebuffer_ms: int,
        volume: int,
        telemetry: Telemetry,
        post: Callable[[Event], None],
        clock: Clock,
        *,
        keep_open_s: float = 0.0,
        lead_in_ms: int = 0,
    ) -> None:
        super().__init__(clock)
        self._sink, self._telemetry, self._post = sink, telemetry, post
        self._period = int(rate * PERIOD_S) * SAMPLE_BYTES
        self._jitter = JitterBuffer(Depth(prebuffer_ms / 1000), rate, BUFFER_S)
        self._wake = Wake()
        self._presence = Presence(clock)
        self._underruns = Seldom("underrun", post, clock)
        self._dropped = Seldom("speech_dropped", post, clock)
        self._cut = self._discard = False
        self._overflow = 0  # bytes the buffer had no room for that were told
        self._away = False  # closed, and not yet opened again
        self._silent_at: float | None = None  # when the speaker runs dry, or has
        self._silence = bytes(self._period)
        self._keep_open, self._open_until = keep_open_s, 0.0
        self._lead_in = bytes(rate * lead_in_ms // 1000 * SAMPLE_BYTES)
        self._running = False  # the speaker plays, be it silence
        self._stopped_at = -GUARD_S
        self._chime = Chime(b"")
        self._chimed_until = -GUARD_S  # when the speaker has played the last of it
        self.volume = volume  #: 0–100
        self.held = False  #: keep speech back while somebody talks (push-to-talk is half duplex)
        self.speaking = False  #: whether speech is coming out of the speaker
        self._show_depth()

    # --- from other threads ------------------------------------------------------------------

    def speech(self, pcm: bytes) -> None:
        """Take synthesised speech, any number of bytes."""
        if self._discard:
            self._jitter.skip(pcm)
            return
        dropped = self._jitter.put(pcm, self.clock.now())
        if dropped:
            self._telemetry.count("speech_bytes_dropped", dropped)
        self._wake.set()

    def new_stream(self) -> None:
        """A new connection: no half sample of the old one belongs to it."""
        self._jitter.new_stream()
        self._discard = False

    def sentence(self) -> None:
        """A new sentence is settled: what is spoken from now on is wanted again."""
        self._discard = False
        self._jitter.sentence()

    def barge_in(self) -> None:
        """Silence at once, and no more of the sentence being spoken.

        Where nothing is spoken nothing is dropped: an answer that is still to come is
        wanted, and waits until nobody talks.
        """
        self._discard = self.pending
        self._cut = self.pending or not self._chime.over
        self._chime = Chime(b"")
        self._wake.set()

    def chime(self, pcm: bytes) -> None:
        """Play a short sound (whole samples), over speech if there is any; the newest counts.

        It is no speech: nothing waits for it, and it waits for nobody.
        """
        self._chime = Chime(pcm)
        self._wake.set()

    def hold(self, held: bool) -> None:
        """Keep speech back (true) or let it out."""
        self.held = held
        self._wake.set()

    @property
    def audible(self) -> bool:
        """Whether the microphone may hear the speaker now (echo guard)."""
        return self.speaking or self.clock.now() < self._stopped_at + GUARD_S or self.chiming

    @property
    def chiming(self) -> bool:
        """Whether the microphone may hear a short sound now."""
        return not self._chime.over or self.clock.now() < self._chimed_until + GUARD_S

    @property
    def pending(self) -> bool:
        """Whether speech is waiting or playing; a speaker that is away plays none."""
        return not self._away and (self.speaking or len(self._jitter) > 0)

    # --- the thread --------------------------------------------------------------------------

    def wake(self) -> None:
        self._wake.set()

    def open(self, *, patient: bool) -> None:
        """Open the speaker; where ``patient``, one that is away is waited for by the thread.

        Raises DeviceError where not.
        """
        try:
            self._sink.open()
        except DeviceError as error:
            if not patient:
                raise
            self._away = True
            self._lose(error)

    def run(self) -> None:
        real_time()
        try:
            if self._away:
                self._reopen()
            while not self.stopping:
                self._play_until_lost()
        finally:
            self._sink.close()
            self._underruns.flush()

    def _play_until_lost(self) -> None:
        try:
            while not self.stopping:
                self.beat()
                self._turn()
        except DeviceError as error:
            self._sink.close()
            self._lose(error)
            self._running = False
            self._stop()
            self._reopen()

    def _lose(self, error: DeviceError) -> None:
        if self._presence.lost():
            log.warning("speaker lost: %s", error)
            self._post(Notice("speaker_lost", {"reason": str(error)}))

    def _turn(self) -> None:
        if self._cut:
            self._cut = False
            self._jitter.clear()
            self._sink.drop()
            self._running = False
            self._stop()
        now = self.clock.now()
        portion = b"" if self.held else self._jitter.take(self._period, now, self._sink.delay)
        sound = self._chime.take(len(portion) or self._period)
        if portion:
            self._write(self._chime.mixed(portion, sound))
        elif sound:
            self._begin()
            self._sink.write(scale(sound, self.volume))
        else:
            self._pause(now)
        if sound:
            self._chimed_until = self.clock.now() + self._sink.delay
        if self._presence.trying and self._presence.works():
            log.info("speaker is back")
            self._post(Notice("speaker_back"))
        self._tell()

    def _write(self, portion: bytes) -> None:
        if not self.speaking:
            self.speaking = True
            self._post(SpeakerStarted())
        self._begin()
        paused, self._silent_at = self._silent_at is not None, None
        gap = self._jitter.gap
        if gap:
            self._underruns.add(count=1, gap_ms=round(gap * 1000))
            self._show_depth()
        elif paused and self._jitter.first and not self._keep_open:
            self._sink.drain()  # a silence between two sentences
        # The speaker tells of the same silence, or of one that a late thread made.
        if self._sink.write(scale(portion, self.volume)) or gap:
            self._telemetry.count("underruns")

    def _begin(self) -> None:
        if not self._running:
            self._running = True
            self._play(self._lead_in)  # a speaker that sleeps swallows it, not the first syllable

    def _pause(self, now: float) -> None:
        self._sink.check()
        ready = None if self.held else self._jitter.ready_at()
        until = now + LOOK_S if ready is None else min(ready, now + LOOK_S)
        if self.speaking and self._silent_at is None:
            self._silent_at = now + self._sink.delay
        if self._silent_at is not None and ready is None:
            over = self._silent_at + QUIET_S
            until = min(until, over)
            if now >= over:
                self._open_until = now + self._keep_open
                self._stop()
        if self._running and not self.speaking and now >= self._open_until:
            self._sink.drain()
            self._running = False
        elif self._running and self._keep_open:
            until = min(until, self._play_on())
        self._wake.wait(until - now)

    def _play_on(self) -> float:
        """Keep the speaker playing, silence, so that an amplifier hears no stop; until when."""
        if self._sink.delay < STOCK_S:
            self._sink.write(self._silence)
        return self.clock.now() + max(0.0, self._sink.delay - PERIOD_S)

    def _play(self, pcm: bytes) -> None:
        for at in range(0, len(pcm), self._period):
            self._sink.write(pcm[at : at + self._period])

    def _stop(self) -> None:
        self._silent_at = None
        self._jitter.rest()
        self._show_depth()
        if self.speaking:
            self.speaking = False
            self._stopped_at = self.clock.now()
            self._post(SpeakerStopped())

    def _show_depth(self) -> None:
        self._telemetry.gauge("jitter_ms", round(self._jitter.depth.seconds * 1000))

    def _tell(self) -> None:
        """News of this thread's own; what others dropped it learns from the buffer."""
        dropped = self._jitter.overflow - self._overflow
        if dropped:
            self._overflow += dropped
            self._dropped.add(bytes=dropped)
        self._dropped.tell()
        self._underruns.tell()

    def _rest(self, seconds: float) -> None:
        """Wait, though speech comes meanwhile."""
        end = self.clock.now() + seconds
        while not self.stopping and (left := end - self.clock.now()) > 0:
            self._wake.wait(left)

    def _reopen(self) -> None:
        self._away = True
        while not self.stopping:
            self.beat()
            self._tell()
            self._rest(max(0.2, self._presence.pause()))
            try:
                self._sink.open()
            except DeviceError as error:
                log.debug("speaker still away: %s", error)
                continue
            self._away = False
            return
