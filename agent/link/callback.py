"""The callback address: a small HTTP server that takes deliveries from a service.

It stands open to the world, so it knows one kind of caller only: one that has the ticket of a
job that is waited for, as the last part of the path.  Others are sent away unread.
"""

from __future__ import annotations

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from agent.clock import Clock
from agent.errors import RunError
from agent.link.listener import Bounded, Listener

MAX_BODY = 1024 * 1024  # bytes; fifteen minutes of speech are some ten thousand characters

#: Takes a ticket and what reads the body; gives the answer, None for a ticket nobody has.
Deliver = Callable[[str, Callable[[], bytes]], bytes | None]


class CallbackServer(Listener):
    """Listens on ``port`` of all addresses (0: any free one); RunError when it cannot."""

    name = "callback"

    def __init__(self, port: int, deliver: Deliver, clock: Clock) -> None:
        handler = type("Handler", (_Handler,), {"deliver": staticmethod(deliver)})
        try:
            server = _Server(("", port), handler)
        except OSError as error:
            raise RunError(
                f"service.callback_port: cannot listen on {port}: {error.strerror}"
            ) from error
        super().__init__(server, clock)


class _Server(Bounded, HTTPServer):
    pass


class _Handler(BaseHTTPRequestHandler):
    server_version, sys_version = "dragoman", ""
    deliver: Deliver

    def do_POST(self) -> None:
        """Take one delivery."""
        length = self.headers.get("Content-Length", "")
        digits = length.isascii() and length.isdigit()
        if not digits or len(length) > 10 or int(length) > MAX_BODY:
            self.send_error(413 if digits else 411)
            return
        ticket = self.path.partition("?")[0].rpartition("/")[2]
        answer = self.deliver(ticket, lambda: self._body(int(length)))
        if answer is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def _body(self, length: int) -> bytes:
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionError("the caller went away")
        return body

    def log_message(self, format: str, *args: Any) -> None:
        """Deliveries are counted elsewhere; the access log would only be noise."""
