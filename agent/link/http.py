"""HTTP: sends the requests the protocols make; foreign errors end here.

Connections are kept alive and reused, but none that has been idle for long: a NAT on the
way may have forgotten it without a word.  Requests are not sent twice: a service that has
seen one, by its salt or its number, refuses the second.  Whoever asked signs it anew.

``urllib3`` was chosen over requests and httpx for memory and import time on a small board.
It writes and reads HTTP; connections and their waits are ours (``dial``, ``line``).
"""

from __future__ import annotations

import http.client
import socket
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from urllib3 import BaseHTTPResponse
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ProtocolError
from urllib3.util import parse_url

from agent.errors import DragomanError, LinkError, UsageError
from agent.link.dial import Dialer, Limits, Target
from agent.link.line import Line
from agent.link.proxy import login, refusal
from agent.link.waiter import Cancelled, never
from agent.services.shapes import Request, Response

HEAD_MOST = 256 * 1024  # bytes before the body, however many headers there are
#: Bytes, unpacked: text, of which Python makes up to twenty times as much; and sound.
MAX_TEXT, MAX_SOUND = 4 * 1024 * 1024, 8 * 1024 * 1024
PIECE = 4096
IDLE_S = 20.0  # how long a connection is kept; careless NATs forget after 30 s
KEPT = 4  # connections
#: Bytes; the kernel doubles it.  What waits there on a slow network must not look like silence.
SEND_BUFFER = 64 * 1024


class HttpClient:
    """Sends requests; may be used by several threads.

    ``timeout_s`` bounds connecting and each silence of the server, ``total_s`` a request
    with its answer, besides the time their size takes (see ``line.SLOWEST``).
    ``cancelled`` is asked ten times a second by whoever waits.
    """

    def __init__(
        self,
        dialer: Dialer,
        timeout_s: float = 30.0,
        total_s: float = 120.0,
        cancelled: Cancelled = never,
    ) -> None:
        self._dialer = dialer
        self._limits = Limits(connect=min(10.0, timeout_s), silence=timeout_s)
        self._total_s, self._cancelled = total_s, cancelled
        self._lock = threading.Lock()
        self._kept: list[_Kept] = []
        weakref.finalize(self, _close_all, self._kept)  # at the latest

    def send(self, request: Request, most: int = MAX_TEXT) -> Response:
        """The whole answer, whatever its status; LinkError when there is none, or more than
        ``most`` bytes."""
        with self._exchange(request, most) as answer:
            body = answer.read(most, decode_content=True)
            return Response(answer.status, _headers(answer), body or b"")

    def stream(self, request: Request) -> Iterator[bytes]:
        """The body in pieces as they come; LinkError when it breaks off.

        An answer that is not a success comes in one piece, like any other.
        """
        size = 0
        with self._exchange(request, MAX_TEXT) as answer:
            while size < MAX_TEXT and (piece := answer.read1(PIECE)):
                size += len(piece)
                yield piece

    def close(self) -> None:
        """Close the kept connections."""
        with self._lock:
            _close_all(self._kept)

    @contextmanager
    def _exchange(self, request: Request, most: int) -> Iterator[BaseHTTPResponse]:
        """One request and its answer: the one place where foreign errors become ours."""
        target = _target(request.url)
        try:
            kept = self._take(target) or self._connect(target)
            try:
                yield (answer := self._ask(kept, request, most))
                if answer.read1(1):  # larger than ``most``: not to be read to its end
                    raise LinkError(f"the answer of {target} is too large", "garbage")
            except BaseException:  # whatever ends this: what was not read is no next answer
                kept.line.abort()
                raise
            self._keep(kept)
        except DragomanError:
            raise
        except Exception as error:  # a server can make the library raise anything
            raise _translated(target, error) from error

    def _ask(self, kept: _Kept, request: Request, most: int) -> BaseHTTPResponse:
        parts = parse_url(request.url)
        headers, place = dict(request.headers), parts.request_uri
        proxy = self._dialer.proxy(kept.target)
        forwarder = None if kept.target.secure else proxy
        if forwarder is not None:  # RFC 9112, 3.2.2
            headers, place = headers | login(forwarder), parts.url
        kept.line.begin(len(request.body), self._total_s, HEAD_MOST, self._cancelled)
        with suppress(BrokenPipeError, ConnectionResetError):  # it may have answered before
            kept.connection.request(
                request.method,
                place,
                body=request.body or None,
                headers=headers,
                preload_content=False,
            )
        answer = kept.connection.getresponse()
        if forwarder is not None and answer.status == 407:
            raise refusal(answer.status, forwarder, str(kept.target))
        if "," in answer.headers.get("content-encoding", ""):
            raise LinkError(f"the answer of {kept.target} is packed more than once", "garbage")
        kept.line.allow(2 * most)  # unpacked it is smaller, but for the frames around chunks
        return answer

    # --- connections -------------------------------------------------------------------------

    def _connect(self, target: Target) -> _Kept:
        limits = self._limits
        if target.secure:
            sock = self._dialer.open(target, limits, self._cancelled)
        else:
            sock = self._dialer.connect(target, limits, self._cancelled, forwarding=True)
        with suppress(OSError):  # gone already: the first write will tell
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        line = Line(sock, str(target), self._dialer.clock, limits.silence)
        kind = HTTPSConnection if target.secure else HTTPConnection
        connection = kind(target.host, target.port)
        connection.sock = line
        return _Kept(target, connection, line, 0.0)

    def _take(self, target: Target) -> _Kept | None:
        """A kept connection to ``target`` that is neither old nor closed; drops those that are."""
        now, found = self._dialer.clock.now(), None
        with self._lock:
            for each in list(self._kept):
                fresh = now - each.since <= IDLE_S and not each.line.stale
                if fresh and (found is not None or each.target != target):
                    continue
                self._kept.remove(each)
                if fresh:
                    found = each
                else:
                    each.connection.close()
        return found

    def _keep(self, kept: _Kept) -> None:
        kept.since = self._dialer.clock.now()
        with self._lock:
            if kept.connection.sock is not None and len(self._kept) < KEPT:
                self._kept.append(kept)
                return
        kept.connection.close()


@dataclass(slots=True, eq=False)
class _Kept:
    """A connection, and since when it is idle (s)."""

    target: Target
    connection: HTTPConnection
    line: Line
    since: float


def _close_all(kept: list[_Kept]) -> None:
    while kept:
        kept.pop().connection.close()


def _target(url: str) -> Target:
    """Where to connect for ``url``, which a server may have named; LinkError ``garbage``."""
    try:
        target = Target.of(url)
    except UsageError:
        target = Target("", 0, secure=False)
    if not target.host or not url.lower().startswith(("http://", "https://")):
        raise LinkError(f"{url[:80]!r} is no address HTTP can reach", "garbage")
    return target


def _headers(answer: BaseHTTPResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in answer.headers.items()}


def _translated(target: Target, error: Exception) -> LinkError:
    """What the library raised, in our words."""
    name, cause = type(error).__name__, error
    if isinstance(error, ProtocolError) and isinstance(error.args[-1], Exception):
        cause = error.args[-1]
    if isinstance(cause, OSError | http.client.IncompleteRead):
        return LinkError(f"the connection to {target} was lost ({name})", "reset")
    return LinkError(f"{target} sent an answer that is no HTTP ({name})", "garbage")
