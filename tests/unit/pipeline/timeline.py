"""A clock for tests of single workers: things happen at set times while the worker sleeps."""

from __future__ import annotations

from collections.abc import Callable

from agent.clock import ManualClock


class Timeline(ManualClock):
    """A manual clock that runs what was planned when it comes by."""

    def __init__(self) -> None:
        super().__init__()
        self._plan: list[tuple[float, Callable[[], None]]] = []

    def at(self, seconds: float, action: Callable[[], None]) -> None:
        """Run ``action`` at ``seconds``."""
        self._plan.append((seconds, action))
        self._plan.sort(key=lambda entry: entry[0])

    def advance(self, seconds: float) -> None:
        end = self.now() + seconds
        while self._plan and self._plan[0][0] <= end:
            when, action = self._plan.pop(0)
            super().advance(max(0.0, when - self.now()))
            action()
        super().advance(max(0.0, end - self.now()))
