"""The canceller in the capture thread: bounded, and left out when it is late or fails."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from agent.audio.pcm import PACKET_MS
from agent.clock import Clock
from agent.ears.gate import Gate
from agent.ears.reference import Samples
from agent.events import Notice

log = logging.getLogger(__name__)

SHARE_S = PACKET_MS / 1000 / 2  # it may take half of a packet's time,
PATIENCE_S = 0.4  # and so much more in all: when a program starts its threads wait for each other
REST_S = 60.0  # then it is tried anew


class Canceller(Protocol):
    """Takes the far end out of the near end; pieces of any whole number of 10 ms."""

    def process(self, near: Samples, far: Samples) -> Samples: ...


class Stage:
    """Cancels packet by packet; ``post`` takes its troubles and must not block.

    ``canceller`` makes what the service, and ``linear`` what the wake word is given, the speaker
    only subtracted.  While it is ``out`` packets pass as they are.
    """

    def __init__(
        self,
        canceller: Callable[[], Canceller],
        linear: Callable[[], Canceller] | None,
        gate: Gate,
        post: Callable[[Notice], None],
        clock: Clock,
    ) -> None:
        self._make, self._make_linear = canceller, linear
        self._gate, self._post, self._clock = gate, post, clock
        self._begin()
        self._linear_packet: bytes | None = None
        self._late = 0.0  # s beyond its share
        self._again = 0.0
        self.out = False  #: whether it is left out, so that the guard must stand in for it

    def hear(self, near: Samples, far: Samples) -> Samples:
        """A packet of the microphone, and of the speaker meanwhile; what is left of the former."""
        self._linear_packet = None
        begun = self._clock.now()
        if self.out and begun < self._again:
            return near
        try:
            if self._canceller is None:
                self._begin()
            clean = self._cancel(near, far)
        except Exception as error:  # noqa: BLE001 - a library's, and sound must go on
            self._leave(f"{type(error).__name__}: {error}")
            return near
        self._watch(self._clock.now() - begun)
        self._gate.feed(clean, far)
        return clean

    def linear(self) -> bytes | None:
        """The newest packet with the speaker only subtracted; None where there is no such."""
        packet, self._linear_packet = self._linear_packet, None
        return packet

    def _begin(self) -> None:
        self._canceller: Canceller | None = self._make()
        self._linear = self._make_linear() if self._make_linear else None

    def _cancel(self, near: Samples, far: Samples) -> Samples:
        assert self._canceller is not None
        if self._linear is not None:
            self._linear_packet = self._linear.process(near, far).tobytes()
        return self._canceller.process(near, far)

    def _watch(self, seconds: float) -> None:
        """Leave it out when it takes too long, or has come back to stay."""
        self._late = max(0.0, self._late + seconds - SHARE_S)
        if self._late >= PATIENCE_S:
            self._leave(f"takes {seconds * 1000:.0f} ms for {PACKET_MS} ms of sound")
        elif self.out and not self._late:
            self.out = False
            log.info("the echo canceller is back")
            self._post(Notice("echo_canceller_back"))

    def _leave(self, reason: str) -> None:
        self._late, self._again = 0.0, self._clock.now() + REST_S
        self._canceller = None
        self._gate.forget()
        if not self.out:
            self.out = True
            log.warning("the echo canceller is left out: %s", reason)
            self._post(Notice("echo_canceller_lost", {"reason": reason}))
