"""Opening a WebSocket, and saying in plain words what answered in its place."""

from __future__ import annotations

import socket

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus, InvalidURI
from websockets.uri import parse_uri

from agent.clock import Clock
from agent.errors import LinkError, Refused, UsageError
from agent.link.dial import Dialer, Limits, Target
from agent.link.portal import portal, with_date
from agent.link.waiter import Cancelled, never
from agent.link.websocket import MAX_MESSAGE, WebSocket
from agent.services.answers import retry_after
from agent.services.base import Endpoint
from agent.services.shapes import Response

SEND_BUFFER = 32 * 1024  # bytes; about a second of audio: a backlog belongs in the ring


def connect(
    endpoint: Endpoint,
    limits: Limits,
    dialer: Dialer,
    cancelled: Cancelled = never,
) -> WebSocket:
    """Open ``endpoint`` with the WebSocket handshake.

    Raises LinkError (retry) or Refused (HTTP 401/403/404: retrying cannot mend it soon).
    """
    try:
        uri = parse_uri(endpoint.url)
    except InvalidURI as error:
        raise UsageError(f"service.url: {error}") from error
    protocol = ClientProtocol(uri, max_size=MAX_MESSAGE)
    sock = dialer.open(Target.of(endpoint.url), limits, cancelled)
    connection = WebSocket(sock, protocol, limits, dialer.clock)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        connection.shake_hands(endpoint.headers, cancelled)
        if protocol.handshake_exc is not None:
            raise _failure(protocol.handshake_exc, dialer.clock)
    except BaseException:  # whatever ends this, nothing half made stays open
        sock.close()
        raise
    return connection


def _failure(error: Exception, clock: Clock) -> LinkError | Refused:
    if not isinstance(error, InvalidStatus):
        return LinkError(f"not a WebSocket service: {error}", "handshake")
    status = error.response.status_code
    headers = {name.lower(): value for name, value in error.response.headers.raw_items()}
    answer = with_date(Response(status, headers, bytes(error.response.body or b"")), clock)
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
