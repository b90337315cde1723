"""HTTP from servers that mean no good: every answer ends, in bounded time and memory, in ours."""

from __future__ import annotations

import gzip
import socket
import threading
import tracemalloc
import zlib
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.clock import ManualClock, SystemClock
from agent.config.schema import Network
from agent.errors import LinkError
from agent.link.dial import Dialer, Limits, Target
from agent.link.http import IDLE_S, MAX_TEXT, HttpClient
from agent.link.waiter import Cancelled, never
from agent.services.shapes import Request, Response
from tests.unit.link.peers import Talk, answer, certificate, peer, request, saying, server_context
from tests.unit.link.test_dial import OPENSSL

URL = "http://cloud.test/"
OK = b"HTTP/1.1 200 OK\r\n"
TOTAL_S = 0.5
FAR_S = 20.0  # a machine may be slow; an exchange that never ended would not be back by then


class Scripted(Dialer):
    """Connects to a peer that has already said all it will ever say."""

    def __init__(self, said: bytes) -> None:
        super().__init__(Network(), SystemClock(), {})
        self._said = said
        self.made: list[socket.socket] = []

    def connect(
        self,
        target: Target,
        limits: Limits,
        cancelled: Cancelled = never,
        *,
        forwarding: bool = False,
    ) -> socket.socket:
        ours, theirs = socket.socketpair()
        with theirs:
            theirs.setblocking(False)  # nobody reads yet: what does not fit is never said
            theirs.send(self._said)
        ours.setblocking(False)
        self.made.append(ours)
        return ours


def ask(said: bytes) -> Response | LinkError:
    """What comes of an answer; anything but an answer and a LinkError fails the test."""
    dialer = Scripted(said)
    with closing(HttpClient(dialer, timeout_s=2.0)) as http:
        try:
            response = http.send(Request("GET", URL))
        except LinkError as error:
            assert dialer.made[0].fileno() == -1, "closed at once, whoever keeps the error"
            return error
    with closing(HttpClient(Scripted(said), timeout_s=2.0)) as http, suppress(LinkError):
        for piece in http.stream(Request("GET", URL)):
            assert piece
    return response


# --- any bytes ---------------------------------------------------------------------------------

_LINES = st.sampled_from(
    [
        OK, b"HTTP/1.0 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 99 \r\n",
        b"HTTP/9.9 200\r\n", b"ICY 200 OK\r\n", b"HTTP/1.1 204 x\r\n", b"HTTP/1.1 -1 x\r\n",
        b"HTTP/1.1 \xff\xfe\r\n", b"HTTP/1.1 101 Switching\r\n",
    ]
)  # fmt: skip
_FIELDS = st.sampled_from(
    [
        b"Content-Length: 5\r\n", b"Content-Length: -5\r\n", b"Content-Length: 5, 6\r\n",
        b"Content-Length: 99999999999999999999\r\n", b"Content-Length: \xb2\r\n",
        b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: identity\r\n",
        b"Content-Encoding: gzip\r\n", b"Content-Encoding: gzip, gzip\r\n",
        b"Content-Encoding: deflate\r\n", b"Content-Encoding: nonsense\r\n",
        b"Content-Type: text/html; charset=\xff\r\n", b" folded\r\n", b"no colon\r\n", b": x\r\n",
        b"X\x00: y\r\n", b"Connection: close\r\n", b"Location: \xff\r\n",
        b"Set-Cookie: a=b\r\n" * 200,
        b"X: " + b"a" * 70_000 + b"\r\n",
    ]
)  # fmt: skip
_BODIES = st.sampled_from(
    [
        b"5\r\nhello\r\n0\r\n\r\n", b"-5\r\nhello\r\n0\r\n\r\n", b"-1\r\nhello",
        b"0x5\r\nhello\r\n",
        b"ffffffffffffffffff\r\nhello", b"5;ext=1\r\nhello\r\n0\r\nTrailer: x\r\n\r\n",
        b"\r\n\r\n", b"5 \r\nhello\r\n", b"+5\r\nhello\r\n", b"1_0\r\nhello\r\n", b"hello",
        gzip.compress(b"hi"), gzip.compress(b"hi")[:-4], b"hell",
        b"\x1f\x8b" + b"\xff" * 30, zlib.compress(b"hi"),
    ]
)  # fmt: skip
_ANSWERS = st.builds(
    lambda line, fields, body, rest: line + b"".join(fields) + b"\r\n" + body + rest,
    _LINES,
    st.lists(_FIELDS, max_size=4),
    _BODIES,
    st.binary(max_size=20),
)


@given(st.one_of(_ANSWERS, st.binary(max_size=200), st.builds(OK.__add__, st.binary(max_size=200))))
@example(OK + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n")
@example(OK + b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello")
def test_whatever_a_server_sends_is_an_answer_or_a_link_error(said: bytes) -> None:
    ask(said)


@pytest.mark.parametrize(
    "said",
    [
        OK + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n",
        OK + b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        OK + b"X: y\r\n" * 200 + b"\r\n",
    ],
)
def test_what_is_no_http_has_a_name_of_its_own(said: bytes) -> None:
    found = ask(said)
    assert isinstance(found, LinkError)
    assert found.kind == "garbage"
    assert "cloud.test:80 sent an answer that is no HTTP" in str(found)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "http://", "http://[::1", "ftp://x/", "x"])
def test_an_address_of_a_server_that_http_cannot_reach(url: str) -> None:
    with closing(HttpClient(Scripted(b""))) as http, pytest.raises(LinkError) as caught:
        http.send(Request("GET", url))
    assert caught.value.kind == "garbage"


# --- size --------------------------------------------------------------------------------------


def packed(times: int, size: int) -> bytes:
    body = bytes(size)
    for _ in range(times):
        body = gzip.compress(body)
    return body


@pytest.mark.parametrize(
    ("headers", "times", "size", "words"),
    [
        (["Content-Encoding: gzip, gzip"], 2, MAX_TEXT, "packed more than once"),
        (["Content-Encoding: gzip", "Content-Encoding: gzip"], 2, 99, "more than once"),
        (["Content-Encoding: gzip"], 1, 8 * MAX_TEXT, "too large"),
        ([], 0, MAX_TEXT + 1, "too large"),
    ],
)
def test_an_answer_is_bounded_as_it_is_unpacked(
    headers: list[str], times: int, size: int, words: str
) -> None:
    body = packed(times, size)
    with (
        peer(saying(answer(body, "200 OK", *headers))) as port,
        closing(HttpClient(Dialer(Network(), SystemClock(), {}))) as http,
    ):
        tracemalloc.start()
        with pytest.raises(LinkError, match=words) as caught:
            http.send(Request("GET", f"http://127.0.0.1:{port}/"))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert caught.value.kind == "garbage"
    assert peak < 4 * MAX_TEXT


def test_a_negative_chunk_does_not_read_for_ever() -> None:
    """``-1`` means "to the end" to the library: of a server that never ends."""

    def flood(caller: socket.socket) -> None:
        request(caller)
        caller.sendall(OK + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n")
        while True:
            caller.sendall(bytes(65536))

    _fails(flood, "too large")


# --- time --------------------------------------------------------------------------------------


def _fails(talk: Talk, words: str, total_s: float = FAR_S) -> LinkError:
    """``talk``, in time or not, ends in a LinkError with ``words``; within `FAR_S` always."""
    found: list[LinkError] = []

    def run(port: int) -> None:
        dialer = Dialer(Network(), SystemClock(), {})
        with closing(HttpClient(dialer, timeout_s=FAR_S, total_s=total_s)) as http:
            try:
                http.send(Request("GET", f"http://127.0.0.1:{port}/"))
            except LinkError as error:
                found.append(error)

    with peer(talk) as port:
        thread = threading.Thread(target=run, args=(port,), daemon=True)
        thread.start()
        thread.join(FAR_S)
        assert found, "it still waits"
    assert words in str(found[0])
    return found[0]


def dripping(first: bytes, drop: bytes) -> Talk:
    def talk(caller: socket.socket) -> None:
        request(caller)
        caller.sendall(first)
        ended = threading.Event()
        while not ended.wait(0.02):  # never silent
            caller.sendall(drop)

    return talk


@pytest.mark.parametrize(
    "talk",
    [
        dripping(OK + b"Content-Length: 100000\r\n\r\n", b"x"),
        dripping(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        dripping(OK, b"X"),
    ],
    ids=["body", "chunks", "continue", "header"],
)
def test_an_answer_that_drips_ends_when_its_time_is_over(talk: Talk) -> None:
    assert _fails(talk, "did not answer in time", TOTAL_S).kind == "timeout"


def test_continue_for_ever_is_bounded_in_bytes_too() -> None:
    def flood(caller: socket.socket) -> None:
        request(caller)
        while True:
            caller.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)

    _fails(flood, "too large")


def test_a_large_answer_that_comes_steadily_is_given_its_time() -> None:
    """What came earns time: 80 kB may take 10 s more than an answer of nothing."""

    def talk(caller: socket.socket) -> None:
        request(caller)
        caller.sendall(OK + b"Content-Length: 80000\r\n\r\n")
        for _ in range(20):
            caller.sendall(bytes(4000))
            threading.Event().wait(TOTAL_S / 10)

    dialer = Dialer(Network(), SystemClock(), {})
    with peer(talk) as port, closing(HttpClient(dialer, total_s=TOTAL_S)) as http:
        assert len(http.send(Request("GET", f"http://127.0.0.1:{port}/")).body) == 80_000


@OPENSSL
def test_a_large_upload_that_goes_steadily_is_no_silence(tmp_path: Path) -> None:
    """TLS, too, must show how far it is: each block of the body counts as a sign of life."""
    size, silence_s = 12_000_000, 1.0

    def slow(caller: socket.socket) -> None:
        got = 0
        while got < size:
            got += len(caller.recv(16384))
            threading.Event().wait(2.5 * silence_s * 16384 / size)
        caller.sendall(answer(b"thanks"))

    context = server_context(certificate(tmp_path, "localhost"))
    network = Network(ca_file=str(tmp_path / "cert.pem"))
    with (
        peer(slow, context) as port,
        closing(HttpClient(Dialer(network, SystemClock(), {}), silence_s, FAR_S)) as http,
    ):
        request_ = Request("POST", f"https://localhost:{port}/", {}, bytes(size))
        assert http.send(request_).body == b"thanks"


@pytest.mark.parametrize("size", [0, 64_000_000], ids=["answer", "upload"])
def test_a_wait_is_asked_whether_it_should_go_on(size: int) -> None:
    asked: list[int] = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 4

    def mute(caller: socket.socket) -> None:
        gone.wait(FAR_S)

    gone = threading.Event()
    dialer = Dialer(Network(), SystemClock(), {})
    with peer(mute) as port, closing(HttpClient(dialer, cancelled=cancelled)) as http:
        with pytest.raises(LinkError) as caught:
            http.send(Request("POST", f"http://127.0.0.1:{port}/", {}, bytes(size)))
        gone.set()
    assert caught.value.kind == "cancelled"


# --- kept connections --------------------------------------------------------------------------


def _connections(between: Callable[[ManualClock], None]) -> int:
    """How many connections two requests take, with ``between`` happening between them."""
    callers: list[int] = []

    def talk(caller: socket.socket) -> None:
        callers.append(1)
        saying(answer(b"one"), answer(b"two"))(caller)

    clock = ManualClock()
    with peer(talk) as port, closing(HttpClient(Dialer(Network(), clock, {}))) as http:
        http.send(Request("GET", f"http://127.0.0.1:{port}/"))
        between(clock)
        assert http.send(Request("GET", f"http://127.0.0.1:{port}/")).status == 200
    return len(callers)


def test_a_connection_that_has_been_idle_for_long_is_not_used_again() -> None:
    assert _connections(lambda clock: clock.advance(IDLE_S - 0.1)) == 1
    assert _connections(lambda clock: clock.advance(IDLE_S + 0.1)) == 2


def test_a_dead_connection_is_noticed_by_the_kernel_too() -> None:
    with peer(saying(answer(b""))) as port:
        sock = Dialer(Network(), SystemClock(), {}).connect(
            Target("127.0.0.1", port, secure=False), Limits(silence=7)
        )
        with closing(sock):
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 7000
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
