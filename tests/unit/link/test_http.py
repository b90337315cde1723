"""HTTP over loopback: whole answers, streams, kept connections, and how it fails."""

from __future__ import annotations

import gzip
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from agent.clock import SystemClock
from agent.config.schema import Network
from agent.errors import LinkError
from agent.link.dial import Dialer
from agent.link.http import HttpClient
from agent.services.shapes import Request
from tests.unit.link.peers import Talk, answer, peer, request, saying


def http_client(timeout_s: float = 5.0) -> HttpClient:
    return HttpClient(Dialer(Network(), SystemClock(), {}), timeout_s)


@contextmanager
def client(talk: Talk, timeout_s: float = 5.0) -> Iterator[tuple[HttpClient, str]]:
    with peer(talk) as port, closing(http_client(timeout_s)) as http:
        yield http, f"http://127.0.0.1:{port}/path?x=1"


def test_an_answer_comes_whole_whatever_its_status() -> None:
    with client(saying(answer(b"no", "500 Broken", "X-Why: because"))) as (http, url):
        response = http.send(Request("GET", url))
    assert (response.status, response.body) == (500, b"no")
    assert response.headers["x-why"] == "because"


def test_a_request_leaves_as_it_was_made() -> None:
    seen: list[bytes] = []

    def talk(caller: socket.socket) -> None:
        seen.append(request(caller))
        caller.sendall(answer(b""))

    with client(talk) as (http, url):
        http.send(Request("POST", url, {"X-Sign": "abc", "Content-Type": "text/x"}, b"\x00\xff"))
    [line, *_] = seen[0].split(b"\r\n")
    assert line == b"POST /path?x=1 HTTP/1.1"
    assert b"X-Sign: abc" in seen[0]
    assert seen[0].endswith(b"\r\n\r\n\x00\xff")


def test_a_compressed_answer_is_unpacked() -> None:
    packed = gzip.compress(b"hello" * 100)
    with client(saying(answer(packed, "200 OK", "Content-Encoding: gzip"))) as (http, url):
        assert http.send(Request("GET", url)).body == b"hello" * 100


def test_a_redirect_is_not_followed() -> None:
    moved = answer(b"", "302 Found", "Location: http://login.example/")
    with client(saying(moved)) as (http, url):
        assert http.send(Request("GET", url)).status == 302


def test_a_connection_is_used_again() -> None:
    callers: list[int] = []

    def talk(caller: socket.socket) -> None:
        callers.append(caller.fileno())
        saying(answer(b"one"), answer(b"two"))(caller)

    with client(talk) as (http, url):
        bodies = [http.send(Request("GET", url)).body for _ in range(2)]
    assert bodies == [b"one", b"two"]
    assert len(callers) == 1


def test_a_kept_connection_that_the_server_closed_is_made_anew() -> None:
    with client(saying(answer(b"hi", "200 OK", "Connection: close"))) as (http, url):
        assert [http.send(Request("GET", url)).body for _ in range(2)] == [b"hi", b"hi"]


def test_a_stream_comes_in_pieces_as_they_are_sent() -> None:
    def talk(caller: socket.socket) -> None:
        request(caller)
        caller.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in (b"one", b"two"):
            caller.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
            caller.recv(1)  # until the test has seen it
        caller.sendall(b"0\r\n\r\n")

    with client(talk) as (http, url):
        pieces = http.stream(Request("GET", url))
        assert next(pieces) == b"one"
        del pieces


def test_a_stream_that_breaks_off_is_a_link_error() -> None:
    def talk(caller: socket.socket) -> None:
        request(caller)
        caller.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")

    with client(talk) as (http, url), pytest.raises(LinkError, match="was lost") as caught:
        list(http.stream(Request("GET", url)))
    assert caught.value.kind == "reset"


def test_an_answer_that_breaks_off_is_a_link_error() -> None:
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"
    with client(saying(half)) as (http, url), pytest.raises(LinkError) as caught:
        http.send(Request("GET", url))
    assert caught.value.kind == "reset"


def test_a_server_that_hangs_up_without_an_answer() -> None:
    def talk(caller: socket.socket) -> None:
        request(caller)

    lost = pytest.raises(LinkError, match=r"127\.0\.0\.1:\d+ was lost")
    with client(talk) as (http, url), lost as caught:
        http.send(Request("GET", url))
    assert caught.value.kind == "reset"


def test_a_server_that_does_not_answer_in_time() -> None:
    def talk(caller: socket.socket) -> None:
        request(caller)
        caller.recv(1)  # until the client gives up

    late = pytest.raises(LinkError, match="did not answer in time")
    with client(talk, timeout_s=0.2) as (http, url), late as caught:
        http.send(Request("GET", url))
    assert caught.value.kind == "timeout"


def test_nobody_listens_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with closing(http_client()) as http, pytest.raises(LinkError, match="refuses") as caught:
        http.send(Request("GET", f"http://127.0.0.1:{port}/"))
    assert caught.value.kind == "refused"


def test_a_name_that_does_not_resolve() -> None:
    with closing(http_client()) as http, pytest.raises(LinkError, match="cannot resol") as caught:
        http.send(Request("GET", "http://nosuch.invalid/"))
    assert caught.value.kind == "dns"


def test_a_server_that_speaks_no_tls() -> None:
    def talk(caller: socket.socket) -> None:
        caller.recv(4096)
        caller.sendall(answer(b""))

    failed = pytest.raises(LinkError, match="TLS handshake with")
    with client(talk) as (http, url), failed as caught:
        http.send(Request("GET", url.replace("http:", "https:")))
    assert caught.value.kind == "tls"
