"""The microphone and the speaker with a canceller between them, behind the same seams."""

from __future__ import annotations

import logging
from typing import Protocol

import numpy

from agent.audio.device import Microphone, Speaker
from agent.audio.pcm import Assembler, packet_bytes
from agent.clock import Clock
from agent.ears.reference import Reference, Samples
from agent.errors import EndOfAudio, Overrun

log = logging.getLogger(__name__)


class ReferencedSpeaker:
    """``sink``, whose sound is noted in ``reference``; see :class:`~agent.audio.device.Speaker`."""

    def __init__(self, sink: Speaker, reference: Reference, rate: int, clock: Clock) -> None:
        self._sink, self._reference, self._clock = sink, reference, clock
        self._rate = rate
        self.open, self.check, self.drain = sink.open, sink.check, sink.drain

    @property
    def description(self) -> str:
        return self._sink.description

    @property
    def delay(self) -> float:
        return self._sink.delay

    def write(self, pcm: bytes) -> int:
        """Play whole samples, and note when they will have been heard.

        Noted before, as writing may take longer than the sound does to be heard.
        """
        sound = samples(pcm)
        end = self._clock.now() + self._sink.delay + len(sound) / self._rate
        self._reference.played(sound, end)
        return self._sink.write(pcm)

    def drop(self) -> None:
        """Silence at once; there will be no echo of the rest."""
        self._sink.drop()
        self._reference.silenced(self._clock.now())

    def close(self) -> None:
        """Give the device back; there will be no echo of the rest."""
        self._sink.close()
        self._reference.silenced(self._clock.now())


class Hearing(Protocol):
    """What is made of each packet of the microphone, in the capture thread."""

    def hear(self, near: Samples, far: Samples) -> Samples:
        """40 ms of the microphone, and of the speaker meanwhile; what is left of the former."""


class CancelledMicrophone:
    """``source`` without the speaker's sound, a packet a read.

    See :class:`~agent.audio.device.Microphone`.
    """

    def __init__(
        self, source: Microphone, reference: Reference, hearing: Hearing, rate: int, clock: Clock
    ) -> None:
        self._source, self._reference, self._hearing = source, reference, hearing
        self._clock = clock
        self._packet = packet_bytes(rate)
        self._assembler = Assembler(self._packet)
        self._packets: list[bytes] = []
        self._end: EndOfAudio | None = None
        self.realtime, self.close = source.realtime, source.close

    @property
    def description(self) -> str:
        return f"{self._source.description}, without the speaker's echo"

    def open(self) -> None:
        """Open the device, or open it anew; what was read of it and not given is forgotten."""
        self._source.open()
        self._end = None
        self._tear()

    def read(self) -> bytes:
        """A packet, or ``b""`` while there is none; a recording's last is filled with silence."""
        if not self._packets and self._end is not None:
            raise self._end
        if not self._packets:
            self._listen()
        return self._cancelled(self._packets.pop(0)) if self._packets else b""

    def _listen(self) -> None:
        try:
            data = self._source.read()
        except Overrun:
            self._tear()
            raise
        except EndOfAudio as end:
            rest = self._assembler.flush()
            if rest is None:
                raise
            self._packets.append(rest)
            self._end = end
            return
        if not data:  # such a read says nothing of when the next sample will have been captured
            return
        self._reference.captured(len(data) // 2, self._clock.now())
        self._packets += self._assembler.feed(data)

    def _tear(self) -> None:
        self._reference.torn()
        self._assembler.reset()
        self._packets.clear()

    def _cancelled(self, packet: bytes) -> bytes:
        near = samples(packet)
        return self._hearing.hear(near, self._reference.read(len(near))).tobytes()


def samples(pcm: bytes) -> Samples:
    """s16le as numbers."""
    return numpy.frombuffer(pcm, "<i2")
