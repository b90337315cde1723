"""One direction of a proxied connection: what is on its way, and how the weather treats it."""

from __future__ import annotations

import socket
import struct
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from math import ceil, inf

READ = 4096
HOLD = 8192  # bytes on their way at most, unless they are only delayed
BURST_S = 0.05  # of its rate, what a throttle saves up
RESET = struct.pack("ii", 1, 0)


@dataclass
class Weather:
    """What happens to the data of all connections in one direction."""

    stalled: bool = False  # not read, so that the TCP window fills
    delay_s: float = 0.0
    lump_s: float = 0.0  # what comes within this time arrives together
    bytes_per_s: float = inf
    split: int = READ  # bytes in one write, at most


@dataclass(eq=False)
class Flow:
    """One direction of one connection."""

    source: socket.socket
    sink: socket.socket | None  # None: nowhere
    weather: Weather
    waiting: deque[tuple[float, bytes]] = field(default_factory=deque)
    held: int = 0
    credit: float = 0.0
    filled_at: float = 0.0
    ended: bool = False

    def may_read(self) -> bool:
        room = self.held < HOLD or self.weather.delay_s > 0
        return room and not self.weather.stalled and not self.ended

    def read(self, now: float) -> bytes:
        data = self.source.recv(READ)
        if self.sink is not None and data:
            due = now + self.weather.delay_s
            lump = self.weather.lump_s
            self.waiting.append((ceil(due / lump) * lump if lump else due, data))
            self.held += len(data)
        self.ended = not data
        return data

    def write(self, now: float) -> None:
        """Pass on what is due, as much as throttle and sink take."""
        self._earn(now)
        while self.sink is not None and self.waiting and self.waiting[0][0] <= now:
            due, data = self.waiting[0]
            allowed = min(len(data), self.weather.split, int(self.credit))
            if allowed <= 0:
                return
            try:
                sent = self.sink.send(data[:allowed], socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            self.credit -= 0 if self.weather.bytes_per_s == inf else sent
            self.held -= sent
            self.waiting.popleft()
            if sent < len(data):
                self.waiting.appendleft((due, data[sent:]))

    def lose(self) -> None:
        """From now on everything is lost on the way."""
        self.sink = None
        self.waiting.clear()
        self.held = 0

    def _earn(self, now: float) -> None:
        """What the throttle allows has grown since the last look."""
        rate = self.weather.bytes_per_s
        if rate == inf:
            self.credit = READ
        else:
            self.credit = min(self.credit + rate * (now - self.filled_at), rate * BURST_S)
        self.filled_at = now


@dataclass(eq=False)
class Pair:
    """One connection: the device's socket, the server's, and what flows between."""

    device: socket.socket
    server: socket.socket | None
    up: Flow
    down: Flow | None
    page: bytes | None = None  # answered instead of the server

    @property
    def sockets(self) -> list[socket.socket]:
        return [self.device] if self.server is None else [self.device, self.server]

    @property
    def flows(self) -> list[Flow]:
        return [self.up] if self.down is None else [self.up, self.down]

    def close(self, reset: bool = False) -> None:
        for sock in self.sockets:
            if reset:
                with suppress(OSError):  # it may be gone already
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            sock.close()
