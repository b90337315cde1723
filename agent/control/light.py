"""The state light: patterns a person can tell apart across a room."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agent.clock import Clock
from agent.threads import Wake, Worker

#: For each state: (lit, seconds) in a cycle; 0 seconds: stay so.
PATTERNS: dict[str, Sequence[tuple[bool, float]]] = {
    "starting": ((True, 0.1), (False, 0.1)),  # flicker
    "idle": ((False, 0.0),),  # dark
    "listening": ((True, 0.0),),  # steady
    "thinking": ((True, 0.25), (False, 0.25)),  # quick, even
    "speaking": ((True, 0.8), (False, 0.2)),  # mostly lit, a wink
    "follow_up": ((True, 0.1), (False, 0.9)),  # idle, and no wake word is needed: a spark
    "offline": ((True, 0.1), (False, 0.2), (True, 0.1), (False, 1.6)),  # two blips
    "fault": ((True, 0.1), (False, 0.2)) * 3 + ((False, 1.2),),  # three blips
}

DARK, WHITE = (False, False, False), (True, True, True)

#: What a lamp of three colours shows: (red, green, blue).
COLOURS: dict[str, tuple[bool, bool, bool]] = {
    "starting": WHITE,
    "idle": DARK,
    "listening": (False, False, True),  # blue
    "thinking": (True, True, False),  # yellow
    "speaking": (False, True, False),  # green
    "follow_up": (False, True, True),  # cyan
    "offline": (True, False, True),  # magenta
    "fault": (True, False, False),  # red
}


class Light(Worker):
    """Plays the pattern of the newest state.

    ``switch`` is given the state to shine for, or None for a dark moment of its pattern.
    """

    name = "light"

    def __init__(self, switch: Callable[[str | None], None], clock: Clock) -> None:
        super().__init__(clock)
        self._switch = switch
        self._state = "starting"
        self._wake = Wake()

    def show(self, state: str) -> None:
        """Show ``state`` from now on, from the beginning of its pattern."""
        if state != self._state:
            self._state = state
            self._wake.set()

    def follow(self, state: Mapping[str, Any]) -> None:
        """Show what is published on ``state``."""
        follow_up = state["state"] == "idle" and state["follow_up"]
        self.show("follow_up" if follow_up else state["state"])

    def wake(self) -> None:
        self._wake.set()

    def run(self) -> None:
        while not self.stopping:
            state = self._state
            for lit, seconds in PATTERNS[state]:
                self._switch(state if lit else None)
                if self._wake.wait(seconds or None):
                    break
        self._switch(None)
