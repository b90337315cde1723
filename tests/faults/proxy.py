"""A bad network: a TCP proxy in a thread, between the device and a server.

A test drives it while connections go through it.  Every order is carried out before its
call returns; data is moved by one thread, so orders and data never race.
"""

from __future__ import annotations

import queue
import select
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from math import inf
from typing import Literal

from agent.clock import SystemClock
from tests.faults.flow import READ, Flow, Pair, Weather

Direction = Literal["up", "down"]  # up: from the device to the server
BOTH: tuple[Direction, ...] = ("up", "down")
TICK_S = 0.005
RECEIVE_BUFFER = 4096  # so that a stall fills the TCP window soon


class Proxy:
    """Listens on a loopback port of its own, the same for its whole life."""

    def __init__(self, target: int) -> None:
        self.target = target  #: port of the server
        self.accepted = 0  #: connections so far
        self._clock = SystemClock()
        self._weather: dict[Direction, Weather] = {"up": Weather(), "down": Weather()}
        self._dark = False
        self._page: bytes | None = None
        self._pairs: list[Pair] = []
        self._orders: queue.SimpleQueue[tuple[Callable[[], None], threading.Event]] = (
            queue.SimpleQueue()
        )
        self._listener: socket.socket | None = _listen(0)
        self.port: int = self._listener.getsockname()[1]
        self._running = True
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        self._thread.start()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        self._order(self._stop)
        self._thread.join(5)

    # --- what a test may do ------------------------------------------------------------------

    def cut(self) -> None:
        """Reset every connection."""
        self._order(self._cut)

    def refuse(self) -> None:
        """Take no new connections: they are refused."""
        self._order(self._close_listener)

    def accept(self) -> None:
        """Take connections again."""
        self._order(self._open_listener)

    def stall(self, *directions: Direction) -> None:
        """Read nothing (both directions, if none is named)."""
        self._set("stalled", True, directions)

    def resume(self) -> None:
        """End `stall`: what waited flows."""
        self._set("stalled", False, BOTH)

    def delay(self, ms: float) -> None:
        """Deliver everything this much later, in each direction."""
        self._set("delay_s", ms / 1000, BOTH)

    def coalesce(self, ms: float) -> None:
        """Deliver what comes within each ``ms`` together (0: as it comes)."""
        self._set("lump_s", ms / 1000, BOTH)

    def throttle(self, bytes_per_s: float) -> None:
        """Let through this much in each direction."""
        self._set("bytes_per_s", bytes_per_s, BOTH)

    def split(self, size: int = READ) -> None:
        """Write at most ``size`` bytes at once."""
        self._set("split", size, BOTH)

    def half_close(self) -> None:
        """End the server's half of each connection; the device's goes on."""
        self._order(self._end_down)

    def blackhole(self) -> None:
        """Forward nothing, accept and forget: open connections die silently, and stay dead."""
        self._order(self._darken)

    def answer(self, page: bytes) -> None:
        """Answer each new connection's first data with ``page``, as a captive portal does."""
        self._order(lambda: self._serve(page))

    def restore(self) -> None:
        """End `blackhole` and `answer` for new connections."""
        self._order(lambda: self._serve(None))

    def calm(self) -> None:
        """A good network again; nothing is done to the connections there are."""
        self.resume()
        self.delay(0)
        self.coalesce(0)
        self.throttle(inf)
        self.split()
        self.restore()
        self.accept()

    # --- orders, in the proxy's thread -------------------------------------------------------

    def _order(self, call: Callable[[], None]) -> None:
        done = threading.Event()
        self._orders.put((call, done))
        if not done.wait(5):
            raise TimeoutError("the proxy does not obey")

    def _set(self, name: str, value: float, directions: tuple[Direction, ...]) -> None:
        def change() -> None:
            for direction in directions or BOTH:
                setattr(self._weather[direction], name, value)

        self._order(change)

    def _stop(self) -> None:
        self._running = False
        self._close_listener()
        self._cut()

    def _cut(self) -> None:
        for pair in self._pairs:
            pair.close(reset=True)
        self._pairs.clear()

    def _close_listener(self) -> None:
        if self._listener is not None:
            self._listener.close()
        self._listener = None

    def _open_listener(self) -> None:
        if self._listener is None:
            self._listener = _listen(self.port)

    def _end_down(self) -> None:
        for pair in self._pairs:
            with suppress(OSError):  # the device was quicker
                pair.device.shutdown(socket.SHUT_WR)
            if pair.down is not None:
                pair.down.lose()

    def _darken(self) -> None:
        self._dark = True
        for pair in self._pairs:
            for flow in pair.flows:
                flow.lose()

    def _serve(self, page: bytes | None) -> None:
        self._dark, self._page = False, page

    # --- data --------------------------------------------------------------------------------

    def _run(self) -> None:
        while self._running:
            with suppress(queue.Empty):
                call, done = self._orders.get_nowait()
                call()
                done.set()
                continue
            self._move()

    def _move(self) -> None:
        flows = {flow.source: (pair, flow) for pair in self._pairs for flow in pair.flows}
        readers = [sock for sock, (_, flow) in flows.items() if flow.may_read()]
        listeners = [] if self._listener is None else [self._listener]
        for sock in select.select(readers + listeners, [], [], TICK_S)[0]:
            if sock is self._listener:
                self._take()
            else:
                self._touch(*flows[sock], reading=True)
        for pair, flow in flows.values():
            self._touch(pair, flow, reading=False)

    def _touch(self, pair: Pair, flow: Flow, *, reading: bool) -> None:
        if pair not in self._pairs:
            return
        now = self._clock.now()
        try:
            if reading:
                self._read(pair, flow, now)
            else:
                flow.write(now)
        except OSError:
            self._drop(pair, reset=True)  # as the other side did to us
        if flow.ended and not flow.waiting and flow.sink is not None:
            self._drop(pair)

    def _read(self, pair: Pair, flow: Flow, now: float) -> None:
        data = flow.read(now)
        if pair.page is not None and data:
            pair.device.sendall(pair.page)
        if flow.ended or (pair.page is not None and data):
            flow.ended = True
            if flow.sink is None and flow is pair.up:  # a dead line tells the device nothing
                self._drop(pair)

    def _drop(self, pair: Pair, reset: bool = False) -> None:
        if pair in self._pairs:
            self._pairs.remove(pair)
        pair.close(reset)

    def _take(self) -> None:
        assert self._listener is not None
        device, _ = self._listener.accept()
        device.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.accepted += 1
        if self._dark or self._page is not None:
            up = Flow(device, None, self._weather["up"])
            self._pairs.append(Pair(device, None, up, None, self._page))
            return
        try:
            server = socket.create_connection(("127.0.0.1", self.target), 2)
        except OSError:  # the server is down: so is this connection
            Pair(device, None, Flow(device, None, Weather()), None).close(reset=True)
            return
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        up = Flow(device, server, self._weather["up"], filled_at=self._clock.now())
        down = Flow(server, device, self._weather["down"], filled_at=self._clock.now())
        self._pairs.append(Pair(device, server, up, down))


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    listener.bind(("127.0.0.1", port))
    listener.listen(16)
    return listener
