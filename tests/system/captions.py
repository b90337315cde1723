"""A device with its caption screen, in this process, against the emulator."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Self

import pytest
from msgspec.structs import replace
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from agent.app import App
from agent.clock import SystemClock
from agent.config import loader
from agent.config.schema import Config, Web
from agent.config.secret import Secret
from agent.emulator import Emulator
from agent.events import Transcript
from agent.web.screen import CaptionScreen
from tests.patience import HANG_S
from tests.system.broker import wait_until
from tests.system.device import Running, recording, silence, write_config, write_wav

ANY_PORT = "127.0.0.1:0"


@dataclass
class Screen:
    """What a test has of a device that shows its captions."""

    device: Running
    cloud: Emulator
    screen: CaptionScreen

    def __post_init__(self) -> None:
        self._numbers = count()

    @property
    def app(self) -> App:
        return self.device.app

    @property
    def url(self) -> str:
        return self.screen.server.url

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        host, _, port = self.url.removeprefix("http://").rstrip("/").rpartition(":")
        return host, int(port)

    @property
    def viewers(self) -> int:
        return len(self.screen.server._reception.audience)

    def wait_for_viewers(self, wanted: int, seconds: float = HANG_S) -> None:
        wait_until(lambda: self.viewers == wanted, f"{wanted} viewers", seconds)

    def say(self, text: str, translation: str | None = None, **fields: Any) -> Transcript:
        """Have a transcript come in, as if the service had sent it."""
        index = fields.pop("index", None)
        number = next(self._numbers) if index is None else index
        given: dict[str, Any] = {
            "session": "s1",
            "index": number,
            "source": "en",
            "target": "es",
            "start_ms": number * 3000,
            "end_ms": number * 3000 + 2500,
            "service": "twetalk-v2",
            "time": "2026-01-01T12:00:00.000Z",
            "final": True,
        }
        transcript = Transcript(text=text, translation=translation, **(given | fields))
        self.app.post(transcript)
        return transcript


@contextmanager
def screen(
    folder: Path,
    *,
    password: str | None = None,
    listen: str = ANY_PORT,
    sound: bytes | None = None,
    **sections: Any,
) -> Iterator[Screen]:
    """Run a device that waits for its talk button and hears the same sentence over and over."""
    sentence = silence(0.2) + recording("Front_Center") + silence(0.8)
    write_wav(folder / "speech.wav", sentence if sound is None else sound)
    defaults: dict[str, Any] = {
        "audio": {"capture": {"loop": True}, "playback": {"device": None}},
        "talk": {"mode": "hold", "tail_ms": 200},
    }
    for name, section in sections.items():
        defaults[name] = {**defaults.get(name, {}), **section}
    with Emulator() as cloud:
        config = loader.load(str(write_config(folder, cloud.url, **defaults)))
        device = Running(App(_listening(config, listen, password)))
        with CaptionScreen(device.app) as made:
            device.start()
            try:
                device.wait_for("listening" if config.talk.mode == "open" else "idle")
                yield Screen(device, cloud, made)
            finally:
                device.app.stop("the test is over")
                device.finish()


def _listening(config: Config, listen: str, password: str | None) -> Config:
    secret = Secret(password) if password is not None else None
    return replace(config, web=Web(listen=listen, password=secret))


class Page:
    """What a page's script says and hears, without a browser."""

    socket: ClientConnection

    def __init__(self, screen: Screen, **options: Any) -> None:
        self._address = f"{screen.url.replace('http', 'ws')}live"
        self._options, self._stack = options, ExitStack()

    def __enter__(self) -> Self:
        socket = connect(self._address, close_timeout=1, **self._options)
        self.socket = self._stack.enter_context(socket)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def say(self, message: object) -> None:
        """Send an object as JSON, or a text or bytes as they are."""
        raw = isinstance(message, str | bytes)
        self.socket.send(message if raw else json.dumps(message))  # type: ignore[arg-type]

    def hear(self, kind: str, seconds: float = HANG_S) -> Any:
        """What the next message of this kind holds; others are passed over."""
        while True:
            message = json.loads(self.socket.recv(timeout=seconds))
            if kind in message:
                return message[kind]

    def ask(self, message: object) -> Any:
        """The answer to a command."""
        self.say(message)
        return self.hear("result")

    def closed(self, seconds: float = HANG_S) -> ConnectionClosed:
        """Read until it is closed; how it was."""
        clock = SystemClock()
        deadline = clock.now() + seconds
        while clock.now() < deadline:
            try:
                self.socket.recv(timeout=seconds)
            except ConnectionClosed as error:
                return error
        pytest.fail(f"still open after {seconds} s")

    def code(self) -> int | None:
        """Read until it is closed; the code it was closed with."""
        received = self.closed().rcvd
        return received.code if received else None
