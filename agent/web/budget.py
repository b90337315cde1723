"""How fast a page may ask: a token bucket."""

from __future__ import annotations


class Budget:
    """Allows ``burst`` at once and ``per_s`` a second in the long run."""

    def __init__(self, per_s: float, burst: int, now: float) -> None:
        self._per_s, self._burst = per_s, burst
        self._left, self._at = float(burst), now

    def spend(self, now: float) -> bool:
        """Take one; false when there is none left."""
        self._left = min(self._burst, self._left + (now - self._at) * self._per_s)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
