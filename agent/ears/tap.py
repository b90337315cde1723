"""A second ear on the same memory: the microphone before the echo's rest was suppressed.

What suits a voice detector and a speech service does not suit a wake word: where speaker and person
talk at once a suppressor takes too much of the person.  So the wake word listens to the same
packets with the speaker only subtracted, under the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable

from agent.audio.ring import Ring


class TappedRing(Ring):
    """A ring with a second one, ``tap``, written in step with it: the same numbers and times.

    ``linear`` gives the tap's packet for the one being written; None where that is the same,
    such as the silence that stands in for a microphone that is away.
    """

    def __init__(
        self,
        packet_bytes: int,
        capacity: int,
        linear: Callable[[], bytes | None],
        memory: memoryview | None = None,
    ) -> None:
        super().__init__(packet_bytes, capacity, memory)
        self.tap = Ring(packet_bytes, capacity)
        self.tap.head = self.head  # a wake word said to a process before this one is no matter
        self._linear = linear

    def write(self, packet: bytes, at: float, flags: int = 0) -> int:
        """As :meth:`Ring.write`; who is told of it finds the packet on both."""
        self.tap.write(self._linear() or packet, at, flags)
        return super().write(packet, at, flags)
