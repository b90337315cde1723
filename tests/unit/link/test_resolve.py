"""Name servers that swallow questions hold nobody, and a name that was found is remembered."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from agent.clock import SystemClock
from agent.errors import LinkError
from agent.link.resolve import Names
from agent.link.waiter import Waiter
from tests.patience import HANG_S

FOUND = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 80))]


class Server:
    """Answers `socket.getaddrinfo`, fails, or holds the caller until it is let go."""

    def __init__(self) -> None:
        self.asked = 0
        self.failing = False
        self.free = threading.Event()
        self.free.set()
        self._plain = socket.getaddrinfo

    def __call__(self, host: str, port: int, **more: Any) -> Any:
        if more.get("flags"):
            return self._plain(host, port, **more)
        self.asked += 1
        self.free.wait(HANG_S)
        if self.failing:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return FOUND


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    made = Server()
    monkeypatch.setattr(socket, "getaddrinfo", made)
    yield made
    made.free.set()


def wait(seconds: float, cancelled: Any = lambda: False) -> Waiter:
    clock = SystemClock()
    return Waiter("cloud.test:80", clock, clock.now() + seconds, cancelled)


def test_a_swallowed_question_ends_in_time_and_the_thread_is_asked_meanwhile(
    server: Server,
) -> None:
    server.free.clear()
    beats: list[int] = []

    def beat() -> bool:
        beats.append(1)
        return False

    with pytest.raises(LinkError, match=r"cloud\.test: the name server does not ans") as caught:
        Names().find("cloud.test", 80, wait(0.5, beat))
    assert caught.value.kind == "dns"
    assert len(beats) >= 3


def test_a_question_that_is_out_is_not_asked_again(server: Server) -> None:
    names = Names()
    server.free.clear()
    for _ in range(20):
        with pytest.raises(LinkError):
            names.find("cloud.test", 80, wait(0.01))
    assert server.asked == 1
    server.free.set()
    assert names.find("cloud.test", 80, wait(5))[0][4] == ("192.0.2.1", 80)


def test_a_name_that_was_found_is_remembered_for_when_nobody_answers(server: Server) -> None:
    names = Names()
    found = names.find("cloud.test", 80, wait(5))
    server.failing = True
    assert names.find("cloud.test", 80, wait(5)) == found
    server.free.clear()
    assert names.find("cloud.test", 80, wait(60)) == found  # after a second, not a minute
    with pytest.raises(LinkError) as caught:
        names.find("other.test", 80, wait(0.1))
    assert caught.value.kind == "dns"


def test_being_cancelled_is_no_failure_of_the_name_server(server: Server) -> None:
    names = Names()
    names.find("cloud.test", 80, wait(5))
    server.free.clear()
    with pytest.raises(LinkError) as caught:
        names.find("cloud.test", 80, wait(60, lambda: True))
    assert caught.value.kind == "cancelled"


def test_an_address_needs_no_name_server(server: Server) -> None:
    server.free.clear()
    assert Names().find("127.0.0.1", 80, wait(5))[0][4] == ("127.0.0.1", 80)
    assert Names().find("::1", 80, wait(5))[0][4][0] == "::1"
    assert server.asked == 0
