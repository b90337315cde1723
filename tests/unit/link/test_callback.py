"""The callback server: deliveries in, receipts out, and callers that misbehave."""

from __future__ import annotations

import http.client
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest

from agent.clock import SystemClock
from agent.errors import RunError
from agent.link import listener
from agent.link.callback import MAX_BODY, CallbackServer
from tests.patience import HANG_S

PATH = "/any/way/ticket?at=all"


class Running:
    """A server that keeps what was delivered and answers with its length."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.server = CallbackServer(0, self._deliver, SystemClock())
        self.server.start()

    def _deliver(self, ticket: str, body: Callable[[], bytes]) -> bytes | None:
        if ticket != "ticket":
            return None
        self.bodies.append(body())
        return b'{"length": %d}' % len(self.bodies[-1])

    def call(
        self, method: str, body: bytes | None = None, path: str = PATH, **headers: str
    ) -> tuple[int, bytes]:
        caller = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=HANG_S)
        with closing(caller):
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            caller.request(method, path, body, named)
            answer = caller.getresponse()
            return answer.status, answer.read()


@pytest.fixture
def running() -> Iterator[Running]:
    made = Running()
    yield made
    made.server.stop()
    assert made.server.join(HANG_S)


def test_a_delivery_is_handed_on_and_answered(running: Running) -> None:
    assert running.call("POST", b"task=1&ret=0") == (200, b'{"length": 12}')
    assert running.call("POST", b"") == (200, b'{"length": 0}')
    assert running.bodies == [b"task=1&ret=0", b""]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_only_deliveries_are_taken(running: Running, method: str) -> None:
    status, _ = running.call(method)
    assert status == 501
    assert running.bodies == []


@pytest.mark.parametrize(
    ("length", "status"),
    [("", 411), ("-1", 411), ("many", 411), (str(MAX_BODY + 1), 413), ("9" * 30, 413)],
)
def test_a_length_that_cannot_be_is_refused(running: Running, length: str, status: int) -> None:
    assert running.call("POST", Content_Length=length)[0] == status
    assert running.bodies == []


@pytest.mark.parametrize("path", ["/", "/ticket/", "/any/way/guess", "/guess?ticket", "*"])
def test_strangers_are_sent_away_unread(running: Running, path: str) -> None:
    assert running.call("POST", b"x", path)[0] == 404
    with socket.create_connection(("127.0.0.1", running.server.port), 60) as caller:
        caller.sendall(b"POST /guess HTTP/1.1\r\nContent-Length: 1000\r\n\r\n")
        assert caller.recv(100).startswith(b"HTTP/1.0 404")  # without waiting for the body
    assert running.bodies == []


def drip(caller: socket.socket) -> None:
    """A byte now and then, for ever."""
    while True:
        caller.sendall(b"x")
        select.select([caller], [], [], 0.05)


def test_a_caller_that_does_not_finish_is_given_up(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "TOTAL_S", 0.3)
    with socket.create_connection(("127.0.0.1", running.server.port), 60) as caller:
        caller.sendall(b"POST /ticket HTTP/1.1\r\nContent-Length: 9999\r\n\r\n")
        with pytest.raises(ConnectionError):
            drip(caller)
    assert running.bodies == []
    assert running.call("POST", b"next")[0] == 200


def test_callers_who_hold_on_to_their_places_keep_nobody_out(running: Running) -> None:
    with ExitStack() as stack:
        for _ in range(3 * listener.CALLERS):
            caller = socket.create_connection(("127.0.0.1", running.server.port), 60)
            stack.enter_context(closing(caller)).sendall(b"POST /ticket HTTP/1.1\r\n")
        assert running.call("POST", b"the real one")[0] == 200
        assert len(running.server._server._callers) <= listener.CALLERS
    assert running.bodies == [b"the real one"]


def test_it_does_not_say_what_it_is_made_of(running: Running) -> None:
    caller = http.client.HTTPConnection("127.0.0.1", running.server.port, timeout=HANG_S)
    with closing(caller):
        caller.request("POST", PATH, b"x")
        server = caller.getresponse().headers["Server"]
    assert "Python" not in server


def test_a_port_that_is_taken_is_told(running: Running) -> None:
    port = running.server.port
    with pytest.raises(RunError, match=rf"callback_port: cannot listen on {port}: Address"):
        CallbackServer(port, lambda ticket, body: b"", SystemClock())


def test_the_port_is_free_again_after_the_end() -> None:
    first = Running()
    first.server.stop()
    assert first.server.join(HANG_S)
    again = CallbackServer(first.server.port, lambda ticket, body: b"", SystemClock())
    again.start()
    again.stop()
    assert again.join(HANG_S)
