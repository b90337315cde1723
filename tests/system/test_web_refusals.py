"""Who and what the caption screen turns away, over real sockets."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import CloseCode

from agent.web import conversation, server
from agent.web.messages import MAX_MESSAGE
from tests.patience import HANG_S
from tests.system.broker import wait_until
from tests.system.captions import Page, Screen, screen
from tests.system.emulated import request

UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


@pytest.fixture(scope="module")
def open_screen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Screen]:
    """One that wants no password."""
    with screen(tmp_path_factory.mktemp("open")) as made:
        yield made


def raw(made: Screen, request: str) -> bytes:
    """The answer to an HTTP request as it stands; of a WebSocket only the head."""
    with socket.create_connection(made.address, timeout=HANG_S) as sock:
        sock.sendall(request.encode("latin-1"))
        answer = b""
        while b"\r\n\r\n" not in answer or b" 101 " not in answer:
            received = sock.recv(65536)
            if not received:
                break
            answer += received
    return answer


def status(made: Screen, path: str = "/live", host: str | None = None, **headers: str) -> int:
    """Of a request under a ``Host``, by default the right one."""
    host = host if host is not None else f"localhost:{made.address[1]}"
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    live = UPGRADE if path == "/live" else ""
    answer = raw(made, f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{lines}{live}\r\n")
    return int(answer.split(b" ", 2)[1])


# --- whose page ------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/live", "/app.js"])
@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "192.168.1.5", "a, b"])
def test_a_rebound_name_gets_nothing(open_screen: Screen, path: str, host: str) -> None:
    assert status(open_screen, path, host) == 403


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8080", "[::1]:9"])
def test_loopbacks_names_get_the_page(open_screen: Screen, host: str) -> None:
    assert status(open_screen, "/", host) == 200
    assert status(open_screen, "/live", host) == 101


def test_a_request_without_a_host_or_with_two_gets_nothing(open_screen: Screen) -> None:
    assert b" 403 " in raw(open_screen, "GET / HTTP/1.1\r\n\r\n")
    two = "Host: localhost\r\nHost: localhost\r\n"
    assert b" 403 " in raw(open_screen, f"GET / HTTP/1.1\r\n{two}\r\n")


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:1", "file://"])
def test_a_page_elsewhere_cannot_connect(open_screen: Screen, origin: str) -> None:
    assert status(open_screen, Origin=origin) == 403
    with pytest.raises(InvalidStatus), Page(open_screen, origin=origin):
        pass


def test_our_own_page_can(open_screen: Screen) -> None:
    assert status(open_screen, host="localhost:5", Origin="http://localhost:5") == 101


# --- what is there ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/x", "/../screen.py", "/page/app.js", "/%2e%2e/server.py", "//app.js", "/style.css/"]
)
def test_only_the_page_is_there(open_screen: Screen, path: str) -> None:
    assert status(open_screen, path) == 404


def test_the_page_comes_with_its_policy(open_screen: Screen) -> None:
    port = open_screen.address[1]
    answer = raw(open_screen, f"GET /?x=1 HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n").decode()
    head, _, body = answer.partition("\r\n\r\n")
    assert f"connect-src 'self' ws://localhost:{port} " in head
    assert "frame-ancestors 'none'" in head
    assert "Cache-Control: no-store" in head
    assert "Server:" not in head
    assert body.startswith("<!doctype html>")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "BREW"])
def test_there_is_nothing_to_post_to(open_screen: Screen, method: str) -> None:
    answer = raw(open_screen, f"{method} / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert not answer.startswith(b"HTTP/1.1 2")


@pytest.mark.parametrize("noise", ["\r\n\r\n", "\x16\x03\x01\x02", "GET /" + "x" * 9000 + " \r\n"])
def test_noise_is_harmless(open_screen: Screen, noise: str) -> None:
    with socket.create_connection(open_screen.address, timeout=HANG_S) as sock:
        sock.sendall(noise.encode("latin-1"))
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(65536):
            pass
    assert request(open_screen.url)[0] == 200


# --- messages --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("{", "is not JSON"),
        (b"\xff\x00\xff", "is not JSON"),
        ("[1, 2]", "is not an object"),
        ("[" * 2000, "is not"),
        ('{"talk": "shout"}', "talk"),
        ('{"volum": 3}', "did you mean 'volume'"),
        ('{"volume": 101}', "volume"),
        ("{}", "nothing to do"),
        ('{"download": "exe", "session": "s"}', "expected"),
        ('{"download": "srt", "session": "nobody"}', "no finished sentences of session 'nobody'"),
        ('{"summarize": "nobody"}', "no finished sentences"),
        ('{"password": "x"}', "no password is wanted"),
    ],
)
def test_what_cannot_be_done_is_answered(
    open_screen: Screen, message: str | bytes, words: str
) -> None:
    with Page(open_screen) as page:
        page.say(message)
        answer = page.hear("result")
        assert answer["ok"] is False
        assert words in answer["error"]
        assert page.ask({"volume": 30, "ref": 1}) == {"ok": True, "ref": 1}


def test_an_answer_goes_to_who_asked(open_screen: Screen) -> None:
    with Page(open_screen) as one, Page(open_screen) as two:
        one.hear("hello")
        two.hear("hello")
        assert one.ask({"volume": 31, "ref": "one"})["ref"] == "one"
        assert two.ask({"volume": 32, "ref": "two"})["ref"] == "two"


def test_a_wrong_request_is_answered_with_its_ref(open_screen: Screen) -> None:
    with Page(open_screen) as page:
        assert page.ask({"download": "exe", "session": "s", "ref": 5})["ref"] == 5


def test_an_oversized_message_ends_the_connection(open_screen: Screen) -> None:
    with Page(open_screen) as page:
        page.hear("hello")
        page.say('{"ref": "' + "x" * MAX_MESSAGE + '"}')
        assert page.code() == CloseCode.MESSAGE_TOO_BIG
    with Page(open_screen) as page:
        page.hear("hello")


def test_a_flood_ends_the_connection(open_screen: Screen) -> None:
    with Page(open_screen) as page:
        page.hear("hello")
        with suppress(ConnectionClosed):
            for _ in range(conversation.BURST * 3):
                page.say({"volume": 40})
        assert page.code() == CloseCode.POLICY_VIOLATION
    assert open_screen.app.telemetry.total("overruns") == 0


# --- too many, too slow ----------------------------------------------------------------------


def test_there_is_a_last_seat(open_screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "VIEWERS", 2)
    open_screen.wait_for_viewers(0)
    with Page(open_screen) as one, Page(open_screen) as two, Page(open_screen) as three:
        one.hear("hello")
        two.hear("hello")
        error = three.closed()
        assert error.rcvd is not None
        assert (error.rcvd.code, error.rcvd.reason) == (1013, "too many pages are open")
        one.hear("meter")
    open_screen.wait_for_viewers(0)


def test_connections_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "OPEN_S", 60.0)  # so that nothing else ends them
    with screen(tmp_path) as made, ExitStack() as stack:
        idle = [
            stack.enter_context(socket.create_connection(made.address, timeout=HANG_S))
            for _ in range(server.CONNECTIONS + 20)
        ]
        assert all(sock.recv(1) == b"" for sock in idle[-20:]), "cut off at once"
        stack.close()
        wait_until(lambda: _is_up(made), "the page to come back")


def _is_up(made: Screen) -> bool:
    try:
        return request(made.url)[0] == 200
    except OSError:
        return False


def test_sentences_of_any_length_close_no_page(open_screen: Screen) -> None:
    with Page(open_screen) as page:
        page.hear("hello")
        for number in range(100):
            open_screen.say(f"{number} " + "长" * 9000)
        open_screen.say("still there")
        newest = ""
        while newest != "still there":  # as it came, or in the history it is greeted with anew
            message = json.loads(page.socket.recv(timeout=HANG_S))
            said = message.get("history", [message.get("transcript", {})])
            newest = said[-1].get("text", "") if said else ""
    with Page(open_screen) as later:
        assert later.hear("history")[-1]["text"] == "still there"


def test_a_page_that_takes_nothing_is_dropped(
    open_screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation, "STUCK_S", 0.1)
    host, port = open_screen.address
    open_screen.wait_for_viewers(0)
    with socket.socket() as sock, Page(open_screen) as quick:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect((host, port))
        sock.sendall(f"GET /live HTTP/1.1\r\nHost: {host}\r\n{UPGRADE}\r\n".encode())
        quick.hear("hello")
        open_screen.wait_for_viewers(2)
        for _ in range(400):
            open_screen.say("a long sentence " * 500)
            quick.hear("transcript")
        open_screen.wait_for_viewers(1)
        open_screen.say("still there")
        assert quick.hear("transcript")["text"] == "still there"


# --- faults of our own -----------------------------------------------------------------------


def test_a_fault_in_the_thread_takes_the_device_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: object) -> bytes:
        raise RuntimeError("boom")

    with screen(tmp_path) as made:
        monkeypatch.setattr("agent.web.screen.CaptionScreen.meter", broken)
        with Page(made):
            assert made.device.finish(5) == 1
    assert made.device.error == "worker web died: RuntimeError: boom"


def test_no_thread_is_left(tmp_path: Path) -> None:
    with screen(tmp_path) as made, Page(made) as page:
        page.hear("hello")
        worker = made.screen.server
    assert not worker.alive
    assert server.CLOSE_S < 1
