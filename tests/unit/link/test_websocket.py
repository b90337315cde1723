"""The WebSocket over real TCP: both directions at once, and every way to lose it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from agent.clock import SystemClock
from agent.config.schema import Network
from agent.errors import LinkError, Refused
from agent.link.dial import Dialer, Limits
from agent.link.handshake import connect as connect_by
from agent.link.waiter import Cancelled, never
from agent.link.websocket import WebSocket
from agent.services.base import Endpoint, Message
from tests.patience import HANG_S

LIMITS = Limits(connect=2, silence=1)


def connect(endpoint: Endpoint, limits: Limits, cancelled: Cancelled = never) -> WebSocket:
    return connect_by(endpoint, limits, Dialer(Network(), SystemClock(), {}), cancelled)


@contextmanager
def server(handler: Callable[[ServerConnection], None]) -> Iterator[str]:
    def guarded(connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            handler(connection)

    with serve(guarded, "127.0.0.1", 0) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"ws://127.0.0.1:{running.socket.getsockname()[1]}/path"
        running.shutdown()
        thread.join(HANG_S)


@contextmanager
def raw_server(answer: bytes) -> Iterator[str]:
    """Answers every connection with the same bytes and nothing more."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run() -> None:
            while True:
                try:
                    peer, _ = listener.accept()
                except OSError:
                    return
                with peer:
                    peer.recv(4096)
                    peer.sendall(answer)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield f"ws://127.0.0.1:{listener.getsockname()[1]}/"
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(HANG_S)


@contextmanager
def opened(url: str, limits: Limits = LIMITS) -> Iterator[WebSocket]:
    ws = connect(Endpoint(url), limits)
    try:
        yield ws
    finally:
        ws.close()


def receive(ws: WebSocket, count: int) -> list[Message]:
    messages: list[Message] = []
    while len(messages) < count:
        messages += ws.receive()
    return messages


def echo(connection: ServerConnection) -> None:
    for message in connection:
        connection.send(message)


def test_text_and_binary_of_any_size_come_back() -> None:
    sent: list[Message] = ["héllo", b"", b"\x00" * 200_001, "x" * 70_000]
    with server(echo) as url, opened(url) as ws:
        for message in sent:
            ws.send(message)
        assert receive(ws, len(sent)) == sent


def test_fragments_are_put_together() -> None:
    def handler(connection: ServerConnection) -> None:
        connection.send(["frag", "ment", "ed"])
        connection.send([b"\x01", b"\x02"])
        connection.recv()

    with server(handler) as url, opened(url) as ws:
        assert receive(ws, 2) == ["fragmented", b"\x01\x02"]


def test_a_ping_measures_the_round_trip() -> None:
    with server(echo) as url, opened(url) as ws:
        ws.ping()
        ws.send("after")
        receive(ws, 1)
        assert ws.round_trip_s is not None
        assert ws.round_trip_s > 0


def test_one_thread_sends_while_another_receives() -> None:
    total = 2_000
    with server(echo) as url, opened(url) as ws:
        sender = threading.Thread(target=_send_numbered, args=(ws, total))
        sender.start()
        received = receive(ws, total)
        sender.join(HANG_S)
    assert [int.from_bytes(bytes(m[:4]), "big") for m in received if isinstance(m, bytes)] == list(
        range(total)
    )


def _send_numbered(ws: WebSocket, total: int) -> None:
    for n in range(total):
        ws.send(n.to_bytes(4, "big") * 320)


def test_a_silent_peer_is_dead_after_the_limit() -> None:
    with server(echo) as url, opened(url) as ws:
        begun = time.monotonic()
        with pytest.raises(LinkError, match="nothing heard for 1 s") as caught:
            ws.receive()
        assert caught.value.kind == "silent"
        assert time.monotonic() - begun > 0.9


def test_a_connection_that_takes_no_data_is_dead_after_the_limit() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    with listener:
        ready = threading.Event()
        url = f"ws://127.0.0.1:{listener.getsockname()[1]}/"
        thread = threading.Thread(target=_accept_and_stall, args=(listener, ready))
        thread.start()
        with opened(url) as ws, pytest.raises(LinkError) as caught:
            _send_for_ever(ws)
        assert caught.value.kind in ("stalled", "reset")
        ready.set()
        thread.join(HANG_S)


def _send_for_ever(ws: WebSocket) -> None:
    while True:
        ws.send(bytes(100_000))


def _accept_and_stall(listener: socket.socket, ready: threading.Event) -> None:
    from websockets.server import ServerProtocol

    peer, _ = listener.accept()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    protocol = ServerProtocol()
    protocol.receive_data(peer.recv(4096))
    [request] = protocol.events_received()
    protocol.send_response(protocol.accept(request))  # type: ignore[arg-type]
    peer.sendall(b"".join(protocol.data_to_send()))
    ready.wait(HANG_S)
    peer.close()


def test_a_close_frame_is_told_with_its_reason() -> None:
    with server(lambda c: c.close(4001, "go away")) as url, opened(url) as ws:
        with pytest.raises(LinkError, match=r"closed the connection \(4001: go away\)") as caught:
            ws.receive()
        assert caught.value.kind == "closed"
        with pytest.raises(LinkError):
            ws.send(b"late")


def test_a_message_too_large_ends_the_connection_not_the_thread() -> None:
    def handler(connection: ServerConnection) -> None:
        connection.send(bytes(5 * 1024 * 1024))
        connection.recv()

    with server(handler) as url, opened(url) as ws, pytest.raises(LinkError):
        ws.receive()


def test_abort_wakes_a_receiver_in_another_thread() -> None:
    errors: list[str] = []

    def waiting(ws: WebSocket) -> None:
        try:
            ws.receive()
        except LinkError as error:
            errors.append(error.kind)

    with server(echo) as url, opened(url, Limits(silence=30)) as ws:
        thread = threading.Thread(target=waiting, args=(ws,))
        thread.start()
        ws.abort()
        thread.join(HANG_S)
        assert errors == ["aborted"]


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", LinkError, "captive portal"),
        (
            b"HTTP/1.1 302 Found\r\nLocation: http://login\r\nContent-Length: 0\r\n\r\n",
            LinkError,
            "captive portal",
        ),
        (b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", Refused, "HTTP 401"),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", LinkError, "HTTP 503"),
        (b"HTTP/1.1 511 Log in\r\nContent-Length: 0\r\n\r\n", LinkError, "captive portal"),
        (b"HTTP/1.1 403 No\r\nContent-Length: 6\r\n\r\n<html>", LinkError, "captive portal"),
        (b"SSH-2.0-OpenSSH\r\n", LinkError, "not a WebSocket service"),
        (b"", LinkError, "not a WebSocket service"),
    ],
)
def test_an_answer_that_is_no_websocket(answer: bytes, error: type[Exception], text: str) -> None:
    with raw_server(answer) as url, pytest.raises(error, match=text):
        connect(Endpoint(url), LIMITS)


@pytest.mark.parametrize("status", [b"429 Slow down", b"503 Busy"])
def test_a_handshake_that_is_refused_for_a_while_says_for_how_long(status: bytes) -> None:
    answer = b"HTTP/1.1 " + status + b"\r\nRetry-After: 60\r\nContent-Length: 0\r\n\r\n"
    with raw_server(answer) as url, pytest.raises(LinkError) as caught:
        connect(Endpoint(url), LIMITS)
    assert caught.value.retry_after_s == 60


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(LinkError, match=f"127.0.0.1:{port} refuses connections") as caught:
        connect(Endpoint(f"ws://127.0.0.1:{port}/"), LIMITS)
    assert caught.value.kind == "refused"


def test_a_name_that_does_not_resolve() -> None:
    with pytest.raises(LinkError, match=r"cannot resolve nosuch\.invalid") as caught:
        connect(Endpoint("ws://nosuch.invalid/"), LIMITS)
    assert caught.value.kind == "dns"


def test_a_handshake_without_answer_times_out_and_can_be_cancelled() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"ws://127.0.0.1:{mute.getsockname()[1]}/"
        with pytest.raises(LinkError) as caught:
            connect(Endpoint(url), Limits(connect=0.3))
        assert caught.value.kind == "timeout"
        with pytest.raises(LinkError) as caught:
            connect(Endpoint(url), LIMITS, cancelled=lambda: True)
        assert caught.value.kind == "cancelled"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: bm90IHRoZSBrZXkgYXQgYWxsISE=\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 one hundred\r\n\r\n",
        b"\r\n\r\n",
        b"\xff\xfe\xfd\r\n\r\n",
        b"HTTP/1.1 503 Busy\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 503 Busy\r\nContent-Length: 99\r\n\r\nshort",
        b"HTTP/1.1 101 Switching Protocols\r\nno header at all\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nSet-Cookie: a,b=;;=\x01\r\n" * 20 + b"\r\n",
        b"x" * 40_000,
        b"HTTP/1.1 101 Fine\r\n" + b"X-Endless: yes\r\n" * 4000,
        b"HTTP/1.1 500 Big\r\nContent-Length: 9999999999\r\n\r\n" + b"x" * 2_000_000,
    ],
    ids=range(12),
)
def test_garbage_in_place_of_a_handshake_is_a_link_error(answer: bytes) -> None:
    with raw_server(answer) as url, pytest.raises(LinkError) as caught:
        connect(Endpoint(url), LIMITS)
    assert caught.value.kind in ("handshake", "http", "portal", "reset")
    assert len(str(caught.value)) < 300
    assert "\n" not in str(caught.value)


def test_no_cookie_of_an_answer_is_kept() -> None:
    from websocket._handshake import CookieJar

    answer = (
        b"HTTP/1.1 302 Found\r\nSet-Cookie: id=1; Domain=127.0.0.1\r\nContent-Length: 0\r\n\r\n"
    )
    with raw_server(answer) as url, pytest.raises(LinkError):
        connect(Endpoint(url), LIMITS)
    assert CookieJar.jar == {}


def test_the_request_names_us_and_the_place_as_it_is_configured() -> None:
    requests: list[str] = []

    def handler(connection: ServerConnection) -> None:
        assert connection.request is not None
        headers = connection.request.headers
        requests.append(connection.request.path)
        requests.extend(
            [headers["Host"], headers["User-Agent"][:8], headers["Authorization"], headers["X-Key"]]
        )

    with server(handler) as url:
        host = url.split("/")[2]
        place = f"ws://user:pass%21@{host}/päth?a=%20b c"
        connect(Endpoint(place, {"X-Key": "1"}), LIMITS).close()
    login = "Basic dXNlcjpwYXNzIQ=="
    assert requests == ["/p%C3%A4th?a=%20b%20c", host, "dragoman", login, "1"]


def test_a_message_leaves_in_one_masked_frame_of_any_length() -> None:
    got: list[Message] = []

    def handler(connection: ServerConnection) -> None:
        got.extend(connection.recv() for _ in range(6))

    sent: list[Message] = [bytes(n) for n in (0, 125, 126, 65535, 65536)] + ["text ✓"]
    with server(handler) as url, opened(url) as ws:
        for message in sent:
            ws.send(message)
        with pytest.raises(LinkError):
            ws.receive()
    assert got == sent
