"""Proxies: which is used for what, and that everything goes through them."""

from __future__ import annotations

import json
import socket
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.clock import SystemClock
from agent.config.proxies import Proxy as Parsed
from agent.config.proxies import parse
from agent.config.schema import Network
from agent.config.secret import Secret
from agent.errors import LinkError, UsageError
from agent.link.dial import Dialer, Limits, Target
from agent.link.handshake import connect
from agent.link.http import HttpClient
from agent.link.proxy import Proxies, excepted
from agent.services.base import Endpoint
from agent.services.shapes import Request
from tests.unit.link.peers import answer, certificate, peer, request, saying, server_context
from tests.unit.link.proxying import proxy
from tests.unit.link.test_dial import OPENSSL, closed_port, echo, exchange
from tests.unit.link.test_websocket import echo as talk_back
from tests.unit.link.test_websocket import receive, server

LIMITS = Limits(connect=3.0, silence=2.0)


def dialer(port: int, login: str = "", ca_file: str | None = None) -> Dialer:
    setting = Secret(f"http://{login}127.0.0.1:{port}")
    return Dialer(Network(proxy=setting, ca_file=ca_file), SystemClock(), {})


# --- which ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://proxy:3128", Parsed("proxy", 3128)),
        ("http://proxy:3128/", Parsed("proxy", 3128)),
        ("proxy.lan:3128", Parsed("proxy.lan", 3128)),
        ("http://proxy", Parsed("proxy", 8080)),
        ("http://u%40x:p%3Aq@[fd00::1]:1", Parsed("fd00::1", 1, "u@x", Secret("p:q"))),
    ],
)
def test_a_proxy_is_read_from_its_url(text: str, expected: Parsed) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    "text", ["socks5://me:hunter2@p:1", "http://", "http://p:99999", "http://p/path", "http://a b"]
)
def test_what_is_no_proxy_is_refused_without_its_login(text: str) -> None:
    with pytest.raises(UsageError, match=r"^HTTPS_PROXY: .*expected http://host:port") as caught:
        Proxies(None, {"HTTPS_PROXY": text})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("environ", "secure", "plain"),
    [
        ({}, None, None),
        ({"HTTPS_PROXY": "a:1", "HTTP_PROXY": "b:2"}, "a:1", "b:2"),
        ({"https_proxy": "a:1", "HTTPS_PROXY": "b:2"}, "a:1", None),
        ({"ALL_PROXY": "a:1", "http_proxy": "b:2"}, "a:1", "b:2"),
        ({"HTTPS_PROXY": "a:1", "NO_PROXY": "*"}, None, None),
        ({"HTTPS_PROXY": "a:1", "no_proxy": "cloud.test"}, None, None),
        ({"HTTPS_PROXY": ""}, None, None),
    ],
)
def test_the_environment_decides_where_nothing_is_configured(
    environ: dict[str, str], secure: str | None, plain: str | None
) -> None:
    found = [Proxies(None, environ).way("cloud.test", 1, secure=each) for each in (True, False)]
    assert [each and str(each) for each in found] == [secure, plain]


def test_what_is_configured_is_used_for_everything_but_exceptions_and_this_machine() -> None:
    found = Proxies(Secret("p:1"), {"HTTPS_PROXY": "q:2", "NO_PROXY": "10.0.0.0/8"})
    ways = [found.way(host, 443, secure=False) for host in ("cloud.test", "10.1.2.3")]
    assert [each and str(each) for each in ways] == ["p:1", None]
    assert not any(found.way(host, 80, secure=True) for host in ("localhost", "127.0.0.2", "::1"))


@pytest.mark.parametrize(
    ("exceptions", "host", "expected"),
    [
        ("example.com", "example.com", True),
        ("example.com", "api.example.com", True),
        ("example.com", "badexample.com", False),
        (".example.com", "api.example.com", True),
        ("*.example.com", "api.example.com", True),
        ("a, EXAMPLE.com ,b", "Example.COM.", True),
        ("example.com:443", "example.com", True),
        ("example.com:80", "example.com", False),
        ("192.168.0.0/16", "192.168.3.4", True),
        ("192.168.0.0/16", "192.169.3.4", False),
        ("192.168.3.4", "192.168.3.4", True),
        ("fd00::/8", "fd12::1", True),
        ("[fd12::1]:443", "fd12::1", True),
        ("10.0.0.1:443", "10.0.0.1", True),
        ("*", "anything", True),
        ("", "anything", False),
        (".", "anything", False),
        (":443", "anything", False),
    ],
)
def test_exceptions_are_names_networks_and_ports(
    exceptions: str, host: str, expected: bool
) -> None:
    assert excepted(host, 443, exceptions) is expected


@given(st.text(), st.text())
def test_no_text_breaks_the_reading_of_exceptions(exceptions: str, host: str) -> None:
    excepted(host, 443, exceptions)


# --- through it ----------------------------------------------------------------------------------


def test_a_websocket_goes_through_it_with_its_login() -> None:
    with server(talk_back) as url, proxy(int(url.split(":")[2].split("/")[0]), "me:p:w") as way:
        by = dialer(way.port, "me:p%3Aw@")
        with closing(connect(Endpoint("ws://cloud.test/path"), LIMITS, by)) as socket_:
            socket_.send("hello")
            assert receive(socket_, 1) == ["hello"]
    [head] = way.heads
    assert head.startswith(b"CONNECT cloud.test:80 HTTP/1.1\r\nHost: cloud.test:80\r\n")


@OPENSSL
def test_https_goes_through_it_end_to_end(tmp_path: Path) -> None:
    context = server_context(certificate(tmp_path, "cloud.test"))
    with peer(saying(answer(b"one"), answer(b"two")), context) as port, proxy(port) as way:
        by = dialer(way.port, ca_file=str(tmp_path / "cert.pem"))
        with closing(HttpClient(by)) as http:
            bodies = [http.send(Request("GET", "https://cloud.test/x")).body for _ in range(2)]
    assert bodies == [b"one", b"two"]
    assert [head.split(b"\r\n")[0] for head in way.heads] == [b"CONNECT cloud.test:443 HTTP/1.1"]


def test_plain_http_is_forwarded_with_the_whole_address() -> None:
    seen: list[bytes] = []

    def talk(caller: socket.socket) -> None:
        seen.append(request(caller))
        caller.sendall(answer(b"hi"))

    with (
        peer(talk) as port,
        proxy(port, "me:pw") as way,
        closing(HttpClient(dialer(way.port, "me:pw@"))) as http,
    ):
        assert http.send(Request("GET", "http://cloud.test/x?y=1")).body == b"hi"
    assert seen[0].startswith(b"GET http://cloud.test/x?y=1 HTTP/1.1\r\nHost: cloud.test\r\n")


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (b"HTTP/1.1 407 No\r\n\r\n", r"wants another login; check the user and .* network\.proxy"),
        (b"HTTP/1.1 403 No\r\n\r\n", r"does not let us through to cloud\.test:443"),
        (b"HTTP/1.0 504 No\r\n\r\n", r"cannot reach cloud\.test:443"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "does not answer as a proxy"),
        (b"", "hung up without an answer"),
    ],
)
def test_what_the_proxy_says_no_to_is_the_proxys(reply: bytes, words: str) -> None:
    with peer(lambda caller: _reply(caller, reply)) as port:
        by = dialer(port, "me:hunter2@")
        with pytest.raises(LinkError, match=rf"^the proxy 127\.0\.0\.1:{port} {words}") as caught:
            by.open(Target("cloud.test", 443, secure=True), LIMITS)
    assert caught.value.kind == "proxy"
    assert "hunter2" not in str(caught.value)


def _reply(caller: socket.socket, reply: bytes) -> None:
    request(caller)
    caller.sendall(reply)


def test_a_407_to_what_it_forwards_is_the_proxys_too() -> None:
    refused = pytest.raises(LinkError, match="wants another login")
    with proxy(1, "me:pw") as way, closing(HttpClient(dialer(way.port))) as http, refused as caught:
        http.send(Request("GET", "http://cloud.test/"))
    assert caught.value.kind == "proxy"


def test_a_proxy_that_is_not_there() -> None:
    port = closed_port()
    with pytest.raises(LinkError, match=rf"^the proxy 127\.0\.0\.1:{port} refuses .*HTTPS_PROXY"):
        dialer(port).open(Target("cloud.test", 443, secure=True), LIMITS)
    nowhere = Dialer(Network(proxy=Secret("http://proxy.invalid:1")), SystemClock(), {})
    with pytest.raises(LinkError, match=r"^the proxy proxy\.invalid:1: cannot resolve") as caught:
        nowhere.open(Target("cloud.test", 443, secure=True), LIMITS)
    assert caught.value.kind == "proxy"


def test_a_proxy_that_never_answers_is_given_up_in_time() -> None:
    def mute(caller: socket.socket) -> None:
        request(caller)
        caller.recv(1)  # until we give up

    late = pytest.raises(LinkError, match=r"the proxy .* did not answer in time")
    with peer(mute) as port, late:
        dialer(port).open(Target("cloud.test", 443, secure=True), Limits(connect=0.3))


def test_an_endless_answer_of_a_proxy_ends() -> None:
    def drivel(caller: socket.socket) -> None:
        request(caller)
        while True:
            caller.sendall(b"HTTP/1.1 200 x\r\n" + b"A: b\r\n" * 1000)

    with peer(drivel) as port, pytest.raises(LinkError, match="does not answer as a proxy"):
        dialer(port).connect(Target("cloud.test", 443, secure=True), LIMITS)


def test_this_machine_is_reached_without() -> None:
    with peer(echo) as port:
        sock = dialer(closed_port()).open(Target("127.0.0.1", port, secure=False), LIMITS)
        assert exchange(sock) == b"hello"


def test_the_login_is_shown_nowhere() -> None:
    parsed = parse("http://me:hunter2@p:1")
    assert "hunter2" not in repr(parsed) + str(parsed) + json.dumps(str(parsed))
