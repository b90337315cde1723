"""Opening a WebSocket, and saying in plain words what answered in its place.

``websocket-client`` makes the request and judges the answer, on a connection of ours: it
sees a socket that waits within our limits and ends in our errors.
"""

from __future__ import annotations

import socket
from base64 import b64encode
from http.cookies import CookieError
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from agent import __version__
from agent.clock import Clock
from agent.errors import LinkError, Refused, UsageError
from agent.link.dial import Dialer, Limits, Target
from agent.link.portal import portal, with_date
from agent.link.waiter import Cancelled, Waiter, blocked, never
from agent.link.websocket import WebSocket
from agent.printable import one_line
from agent.services.answers import retry_after
from agent.services.base import Endpoint
from agent.services.shapes import Response
from agent.system.modules import replaced

# TLS is begun by us, and only where it is used; the one SHA-1 of a handshake needs no OpenSSL.
with replaced({"ssl": None, "_hashlib": None}):
    import websocket
    from websocket import WebSocketBadStatusException, WebSocketException
    from websocket._handshake import CookieJar

SEND_BUFFER = 32 * 1024  # bytes; about a second of audio: a backlog belongs in the ring
MOST_HEAD = 16 * 1024  # bytes of the answer's head
MOST_ANSWER = 1024 * 1024  # bytes of all of it: a page that stands in place of the service
READ_SIZE = 4096
SAFE = "/?&=#%:@!$'()*+,;~[]"  # in a path or query as it was written


def connect(
    endpoint: Endpoint,
    limits: Limits,
    dialer: Dialer,
    cancelled: Cancelled = never,
) -> WebSocket:
    """Open ``endpoint`` with the WebSocket handshake.

    Raises LinkError (retry) or Refused (HTTP 401/403/404: retrying cannot mend it soon).
    """
    target, url = Target.of(endpoint.url), _ascii(endpoint.url)
    sock = dialer.open(target, limits, cancelled)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        deadline = dialer.clock.now() + limits.connect
        line = _Line(sock, Waiter(str(target), dialer.clock, deadline, cancelled))
        _shake_hands(line, url, endpoint, dialer.clock)
        return WebSocket(sock, limits, dialer.clock, line.rest)
    except BaseException:  # whatever ends this, nothing half made stays open
        sock.close()
        raise


class _Line:
    """As much of a socket as the handshake needs; LinkError where the waiting ends it."""

    def __init__(self, sock: socket.socket, wait: Waiter) -> None:
        self._sock, self._wait = sock, wait
        self._read = self._head = 0  # bytes of the answer; of its head, which is read singly
        self.rest = b""  #: read and not asked for: frames that came with the answer

    def gettimeout(self) -> float:
        """Nobody else waits for it."""
        return 0.0

    def send(self, data: bytes) -> int:
        left = memoryview(data)
        while left:
            try:
                left = left[self._sock.send(left) :]
            except OSError as error:
                if not blocked(error):
                    raise
                self._wait.until_ready(self._sock, write=True)
        return len(data)

    def recv(self, size: int) -> bytes:
        self._head += size == 1
        if self._head > MOST_HEAD or self._read > MOST_ANSWER:
            raise LinkError("not a WebSocket service: its answer has no end", "handshake")
        while not self.rest:
            try:
                self.rest = self._sock.recv(READ_SIZE)
            except OSError as error:
                if not blocked(error):
                    raise
                self._wait.until_ready(self._sock, write=False)
                continue
            if not self.rest:
                return b""
            self._read += len(self.rest)
        data, self.rest = self.rest[:size], self.rest[size:]
        return data

    def close(self) -> None:
        """The socket is closed by whoever opened it."""


def _shake_hands(line: _Line, url: str, endpoint: Endpoint, clock: Clock) -> None:
    library: Any = websocket.WebSocket()
    headers = {"User-Agent": f"dragoman/{__version__}", **_login(endpoint.url), **endpoint.headers}
    try:
        library.connect(url, socket=line, header=headers, suppress_origin=True, redirect_limit=0)
    except WebSocketBadStatusException as error:
        body = error.resp_body or line.rest
        raise _refusal(error.status_code, error.resp_headers, body, clock) from error
    except (WebSocketException, ValueError, CookieError, OSError) as error:
        status = library.getstatus()
        if status is not None and status != 101:  # a redirect, which is not followed
            raise _refusal(status, library.getheaders(), b"", clock) from error
        detail = one_line(str(error))[:200]
        raise LinkError(f"not a WebSocket service: {detail}", "handshake") from error
    finally:
        CookieJar.jar.clear()  # the library would send them with the next connection


def _refusal(
    status: int, headers: dict[str, str] | None, body: bytes, clock: Clock
) -> LinkError | Refused:
    answer = with_date(Response(status, headers or {}, body), clock)
    trouble = portal(answer)
    if trouble is not None:
        return trouble
    if status in (401, 403, 404):
        return Refused(
            f"the service refused the connection (HTTP {status}): check service.url and "
            "the credentials",
            str(status),
        )
    if status == 200:
        return LinkError(
            f"HTTP {status} instead of a WebSocket: a captive portal or proxy answers in place "
            "of the service; log in to the network",
            "portal",
        )
    return LinkError(
        f"the service is not available (HTTP {status})",
        "http",
        retry_after_s=retry_after(answer.headers),
    )


def _login(url: str) -> dict[str, str]:
    """The header for a name and a password in ``url`` (RFC 7617)."""
    parts = urlsplit(url)
    if parts.username is None:
        return {}
    both = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Authorization": f"Basic {b64encode(both.encode()).decode()}"}


def _ascii(url: str) -> str:
    """``url`` as it is written in a request; UsageError where that cannot be."""
    try:
        parts = urlsplit(url)
        if parts.scheme not in ("ws", "wss") or not parts.hostname:
            raise ValueError(f"{url} is no ws:// or wss:// URL")
        host = parts.hostname.encode("idna").decode()
        host = f"[{host}]" if ":" in host else host
        place = f"{host}:{parts.port}" if parts.port else host
        path, query = quote(parts.path, safe=SAFE), quote(parts.query, safe=SAFE)
        return urlunsplit((parts.scheme, place, path, query, ""))
    except ValueError as error:
        raise UsageError(f"service.url: {error}") from error
