"""The callback address: a small HTTP server that takes deliveries from a service.

It answers as the protocol says and hands each delivery on once; a service may
deliver the same result again when it did not hear the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from agent.clock import Clock
from agent.errors import RunError
from agent.threads import Worker

MAX_BODY = 4 * 1024 * 1024
PATIENCE_S = 10.0  # of a caller that does not finish its request

#: Takes a body, gives the body of the answer.
Deliver = Callable[[bytes], bytes]


class CallbackServer(Worker):
    """Listens on ``port`` of all addresses (0: any free one); RunError when it cannot."""

    name = "callback"

    def __init__(self, port: int, deliver: Deliver, clock: Clock) -> None:
        super().__init__(clock)
        handler = type("Handler", (_Handler,), {"deliver": staticmethod(deliver)})
        try:
            self._server = HTTPServer(("", port), handler)
        except OSError as error:
            raise RunError(
                f"service.callback_port: cannot listen on {port}: {error.strerror}"
            ) from error
        self._server.timeout = 0.2

    @property
    def port(self) -> int:
        return int(self._server.server_port)

    def run(self) -> None:
        try:
            while not self.stopping:
                self.beat()
                self._server.handle_request()
        finally:
            self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    timeout = PATIENCE_S
    server_version, sys_version = "dragoman", ""
    deliver: Deliver

    def do_POST(self) -> None:
        """Take one delivery."""
        length = self.headers.get("Content-Length", "")
        digits = length.isascii() and length.isdigit()
        if not digits or len(length) > 10 or int(length) > MAX_BODY:
            self.send_error(413 if digits else 411)
            return
        try:
            body = self.rfile.read(int(length))
        except TimeoutError:
            return
        answer = self.deliver(body)
        self.send_response(200)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        """Deliveries are counted elsewhere; the access log would only be noise."""
