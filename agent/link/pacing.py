"""Pacing: audio leaves at exactly 1:1 real time, never faster.

A token bucket on absolute time.  One token is one packet; a token appears every
``interval`` seconds on a grid that never drifts, and at most ``depth`` wait unused.
So over any window of T seconds at most ``T / interval + depth`` packets leave.
"""

from __future__ import annotations

from math import inf


class TokenBucket:
    """``depth`` tokens at first, then one each ``interval`` seconds.

    Kept as one number, the time at which there is a token (the "theoretical arrival
    time" of the generic cell rate algorithm, less its tolerance): no float error builds
    up over months, as it would with a fractional token count.
    """

    def __init__(self, interval: float, depth: int = 3) -> None:
        self._interval = interval
        self._tolerance = (depth - 1) * interval
        self.refill()

    def refill(self) -> None:
        """A new connection: what was spent on the old one does not count."""
        self.ready_at = -inf  #: when the next packet may leave (s); it may be long past

    def take(self, now: float) -> None:
        """Spend one token; the caller has waited until :attr:`ready_at`."""
        full_before = now - self._tolerance
        ready = self.ready_at
        self.ready_at = (ready if ready > full_before else full_before) + self._interval

    def spare(self, now: float) -> bool:
        """Whether another packet could leave with the one that leaves now."""
        return self.ready_at + self._interval <= now
