"""A connection as ``http.client`` wants a socket, but with waits of our own.

Each wait is bounded by the peer's silence and by a time for the whole exchange, what comes
is bounded in bytes, and whoever waits is asked whether to go on (``Cancelled``).
"""

from __future__ import annotations

import io
import select
import socket
import ssl
from typing import Any

from agent.clock import Clock
from agent.errors import LinkError
from agent.link.waiter import Cancelled, Waiter, never

#: A network slower than this is not waited for; each byte sent or received earns its time.
SLOWEST = 8 * 1024  # bytes a second
BUFFER = 8 * 1024
BLOCK = 16 * 1024  # bytes at a time: TLS does not tell how far it is within one


class Line:
    """Wraps a non-blocking socket; used by one thread at a time."""

    def __init__(self, sock: socket.socket, where: str, clock: Clock, silence: float) -> None:
        self._sock, self._where, self._clock, self._silence = sock, where, clock, silence
        self._cancelled: Cancelled = never
        self._deadline = 0.0
        self._most = 0
        self._readers = 0
        self._closed = False
        self.received = 0  #: bytes of this exchange

    def begin(self, size: int, total_s: float, most: int, cancelled: Cancelled) -> None:
        """A new exchange: ``size`` bytes to send, at most ``most`` to receive for now."""
        self._deadline = self._clock.now() + total_s + size / SLOWEST
        self._cancelled = cancelled
        self._most, self.received = most, 0

    def allow(self, most: int) -> None:
        """At most ``most`` bytes more may come."""
        self._most = self.received + most

    @property
    def stale(self) -> bool:
        """Whether it says something, or its end, though nothing was asked."""
        return bool(select.select([self._sock], [], [], 0)[0])

    def sendall(self, data: Any) -> None:
        """Send all of ``data``; LinkError ``timeout``, ``cancelled``; OSError."""
        view = memoryview(data)
        wait = self._wait()
        while view:
            try:
                view = view[self._sock.send(view[:BLOCK]) :]
                wait = self._wait()
            except (BlockingIOError, ssl.SSLWantWriteError):
                wait.until_ready(self._sock, write=True)
            except ssl.SSLWantReadError:
                wait.until_ready(self._sock, write=False)

    def read_into(self, buffer: memoryview) -> int:
        """Read what is there, waiting for it; as :meth:`sendall`, and ``garbage`` past a limit."""
        wait = self._wait()
        while True:
            try:
                size = self._sock.recv_into(buffer)
                break
            except (BlockingIOError, ssl.SSLWantReadError):
                wait.until_ready(self._sock, write=False)
            except ssl.SSLWantWriteError:
                wait.until_ready(self._sock, write=True)
        self.received += size
        if self.received > self._most:
            raise LinkError(f"the answer of {self._where} is too large", "garbage")
        return size

    def _wait(self) -> Waiter:
        deadline = self._deadline + self.received / SLOWEST
        silent = self._clock.now() + self._silence
        return Waiter(self._where, self._clock, min(silent, deadline), self._cancelled)

    # --- what http.client and urllib3 ask of a socket ----------------------------------------

    def makefile(self, mode: str = "rb", *_: Any, **__: Any) -> io.BufferedReader:
        """A reader; the socket stays open until it is closed too."""
        self._readers += 1
        return io.BufferedReader(_Reader(self), BUFFER)

    def settimeout(self, seconds: float | None) -> None:
        """Waits are bounded by the exchange instead."""

    def close(self) -> None:
        """Close, when the last reader is closed."""
        self._closed = True
        if self._readers == 0:
            self._sock.close()

    def abort(self) -> None:
        """Close at once: a library that failed may have left a reader behind."""
        self._closed = True
        self._sock.close()

    def reader_closed(self) -> None:
        self._readers -= 1
        if self._closed:
            self.close()


class _Reader(io.RawIOBase):
    def __init__(self, line: Line) -> None:
        self._line = line

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._line.read_into(memoryview(buffer))

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._line.reader_closed()
