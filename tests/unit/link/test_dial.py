"""Opening connections over loopback: every way it can fail is said in plain words."""

from __future__ import annotations

import gc
import shutil
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from agent.clock import SystemClock
from agent.config.schema import Network
from agent.errors import LinkError, UsageError
from agent.link import tls
from agent.link.dial import Dialer, Limits, Target
from agent.link.waiter import Cancelled, never
from tests.patience import HANG_S
from tests.unit.link.peers import certificate, peer, server_context

Test = TypeVar("Test", bound=Callable[..., None])

LIMITS = Limits(connect=2.0)
OPENSSL = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


@pytest.fixture
def collected() -> Iterator[None]:
    yield
    gc.collect()


def leaves_a_socket(test: Test) -> Test:
    """A TLS socket whose handshake failed is closed when it is collected: here, not later."""
    silent = pytest.mark.filterwarnings("ignore:unclosed <ssl:ResourceWarning")
    marked: Test = pytest.mark.usefixtures("collected")(silent(test))
    return marked


def dial(
    url: str, limits: Limits, ca_file: str | None = None, cancelled: Cancelled = never
) -> socket.socket:
    dialer = Dialer(Network(ca_file=ca_file), SystemClock(), {})
    return dialer.open(Target.of(url), limits, cancelled)


def echo(caller: socket.socket) -> None:
    caller.sendall(caller.recv(100))


def resolves_to(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[int, tuple[Any, ...]]) -> None:
    found = [(family, socket.SOCK_STREAM, 0, "", address) for family, address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: found)


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextmanager
def mute_port() -> Iterator[int]:
    """A port that neither accepts nor refuses: its queue of callers is full."""
    with socket.socket() as listener, ExitStack() as callers:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            caller = callers.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(listener.getsockname())
        yield int(listener.getsockname()[1])


def exchange(sock: socket.socket) -> bytes:
    with closing(sock):
        sock.settimeout(2)
        sock.sendall(b"hello")
        return sock.recv(100)


@pytest.mark.parametrize(
    ("url", "host", "port", "secure"),
    [
        ("ws://board", "board", 80, False),
        ("wss://cloud.example", "cloud.example", 443, True),
        ("http://127.0.0.1:8765/", "127.0.0.1", 8765, False),
        ("https://[::1]:8443/x?y", "::1", 8443, True),
    ],
)
def test_a_target_is_read_from_a_url(url: str, host: str, port: int, secure: bool) -> None:
    assert Target.of(url) == Target(host, port, secure)


@pytest.mark.parametrize("url", ["ws://host:99999", "ws://host:port", "ws://[::1"])
def test_a_url_that_cannot_be_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match=r"service\.url"):
        Target.of(url)


@pytest.mark.parametrize("content", [None, b"", b"not a certificate"])
def test_an_authority_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=r"network\.ca_file: .*ca\.pem: not a readable PEM"):
        tls.context(str(path))


def test_a_plain_connection_never_blocks_and_delays_nothing() -> None:
    with peer(echo) as port:
        sock = dial(f"ws://127.0.0.1:{port}", LIMITS)
        assert sock.getblocking() is False
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert exchange(sock) == b"hello"


def test_the_next_address_is_tried_when_one_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    with peer(echo) as port:
        dead = (socket.AF_INET, ("127.0.0.1", closed_port()))
        resolves_to(monkeypatch, dead, (socket.AF_INET, ("127.0.0.1", port)))
        assert exchange(dial("ws://two.example", LIMITS)) == b"hello"


def test_an_address_that_says_nothing_leaves_time_for_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with peer(echo) as port, mute_port() as mute:
        addresses = [(socket.AF_INET, ("127.0.0.1", each)) for each in (mute, port)]
        resolves_to(monkeypatch, *addresses)
        begun = time.monotonic()
        assert exchange(dial("ws://two.example", Limits(connect=4))) == b"hello"
        assert time.monotonic() - begun > 1.9


def test_an_address_family_that_is_switched_off_is_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    off = (99, ("::1", 80, 0, 0))  # no kernel has this one
    with peer(echo) as port:
        resolves_to(monkeypatch, off, (socket.AF_INET, ("127.0.0.1", port)))
        assert exchange(dial("ws://two.example", LIMITS)) == b"hello"
    resolves_to(monkeypatch, off)
    with pytest.raises(LinkError, match=r"cannot reach two\.example:80: ") as caught:
        dial("ws://two.example", LIMITS)
    assert caught.value.kind == "unreachable"


def test_the_error_told_is_that_of_the_last_address(monkeypatch: pytest.MonkeyPatch) -> None:
    refusing = (socket.AF_INET, ("127.0.0.1", closed_port()))
    resolves_to(monkeypatch, (99, ("::1", 80, 0, 0)), refusing)
    with pytest.raises(LinkError, match=r"two\.example:80 refuses connections") as caught:
        dial("ws://two.example", LIMITS)
    assert caught.value.kind == "refused"


def test_a_name_without_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    resolves_to(monkeypatch)
    with pytest.raises(LinkError, match=r"none\.example has no address") as caught:
        dial("ws://none.example", LIMITS)
    assert caught.value.kind == "dns"


def test_a_name_no_resolver_takes() -> None:
    with pytest.raises(LinkError, match="cannot resolve") as caught:
        dial(f"ws://{'x' * 70}.example", LIMITS)
    assert caught.value.kind == "dns"


def test_connecting_can_be_cancelled_and_tries_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    cancelled = threading.Event()
    threading.Timer(0.15, cancelled.set).start()
    with mute_port() as mute, peer(echo) as port:
        addresses = [(socket.AF_INET, ("127.0.0.1", each)) for each in (mute, port)]
        resolves_to(monkeypatch, *addresses)
        with pytest.raises(LinkError) as caught:
            dial("ws://two.example", Limits(connect=9), cancelled=cancelled.is_set)
    assert caught.value.kind == "cancelled"


def reset(caller: socket.socket) -> None:
    """Hang up with a RST."""
    caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@leaves_a_socket
@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_a_reset_right_after_the_connection_is_a_link_error(scheme: str) -> None:
    kinds = set()
    with peer(reset) as port:
        for _ in range(10):
            try:
                dial(f"{scheme}://127.0.0.1:{port}", LIMITS).close()
            except LinkError as error:
                kinds.add(error.kind)
    assert kinds <= {"reset", "tls", "unreachable"}


@OPENSSL
def test_tls_with_an_authority_that_is_known(tmp_path: Path) -> None:
    cert = certificate(tmp_path, "localhost")
    with peer(echo, server_context(cert)) as port:
        sock = dial(f"wss://localhost:{port}", LIMITS, str(tmp_path / "cert.pem"))
        assert sock.getblocking() is False
        assert exchange(sock) == b"hello"


@OPENSSL
@leaves_a_socket
@pytest.mark.parametrize(
    ("name", "known", "expired", "words"),
    [
        ("localhost", False, False, "self.signed certificate: name its authority in network.ca_f"),
        ("elsewhere.example", True, False, "not accepted: Hostname mismatch"),
        ("localhost", True, True, "certificate has expired: is this device's clock right?"),
    ],
)
def test_a_certificate_that_is_not_accepted_says_what_to_look_at(
    tmp_path: Path, name: str, known: bool, expired: bool, words: str
) -> None:
    cert = certificate(tmp_path, name, expired=expired)
    ca_file = str(tmp_path / "cert.pem") if known else None
    with peer(echo, server_context(cert)) as port:
        with pytest.raises(LinkError, match=words.replace("?", r"\?")) as caught:
            dial(f"wss://localhost:{port}", LIMITS, ca_file)
        assert caught.value.kind == "tls"
        assert f"localhost:{port}" in str(caught.value)


@OPENSSL
@leaves_a_socket
def test_a_certificate_is_for_the_name_that_was_asked_for(tmp_path: Path) -> None:
    cert = certificate(tmp_path, "localhost")
    ca_file = str(tmp_path / "cert.pem")
    mismatch = pytest.raises(LinkError, match="not accepted: IP address mismatch")
    with peer(echo, server_context(cert)) as port, mismatch:
        dial(f"wss://127.0.0.1:{port}", LIMITS, ca_file)


@leaves_a_socket
def test_a_server_that_does_not_speak_tls() -> None:
    def http(caller: socket.socket) -> None:
        caller.recv(4096)
        caller.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with (
        peer(http) as port,
        pytest.raises(LinkError, match=r"TLS handshake with .* failed") as caught,
    ):
        dial(f"wss://127.0.0.1:{port}", LIMITS)
    assert caught.value.kind == "tls"


@leaves_a_socket
def test_a_server_that_never_finishes_the_handshake() -> None:
    done = threading.Event()

    def mute(caller: socket.socket) -> None:
        done.wait(HANG_S)

    with peer(mute) as port:
        with pytest.raises(LinkError, match="did not answer in time") as caught:
            dial(f"wss://127.0.0.1:{port}", Limits(connect=0.3))
        done.set()
    assert caught.value.kind == "timeout"
