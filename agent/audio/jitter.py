"""The jitter buffer between the network and the speaker.

Speech comes in messages of any size, in bursts or late; the speaker takes even
portions.  The buffer holds back until ``prebuffer`` bytes are there (or the first
ones have waited ``patience`` seconds, so that a short word is spoken too), then gives
until it is empty.  A message may end in the middle of a sample: its odd byte is
carried to the next message, so what is stored, given or dropped is always whole
16-bit samples.
"""

from __future__ import annotations

import threading


class JitterBuffer:
    """A bounded queue of samples with a prebuffer; one thread puts, one takes.

    ``prebuffer`` and ``limit`` are bytes, ``patience`` seconds.
    """

    def __init__(self, prebuffer: int, limit: int, patience: float) -> None:
        self.prebuffer, self.limit, self.patience = prebuffer, limit & ~1, patience
        self.overflow = 0  #: bytes thrown away because the buffer was full, in all
        self._bytes = bytearray()
        self._carry = b""
        self._since: float | None = None  # when the oldest stored sample came
        self._open = False
        self._lock = threading.Lock()

    def put(self, pcm: bytes, now: float) -> int:
        """Append speech; returns how many bytes had no room and were dropped."""
        with self._lock:
            pcm = self._carry + pcm
            whole = len(pcm) & ~1
            self._carry = pcm[whole:]
            kept = min(whole, self.limit - len(self._bytes))
            self._bytes += pcm[:kept]
            if self._since is None and self._bytes:
                self._since = now
            self.overflow += whole - kept
            return whole - kept

    def skip(self, pcm: bytes) -> None:
        """Pass over a message that is not wanted: only where samples begin is kept."""
        with self._lock:
            pcm = self._carry + pcm
            self._carry = pcm[len(pcm) & ~1 :]

    def take(self, size: int, now: float) -> bytes:
        """Up to ``size`` bytes, whole samples; empty while it prebuffers or when it ran dry."""
        with self._lock:
            self._open = self._open or self._filled(now)
            if not self._open:
                return b""
            portion = bytes(self._bytes[: size & ~1])
            del self._bytes[: size & ~1]
            if not self._bytes:
                self._since = None
            self._open = bool(portion)
            return portion

    def clear(self) -> int:
        """Barge-in: forget what is stored; returns how many bytes that was."""
        with self._lock:
            dropped = len(self._bytes)
            self._bytes.clear()
            self._since, self._open = None, False
            return dropped

    def new_stream(self) -> None:
        """A new connection: half a sample of the old one is not part of it."""
        with self._lock:
            self._carry = b""

    def ready_at(self) -> float | None:
        """When :meth:`take` gives something even if nothing more comes; None if never."""
        with self._lock:
            if self._since is None:
                return None
            ready = self._open or len(self._bytes) >= self.prebuffer
            return self._since if ready else self._since + self.patience

    def __len__(self) -> int:
        return len(self._bytes)

    def _filled(self, now: float) -> bool:
        if self._since is None:
            return False
        return len(self._bytes) >= self.prebuffer or now >= self._since + self.patience
