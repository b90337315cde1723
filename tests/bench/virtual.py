"""Virtual time for simulations: exact to the event, as fast as the machine computes."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

from agent.clock import ManualClock
from agent.threads import Wake


class VirtualClock(ManualClock):
    """A clock on which things are planned; they happen when somebody's waiting passes them."""

    def __init__(self) -> None:
        super().__init__()
        self._plan: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()  # of things planned for one moment

    def at(self, seconds: float, action: Callable[[], None]) -> None:
        """Do ``action`` at ``seconds``."""
        heapq.heappush(self._plan, (seconds, next(self._order), action))

    def step(self, end: float) -> None:
        """Go on to the next thing planned, and do it, or to ``end`` if that is earlier."""
        if self._plan and self._plan[0][0] <= end:
            when, _, action = heapq.heappop(self._plan)
            super().advance(max(0.0, when - self.now()))
            action()
        else:
            super().advance(max(0.0, end - self.now()))

    def advance(self, seconds: float) -> None:
        end = self.now() + seconds
        while self.now() < end:
            self.step(end)


class VirtualWake(Wake):
    """A wake-up whose waits pass virtual time, to the very event that gives it."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock, self._given = clock, False

    def set(self) -> None:
        self._given = True

    def wait(self, seconds: float | None) -> bool:
        assert seconds is not None, "a wait for ever would never end"
        end = self._clock.now() + max(0.0, seconds)
        while not self._given and self._clock.now() < end:
            self._clock.step(end)
        given, self._given = self._given, False
        return given

    def close(self) -> None:
        """There is no descriptor to give back."""
