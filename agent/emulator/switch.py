"""One port for HTTP, WebSockets and Wyoming: the first byte tells which a client speaks.

A Wyoming event begins with `{`, a request of HTTP with a letter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

_LINE = 65_536


class Switch(asyncio.Protocol):
    """Waits for the first byte of a connection, and gives it to whom it belongs.

    `waiting` has those that wait; `closing` tells that nobody is taken any more.
    """

    def __init__(
        self,
        http: Callable[[], asyncio.BaseProtocol],
        wyoming: Serve,
        waiting: set[Switch],
        closing: Callable[[], bool],
    ) -> None:
        self._http, self._wyoming = http, wyoming
        self._waiting, self._closing = waiting, closing
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if self._closing():
            transport.abort()  # it was taken, but too late
        self._waiting.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._waiting.discard(self)

    def stop(self) -> None:
        """End as a server that shuts down does."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        transport = self._transport
        assert transport is not None
        self._waiting.discard(self)
        chosen = self._events() if data.startswith(b"{") else self._http()
        assert isinstance(chosen, asyncio.Protocol)
        transport.set_protocol(chosen)
        chosen.connection_made(transport)
        chosen.data_received(data)

    def _events(self) -> asyncio.Protocol:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(_LINE, loop)
        return asyncio.StreamReaderProtocol(reader, self._wyoming, loop)
