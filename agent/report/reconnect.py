"""When to connect again, and what else is due later.  Pure: time is an argument."""

from __future__ import annotations

import random
from collections.abc import Callable

from agent.clock import Backoff
from agent.report.signals import Down

#: A connection that held for this long, in seconds, was a good one: the backoff starts over.
#: Two devices that share an id throw each other out; this slows their fight down.
STEADY_S = 30.0


class Reconnect:
    """Waits between connections: exponential with jitter, the longest after a refusal.

    Args:
        shortest: seconds, the least wait.
        longest: seconds, the most.
    """

    def __init__(self, shortest: float, longest: float, rng: random.Random) -> None:
        self._shortest, self._longest, self._rng = shortest, longest, rng
        self._backoff = Backoff(shortest, max(0.0, longest - 2 * shortest), rng)
        self._up_since: float | None = None
        self._reason: str | None = None

    def up(self, now: float) -> None:
        """The broker accepted a connection."""
        self._up_since = now
        self._reason = None

    def down(self, signal: Down, now: float) -> float:
        """The connection ended; seconds to wait before the next one."""
        if self._up_since is not None and now - self._up_since >= STEADY_S:
            self._backoff.reset()
        self._up_since = None
        if signal.refused:
            return self._longest
        # Devices that lost their broker at one moment must not come back at one moment.
        return self._shortest * self._rng.uniform(1.0, 2.0) + self._backoff.next()

    def reset(self) -> None:
        """What ended the connections is mended: the next wait is a short one."""
        self._backoff.reset()

    def is_news(self, signal: Down) -> bool:
        """Whether this is worth a line in the log: not said before since the last connection."""
        news = signal.reason != self._reason
        self._reason = signal.reason
        return news


class Timers:
    """Calls to be made later, each at most once; setting one again moves it."""

    def __init__(self) -> None:
        self._due: dict[Callable[[], None], float] = {}

    def set(self, call: Callable[[], None], at: float) -> None:
        """Make ``call`` at the time ``at`` (monotonic seconds)."""
        self._due[call] = at

    def unset(self, call: Callable[[], None]) -> None:
        """Do not make ``call``."""
        self._due.pop(call, None)

    def bring_forward(self, call: Callable[[], None], at: float) -> None:
        """Make ``call``, which is set, at the time ``at`` where that is sooner."""
        self._due[call] = min(self._due[call], at)

    def clear(self) -> None:
        """Make none of the calls."""
        self._due.clear()

    def __contains__(self, call: Callable[[], None]) -> bool:
        return call in self._due

    def run(self, now: float) -> bool:
        """Make the calls that are due; whether there were any."""
        due = [call for call, at in self._due.items() if at <= now]
        for call in due:
            del self._due[call]
            call()
        return bool(due)

    def wait(self, now: float, longest: float) -> float:
        """Seconds until the next call is due, at most ``longest``, never negative."""
        return max(0.0, min([longest, *(at - now for at in self._due.values())]))
