"""The WebSocket to one client: keeps messages in order, journals them, suffers the faults."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable

from aiohttp import WSMessage, web

from agent.emulator.faults import Fault
from agent.emulator.garbage import garbage
from agent.emulator.journal import Connection, Kind, Sent

_CLOSE_TIMEOUT_S = 1.0
_LINGER_NONE = struct.pack("ii", 1, 0)


class Ended(Exception):
    """The connection is to end now, in the way given."""

    def __init__(self, how: str, code: int | None = None, reason: str = "") -> None:
        super().__init__(how)
        self.how, self.code, self.reason = how, code, reason


class Peer:
    """One client. All waiting here ends when the task that waits is cancelled."""

    def __init__(self, request: web.Request, page: Connection) -> None:
        self._request, self._page = request, page
        self._socket = web.WebSocketResponse(timeout=_CLOSE_TIMEOUT_S, compress=False)
        self._loop = asyncio.get_running_loop()
        self._opened_s = self._loop.time()
        self._outbox: asyncio.Queue[tuple[str | bytes, Kind, float]] = asyncio.Queue()
        self._thawed = asyncio.Event()
        self._thawed.set()
        self._slow: Fault | None = None
        self._slow_until_ms = float("inf")

    @property
    def response(self) -> web.WebSocketResponse:
        """What the request is answered with."""
        return self._socket

    def now_ms(self) -> float:
        """The age of the connection."""
        return (self._loop.time() - self._opened_s) * 1000

    async def accept(self) -> None:
        """Answer the upgrade."""
        await self._socket.prepare(self._request)

    async def receive(self, until_ms: float) -> WSMessage:
        """The next message; `TimeoutError` when there is none in time."""
        await self._thawed.wait()
        wait_s = max(0.001, (until_ms - self.now_ms()) / 1000)
        try:
            return await self._socket.receive(timeout=wait_s)
        except TimeoutError:
            await self._thawed.wait()  # nobody is late while the emulator is frozen
            raise

    def post(self, message: str | bytes, kind: Kind) -> None:
        """Send this when everything posted before is sent, and as late as the faults want it."""
        self._outbox.put_nowait((message, kind, self.now_ms()))

    async def flush(self) -> None:
        """Wait until everything posted is sent."""
        await self._outbox.join()

    async def write(self) -> None:
        """Send what is posted, for ever; `Ended` when the client is gone.

        Only this waits for a slow or frozen line, so that reading never does.
        """
        while True:
            message, kind, at_ms = await self._outbox.get()
            if self._slow and self.now_ms() < self._slow_until_ms:
                late_ms = at_ms + self._slow.delay_ms - self.now_ms()
                await asyncio.sleep(max(0.0, late_ms) / 1000)
            await self._thawed.wait()
            await self._send(message)
            self._page.note_sent(Sent(self.now_ms(), kind, message))
            self._outbox.task_done()

    async def _send(self, message: str | bytes) -> None:
        try:
            if isinstance(message, bytes):
                await self._socket.send_bytes(message)
            else:
                await self._socket.send_str(message)
        except (ConnectionError, RuntimeError):
            # aiohttp reports a connection that is closing as one or the other.
            raise Ended("gone") from None

    def suffer(self, fault: Fault, thaw: Callable[[float, float], None]) -> None:
        """Carry out a fault of the connection itself; `thaw` is told about a freeze's end."""
        if fault.do == "reset":
            raise Ended("reset")
        if fault.do == "close":
            raise Ended("closed", int(fault.code or 1011), fault.msg)
        if fault.do == "freeze":
            self._freeze(fault, thaw)
        elif fault.do == "slow":
            self._slow = fault
            for_ms = float("inf") if fault.for_ms is None else fault.for_ms
            self._slow_until_ms = self.now_ms() + for_ms
        else:
            for message in garbage(fault.count, fault.seed):
                self.post(message, "garbage")

    def _freeze(self, fault: Fault, thaw: Callable[[float, float], None]) -> None:
        self._thawed.clear()
        # A `receive` that is waiting already would go on answering pings.
        self._request.protocol.pause_reading()
        if fault.for_ms is not None:
            self._loop.call_later(fault.for_ms / 1000, self._thaw, fault.for_ms, thaw)

    def _thaw(self, frozen_ms: float, thaw: Callable[[float, float], None]) -> None:
        thaw(self.now_ms(), frozen_ms)
        self._request.protocol.resume_reading()
        self._thawed.set()

    async def end(self, ended: Ended) -> None:
        """End the connection the way it is to end; nothing may be sent afterwards."""
        if ended.how == "reset":
            abort(self._request)
        else:
            self._request.protocol.resume_reading()
            await self._socket.close(code=ended.code or 1000, message=ended.reason.encode())


def abort(request: web.Request) -> None:
    """Reset the TCP connection of this request, without a goodbye."""
    transport = request.transport
    if transport is not None:
        linger_none(transport.get_extra_info("socket"))
        transport.abort()


def linger_none(sock: socket.socket) -> None:
    """Have this socket end with a reset when it is closed."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)
