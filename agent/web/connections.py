"""A bound on open connections: a device has few file descriptors, and the cloud needs one."""

from __future__ import annotations

import asyncio

from websockets.asyncio.server import ServerConnection


def bounded(limit: int) -> type[ServerConnection]:
    """Connections of which those over ``limit`` are cut off before they say anything."""
    open_now: set[ServerConnection] = set()

    class Bounded(ServerConnection):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            open_now.add(self)
            if len(open_now) > limit:
                self.transport.abort()

        def connection_lost(self, exc: Exception | None) -> None:
            open_now.discard(self)
            super().connection_lost(exc)

    return Bounded
