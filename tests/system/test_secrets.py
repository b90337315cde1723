"""A server that sends back whatever it was sent: nothing of it leaves the device."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.system.broker import Broker, Observer
from tests.system.device import recording, running, silence, write_config, write_wav
from tests.system.test_cli import dragoman

TOKEN = "hunter2/of+this=test"
MAAS = ("--set", "service.endpoint=@token", "--set", "service.access_key=@token")
WAYS = ("hunter2/of", "hunter2%2Fof", "hunter2%2fof", "aHVudGVyMi9v")


class Echo(BaseHTTPRequestHandler):
    """Refuses, and says in its refusal what it was asked."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        told = f"{self.path} {dict(self.headers)}"
        body = json.dumps({"code": 401, "error": {"code": "401", "message": told}, "msg": told})
        self.send_response(401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def echo() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def assert_hidden(text: str) -> None:
    assert "***" in text, "the test's server did not send the credential back"
    for way in WAYS:
        assert way not in text


@pytest.mark.parametrize(
    "command",
    [
        ["translate", "hello", "--set", "service.token=@token"],
        ["summarize", "text.txt", "--set", "service.token=@token"],
        ["transcribe", "speech.wav", "--service", "maas-whisper", *MAAS],
    ],
    ids=lambda command: command[0],
)
def test_no_command_shows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, echo: str, command: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o600)
    (tmp_path / "text.txt").write_text("A text.")
    write_wav(tmp_path / "speech.wav", recording("Front_Center"))
    done = dragoman(*command, "--set", f"service.url={echo}")
    assert done.returncode == 1, done.stderr
    assert_hidden(done.stdout + done.stderr)


def test_no_event_tells_it(
    tmp_path: Path, broker: Broker, observer: Observer, echo: str, capfd: pytest.CaptureFixture[str]
) -> None:
    write_wav(tmp_path / "speech.wav", silence(0.2) + recording("Front_Center") + silence(1.0))
    path = write_config(
        tmp_path,
        echo,
        service={"name": "maas-whisper", "endpoint": TOKEN, "access_key": TOKEN},
        audio={"capture": {"loop": True}},
        mqtt={"host": "127.0.0.1", "port": broker.port},
    )
    with running(path):
        observer.wait(
            lambda: any(
                event["event"] == "refused"
                for event in observer.objects("dragoman/kitchen-1/event")
            ),
            "the refusal",
        )
    published = " ".join(str(message.payload) for message in observer.messages)
    assert_hidden(published)
