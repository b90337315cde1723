"""The caption screen and its device: the command, and that the sound does not notice."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from agent.cli.run import WEB
from agent.emulator import Emulator
from agent.web import server
from tests.patience import HANG_S
from tests.system.broker import free_port, wait_until
from tests.system.captions import Page, screen
from tests.system.device import recording, silence, write_config, write_wav
from tests.system.emulated import request
from tests.system.test_cli import SECRET, dragoman

VIEWERS = 10


@contextmanager
def run(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The command; its lines can be read from ``stderr``."""
    process = subprocess.Popen(
        [sys.executable, "-m", "agent", "run", *arguments],
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=HANG_S)


def config(folder: Path, url: str, **sections: Any) -> str:
    write_wav(folder / "speech.wav", silence(0.2) + recording("Front_Center") + silence(0.8))
    sound = {"capture": {"loop": True}, "playback": {"device": None}}
    return str(write_config(folder, url, **{"audio": sound, "talk": {"mode": "hold"}} | sections))


# --- the command -----------------------------------------------------------------------------


def test_the_option_opens_it_and_says_where(tmp_path: Path) -> None:
    port = free_port()
    with Emulator() as cloud:
        path = config(tmp_path, cloud.url)
        with run("--config", path, "--web", f"127.0.0.1:{port}") as process:
            assert process.stderr is not None
            line = next(line for line in process.stderr if "caption screen" in line)
            assert line == f"caption screen: http://127.0.0.1:{port}/\n"
            assert request(f"http://127.0.0.1:{port}/")[0] == 200
    assert process.returncode == 0


def test_the_option_alone_means_loopback() -> None:
    assert WEB == "127.0.0.1:8080"
    assert "--web [HOST:PORT]" in dragoman("run", "--help").stdout


def test_beyond_loopback_it_is_refused_without_a_password(tmp_path: Path) -> None:
    done = dragoman(
        "run", "--config", config(tmp_path, "http://127.0.0.1:1"), "--web", "0.0.0.0:80"
    )
    assert done.returncode == 2
    assert done.stderr == (
        "dragoman: --web: web.listen: open to the network without a password; expected "
        "web.password, web.password_file or an address such as 127.0.0.1:8080\n"
    )


def test_a_port_in_use_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        path = config(tmp_path, "http://127.0.0.1:1", web={"password": SECRET})
        done = dragoman("run", "--config", path, "--web", f"127.0.0.1:{port}")
    assert done.returncode == 1
    assert done.stderr == (
        f"dragoman: web.listen: cannot listen on 127.0.0.1:{port}: Address already in use; "
        "expected an address of this machine and a port nobody uses\n"
    )


@pytest.mark.parametrize("web", [False, True])
def test_nothing_is_loaded_when_it_is_off(tmp_path: Path, web: bool) -> None:
    path = config(tmp_path, "http://127.0.0.1:1")
    listen = {"web.listen": f"127.0.0.1:{free_port()}"} if web else {}
    settings = [part for key, value in listen.items() for part in ("--set", f"{key}={value}")]
    code = (
        "import sys; from agent.cli import main\n"
        f"main(['run', '--config', {path!r}, '--duration', '0.1', *{settings!r}])\n"
        "print(sorted(name for name in sys.modules if name.startswith(('agent.web', 'asyncio.'))))"
    )
    environment = os.environ | {"PYTHONPATH": str(Path.cwd())}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
        env=environment,
    )
    assert ("agent.web.server" in done.stdout) is web
    assert ("asyncio.base_events" in done.stdout) is web


# --- the sound -------------------------------------------------------------------------------


def test_the_sound_does_not_notice_ten_open_pages(tmp_path: Path) -> None:
    speech = recording("Front_Center")
    pcm = silence(0.4) + speech + silence(1.0)
    once = {"capture": {"loop": False}}
    heard: list[list[dict[str, Any]]] = [[] for _ in range(VIEWERS)]
    with screen(tmp_path, sound=pcm, audio=once, talk={"mode": "open"}) as made:
        with ExitStack() as pages:
            threads = []
            for told in heard:
                page = pages.enter_context(Page(made))
                threads.append(Thread(target=_listen, args=(page, told)))
                threads[-1].start()
            made.wait_for_viewers(VIEWERS)
            assert made.device.finish() == 0
            made.screen.__exit__(None, None, None)
            for thread in threads:
                thread.join(HANG_S)
        [connection] = made.cloud.connections
        total = made.app.telemetry.total
    assert speech in connection.audio, "every packet bit-exact, in order"
    assert (total("lost_packets"), total("overruns"), total("reconnects")) == (0, 0, 0)
    arrivals = [message.at_ms for message in connection.received if message.text is None]
    for first in range(len(arrivals)):
        for last in range(first + 3, len(arrivals)):
            # 1:1 as without pages; the scheduler of a busy machine adds some jitter.
            assert last - first + 1 <= (arrivals[last] - arrivals[first]) / 40 + 6
    for told in heard:
        finals = [each["transcript"]["text"] for each in told if _is_final(each)]
        assert finals == ["Good morning, where is the railway station?"]


def _is_final(message: dict[str, Any]) -> bool:
    return bool(message.get("transcript", {}).get("final"))


def _listen(page: Page, told: list[dict[str, Any]]) -> None:
    with suppress(ConnectionClosed):
        while True:
            told.append(json.loads(page.socket.recv(timeout=HANG_S)))


# --- a page that vanishes --------------------------------------------------------------------


def test_a_page_that_falls_silent_lets_go_of_the_button(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A phone out of reach: the connection stands, but nobody answers any more."""
    monkeypatch.setattr(server, "PING_S", 0.3)
    monkeypatch.setattr(server, "PONG_S", 0.3)
    with screen(tmp_path) as made, socket.create_connection(made.address, timeout=HANG_S) as sock:
        key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        head = f"Host: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{key}"
        sock.sendall(f"GET /live HTTP/1.1\r\n{head}\r\n".encode())
        sock.sendall(_frame(b'{"talk": "press"}'))
        made.device.wait_for("listening")
        wait_until(lambda: made.device.state != "listening", "the release")


def _frame(text: bytes) -> bytes:
    """A text frame as a browser sends it, with a mask of zeros."""
    return struct.pack("!BB4x", 0x81, 0x80 | len(text)) + text
