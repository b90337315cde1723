"""What ``audio.echo: cancel`` is made of, put around the devices, the detector and the ring."""

from __future__ import annotations

import logging
from collections.abc import Callable

from agent.audio.device import Microphone, Speaker
from agent.audio.pcm import packet_bytes
from agent.audio.ring import VOICED, Ring
from agent.audio.vad import Vad
from agent.clock import Clock
from agent.ears.canceller import Canceller
from agent.ears.devices import CancelledMicrophone, ReferencedSpeaker
from agent.ears.gate import Gate
from agent.ears.linear import LinearCanceller
from agent.ears.reference import Reference
from agent.ears.stage import Stage
from agent.ears.tap import TappedRing
from agent.events import Notice

log = logging.getLogger(__name__)


class EchoCancellation:
    """The parts that share one canceller; ``rate`` in Hz, ``tapped`` where a wake word listens."""

    def __init__(
        self, rate: int, post: Callable[[Notice], None], clock: Clock, *, tapped: bool = False
    ) -> None:
        self._rate, self._clock, self._tapped = rate, clock, tapped
        self._gate = Gate()
        self._reference = Reference(rate)
        linear = _linear(rate) if tapped else None
        self._stage = Stage(lambda: Canceller(rate), linear, self._gate, post, clock)

    @property
    def out(self) -> bool:
        """Whether the canceller had to be left out, so that the guard must stand in for it."""
        return self._stage.out

    def speaker(self, sink: Speaker) -> Speaker:
        """``sink``, which tells the canceller what it plays."""
        return ReferencedSpeaker(sink, self._reference, self._rate, self._clock)

    def microphone(self, source: Microphone) -> Microphone:
        """``source`` without the speaker's sound."""
        return CancelledMicrophone(source, self._reference, self._stage, self._rate, self._clock)

    def linear(self) -> bytes | None:
        """The newest packet with the speaker only subtracted, once; None where there is none."""
        return self._stage.linear()

    def vad(self) -> Vad:
        """A detector that takes no echo's rest for a voice."""
        return GatedVad(self._rate, self._gate)

    def ring(self, capacity: int, memory: memoryview | None = None) -> Ring:
        """The packet ring, in ``memory`` if given; where a wake word listens it has a ``tap``."""
        size = packet_bytes(self._rate)
        if not self._tapped:
            return Ring(size, capacity, memory)
        return TappedRing(size, capacity, self._stage.linear, memory)


def _linear(rate: int) -> Callable[[], LinearCanceller] | None:
    try:
        LinearCanceller(rate)
    except OSError:
        log.warning(
            "the wake word is heard badly while the speaker talks: apt install libspeexdsp1"
        )
        return None
    return lambda: LinearCanceller(rate)


class GatedVad(Vad):
    """A voice is one only where ``gate`` says that it is a person's."""

    def __init__(self, rate: int, gate: Gate) -> None:
        super().__init__(rate)
        self._gate = gate

    def judge(self, packet: bytes) -> int:
        flags = super().judge(packet)
        return flags if self._gate.passes(bool(flags & VOICED)) else 0
