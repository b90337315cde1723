"""A small HTTP server for strangers: so many callers at once, so long each, and no more.

Whoever drips bytes or only holds a connection open is hung up on in time, and where all
places are taken the one who has had a place longest makes room.
"""

from __future__ import annotations

import socket
import socketserver
import threading
from contextlib import suppress
from typing import Any

from agent.clock import Clock
from agent.threads import Worker

CALLERS = 8  # at once
TOTAL_S = 10.0  # of one caller, however it spends them
TURN_S = 0.2  # at most so long after a stop it ends


class Bounded(socketserver.ThreadingMixIn):
    """Mixed into a :class:`socketserver.TCPServer`; call :meth:`hang_up_late` now and then."""

    daemon_threads, block_on_close = True, False
    timeout: float | None = TURN_S
    clock: Clock

    def __init__(self, *args: Any, **options: Any) -> None:
        self._callers: dict[Any, float] = {}  # since when, oldest first
        self._lock = threading.Lock()
        super().__init__(*args, **options)

    def server_bind(self) -> None:
        """Without the look-up of this machine's name, which may wait for a network."""
        socketserver.TCPServer.server_bind(self)  # type: ignore[arg-type]
        self.server_name, self.server_port = self.socket.getsockname()[:2]  # type: ignore[attr-defined]

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread of its own."""
        with self._lock:
            if len(self._callers) >= CALLERS:
                self._hang_up(next(iter(self._callers)))
            self._callers[request] = self.clock.now()
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """The caller has been answered, or has gone."""
        with self._lock:
            self._callers.pop(request, None)
        super().shutdown_request(request)  # type: ignore[misc]

    def hang_up_late(self) -> None:
        """Let go of whoever has been here for too long."""
        late = self.clock.now() - TOTAL_S
        with self._lock:
            for request in [r for r, since in self._callers.items() if since <= late]:
                self._hang_up(request)

    def _hang_up(self, request: Any) -> None:
        """End its reads and writes; its thread does the rest."""
        del self._callers[request]
        with suppress(OSError):
            request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """A caller that goes away in mid-request is no news."""


class Listener(Worker):
    """The thread that takes the callers of ``server``, which is closed with it."""

    def __init__(self, server: Any, clock: Clock) -> None:
        super().__init__(clock)
        self._server = server
        server.clock = clock

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def run(self) -> None:
        try:
            while not self.stopping:
                self.beat()
                self._server.handle_request()
                self._server.hang_up_late()
        finally:
            self._server.server_close()
