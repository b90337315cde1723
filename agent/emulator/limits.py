"""What a provider counts over time: requests in a while, and things that serve once."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque


class RateLimit:
    """At most `count` requests in any `per_ms` milliseconds; any thread may ask."""

    def __init__(self, count: int, per_ms: float = 1_000) -> None:
        self.count = count
        self._per_ms = per_ms
        self._taken: deque[float] = deque()
        self._lock = threading.Lock()

    def take(self, now_ms: float) -> bool:
        """Whether one more is allowed now; one that is not does not count."""
        with self._lock:
            while self._taken and self._taken[0] <= now_ms - self._per_ms:
                self._taken.popleft()
            allowed = len(self._taken) < self.count
            if allowed:
                self._taken.append(now_ms)
            return allowed


class Once:
    """Remembers for `keep_ms` what was used; any thread may ask."""

    def __init__(self, keep_ms: float) -> None:
        self._keep_ms = keep_ms
        self._used: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, name: str, now_ms: float) -> bool:
        """Whether this is its first use."""
        with self._lock:
            while self._used and next(iter(self._used.values())) <= now_ms - self._keep_ms:
                self._used.popitem(last=False)
            if name in self._used:
                return False
            self._used[name] = now_ms
            return True
