"""Pacing: audio leaves at exactly 1:1 real time, never faster.

A token bucket on absolute time.  One token is one packet; a token appears every
``interval`` seconds on a grid that never drifts, and at most ``depth`` wait unused.
So over any window of T seconds at most ``T / interval + depth`` packets leave.
"""

from __future__ import annotations


class TokenBucket:
    """``depth`` tokens at first, then one each ``interval`` seconds.

    Kept as one number, the time at which the bucket would be full ("theoretical
    arrival time" of the generic cell rate algorithm): no float error builds up over
    months, as it would with a fractional token count.
    """

    def __init__(self, interval: float, depth: int = 3) -> None:
        self.interval = interval
        self.depth = depth
        self._full_at: float | None = None

    def ready_at(self, now: float) -> float:
        """When the next packet may leave (s); not after ``now`` when it may leave at once."""
        if self._full_at is None:
            return now
        return self._full_at - (self.depth - 1) * self.interval

    def take(self, now: float) -> None:
        """Spend one token; the caller has waited until :meth:`ready_at`."""
        full_at = now if self._full_at is None else max(self._full_at, now)
        self._full_at = full_at + self.interval

    def refill(self) -> None:
        """A new connection: what was spent on the old one does not count."""
        self._full_at = None
