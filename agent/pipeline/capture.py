"""The capture thread: microphone to ring, at the pace of the microphone, never waiting.

Whatever happens to the device, the ring goes on: while there is no microphone,
silence stands in for it on the clock, so a session survives an unplugged headset
and times stay true.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from agent.audio.device import Microphone
from agent.audio.gain import Gain
from agent.audio.pcm import PACKET_MS, Assembler
from agent.audio.ring import FILLED, GUARDED, VOICED, Ring
from agent.audio.vad import Endpointer, SpeechStarted, Vad
from agent.clock import Clock
from agent.errors import Damaged, DeviceError, EndOfAudio, Overrun
from agent.events import (
    Event,
    MicrophoneBack,
    MicrophoneEnded,
    MicrophoneLost,
    VoiceStarted,
    VoiceStopped,
)
from agent.pipeline.news import Presence, Seldom
from agent.pipeline.stillness import Stillness
from agent.system.priority import real_time
from agent.threads import Worker

log = logging.getLogger(__name__)

INTERVAL_S = PACKET_MS / 1000


class Capture(Worker):
    """Owns the microphone; the only writer of the ring.

    ``echo`` tells whether our own speaker is talking (echo guard); ``post`` takes
    events and must not block; ``gain`` turns up what is written.
    """

    name = "capture"

    def __init__(
        self,
        source: Microphone,
        ring: Ring,
        vad: Vad,
        post: Callable[[Event], None],
        clock: Clock,
        *,
        echo: Callable[[], bool] | None = None,
        endpointer: Endpointer | None = None,
        gain: Gain | None = None,
    ) -> None:
        super().__init__(clock)
        self._source, self._ring, self._vad, self._post = source, ring, vad, post
        self._echo, self._endpointer, self._gain = echo, endpointer, gain
        self._stillness = Stillness(post) if source.realtime else None
        self._assembler = Assembler(ring.packet_bytes)
        self._size = ring.packet_bytes
        self._silence = bytes(self._size)
        self._presence = Presence(clock)
        self._overruns = Seldom("overrun", post, clock)
        self.overruns = 0

    def open(self) -> None:
        """Open the microphone; a card that is away or busy is waited for by the thread.

        Raises DeviceError for what is no card: it does not come by itself.
        """
        try:
            self._source.open()
        except DeviceError as error:
            if not self._source.realtime:
                raise
            self._lose(error)

    def run(self) -> None:
        real_time()
        try:
            if self._presence.away:
                self._reopen()
            while not self.stopping:
                self._read_until_lost()
        except EndOfAudio as end:
            self._finish(str(end) if isinstance(end, Damaged) else "")
        finally:
            self._source.close()
            self._overruns.flush()

    def _read_until_lost(self) -> None:
        try:
            while not self.stopping:
                self._read_once()
        except DeviceError as error:
            self._source.close()
            self._lose(error)
            self._reopen()

    def _lose(self, error: DeviceError) -> None:
        if self._presence.lost():
            log.warning("microphone lost: %s", error)
            self._post(MicrophoneLost(str(error)))

    def _read_once(self) -> None:
        """Read a packet (which is what a card that works gives), and store it."""
        try:
            data = self._source.read()
        except Overrun:
            self.overruns += 1
            self._overruns.add(count=1)
            return
        if len(data) != self._size or self._assembler.rest or self._presence.trying:
            self._take(data)
        else:
            self._store(data)
        if self._overruns.waiting:
            self._overruns.tell()

    def _store(self, packet: bytes) -> None:
        """Judge a packet and write it; the ring wakes who wants it."""
        vad = self._vad
        flags = vad.judge(packet)
        if self._stillness is not None:
            self._stillness.hear(vad.rms)
        if self._gain is not None:
            packet = self._gain.apply(packet, bool(flags & VOICED), vad.rms)
        if self._echo is not None and self._echo():
            flags |= GUARDED
        self.last_beat = now = self.clock.now()
        seq = self._ring.write(packet, now, flags)
        if self._endpointer is not None:
            self._listen(self._endpointer, seq, flags & (VOICED | GUARDED) == VOICED)

    # --- all but the live packet -------------------------------------------------------------

    def _take(self, data: bytes) -> None:
        """Sound of any length, none too, or the first from a device that was away."""
        if data and self._presence.trying and self._presence.works():
            log.info("microphone is back")
            self._post(MicrophoneBack())
        for packet in self._assembler.feed(data):
            self._store(packet)

    def _listen(self, endpointer: Endpointer, seq: int, voiced: bool) -> None:
        change = endpointer.feed(seq, voiced)
        if change is not None:
            started = isinstance(change, SpeechStarted)
            self._post(VoiceStarted(change.seq) if started else VoiceStopped(change.seq))

    def _reopen(self) -> None:
        """Write silence on the clock until the device opens again."""
        self._assembler.reset()
        due = self.clock.now()
        retry = due + self._presence.pause()
        while not self.stopping:
            if self.clock.now() >= retry:
                if self._try_open():
                    return
                retry = self.clock.now() + max(0.2, self._presence.pause())
            due += INTERVAL_S
            self.clock.sleep(due - self.clock.now())
            self.beat()
            seq = self._ring.write(self._silence, self.last_beat, FILLED)
            if self._endpointer is not None:
                self._listen(self._endpointer, seq, False)

    def _try_open(self) -> bool:
        try:
            self._source.open()
        except DeviceError as error:
            log.debug("microphone still away: %s", error)
            return False
        return True

    def _finish(self, damage: str) -> None:
        last = self._assembler.flush()
        if last is not None:
            self._store(last)
        self._post(MicrophoneEnded(self._ring.head, damage))
