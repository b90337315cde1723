"""The callback server: deliveries in, receipts out, and callers that misbehave."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from agent.clock import SystemClock
from agent.errors import RunError
from agent.link import callback
from agent.link.callback import MAX_BODY, CallbackServer
from tests.patience import HANG_S


class Running:
    """A server that keeps what was delivered and answers with its length."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.server = CallbackServer(0, self._deliver, SystemClock())
        self.server.start()

    def _deliver(self, body: bytes) -> bytes:
        self.bodies.append(body)
        return b'{"length": %d}' % len(body)

    def call(self, method: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        caller = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=HANG_S)
        with closing(caller):
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            caller.request(method, "/anything?at=all", body, named)
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


def test_a_caller_that_does_not_finish_is_given_up(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callback._Handler, "timeout", 0.1)
    with socket.create_connection(("127.0.0.1", running.server.port), 5) as caller:
        caller.sendall(b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nhalf")
        assert caller.recv(100) == b""
    assert running.bodies == []
    assert running.call("POST", b"next")[0] == 200


def test_it_does_not_say_what_it_is_made_of(running: Running) -> None:
    caller = http.client.HTTPConnection("127.0.0.1", running.server.port, timeout=HANG_S)
    with closing(caller):
        caller.request("POST", "/", b"x")
        server = caller.getresponse().headers["Server"]
    assert "Python" not in server


def test_a_port_that_is_taken_is_told(running: Running) -> None:
    port = running.server.port
    with pytest.raises(RunError, match=rf"callback_port: cannot listen on {port}: Address"):
        CallbackServer(port, lambda body: b"", SystemClock())


def test_the_port_is_free_again_after_the_end() -> None:
    first = Running()
    first.server.stop()
    assert first.server.join(HANG_S)
    again = CallbackServer(first.server.port, lambda body: b"", SystemClock())
    again.start()
    again.stop()
    assert again.join(HANG_S)
