"""Time: the only file of the package that reads a clock.

Pure code takes ``now`` (seconds, monotonic) as an argument; threads take a
:class:`Clock`.  Tests pass a :class:`ManualClock` and move it by hand.
"""

from __future__ import annotations

import math
import random
import time
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Protocol

#: A wall clock before this was never set: no device has run this program so early.
RELEASED = datetime(2026, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """What a thread may ask about time."""

    def now(self) -> float:
        """Seconds on a clock that never jumps (monotonic)."""

    def utc(self) -> datetime:
        """The wall clock, aware, UTC; may jump when NTP sets it."""

    def sleep(self, seconds: float) -> None:
        """Wait; not at all when ``seconds`` is not positive."""


class SystemClock:
    """The clock of this machine."""

    now = staticmethod(time.monotonic)  # asked many times a packet: no frame of ours around it

    def utc(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            time.sleep(seconds)


class ManualClock:
    """A clock for tests: it moves only when told, or when somebody sleeps on it."""

    def __init__(self, start: float = 0.0) -> None:
        self._now = start
        self.epoch = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> float:
        return self._now

    def utc(self) -> datetime:
        return datetime.fromtimestamp(self.epoch.timestamp() + self._now, UTC)

    def sleep(self, seconds: float) -> None:
        self.advance(max(0.0, seconds))

    def advance(self, seconds: float) -> None:
        """Move ``seconds`` forward."""
        self._now += seconds


def rfc3339(moment: datetime) -> str:
    """``2026-01-01T00:00:00.000Z``: the one time format dragoman publishes."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def is_set(clock: Clock) -> bool:
    """Whether the wall clock can be right (boards without a battery begin in 1970)."""
    return clock.utc() >= RELEASED


def offset(clock: Clock) -> float:
    """The wall clock less the steady one (s): changes only when somebody sets the clock."""
    return clock.utc().timestamp() - clock.now()


def stamp(clock: Clock) -> str:
    """This moment as :func:`rfc3339`; a mark for :func:`dated` while the clock is not set."""
    now = clock.utc()
    if now >= RELEASED:
        return rfc3339(now)
    return f"@{boot()}+{clock.now():.3f}"


def dated(mark: str, clock: Clock) -> str | None:
    """The time a :func:`stamp` stands for; None where that is not known (yet).

    A mark counts from the start of the machine: after the next start it means nothing.
    """
    if not mark.startswith("@"):
        return mark
    born, _, at = mark[1:].partition("+")
    if born != boot() or not is_set(clock):
        return None
    return rfc3339(clock.utc() - timedelta(seconds=clock.now() - float(at)))


@cache
def boot() -> str:
    """Tells this start of the machine from every other."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
    except OSError:
        return "0"


class Backoff:
    """Delays between retries: none at first, then exponential with full jitter.

    The n-th delay after the first is uniform in ``[0, min(cap, base * 2**n)]`` seconds.
    Full jitter spreads a fleet that lost its cloud at one moment over the whole interval.
    """

    def __init__(
        self, base: float = 0.5, cap: float = 30.0, rng: random.Random | None = None
    ) -> None:
        self._base, self._cap = base, cap
        self._rng = rng or random.Random()
        self.attempts = 0

    def next(self, away: float = math.inf) -> float:
        """Seconds to wait before the next attempt, at most the ``away`` (s) that passed.

        Quick failures (connections refused) must not make a short outage a long one.
        """
        attempt, self.attempts = self.attempts, self.attempts + 1
        if attempt == 0:
            return 0.0
        ceiling = min(self._cap, self._base * 2.0 ** min(attempt - 1, 32))
        return self._rng.uniform(0.0, min(ceiling, max(self._base, away)))

    def reset(self) -> None:
        """Start over: the thing retried has worked."""
        self.attempts = 0
