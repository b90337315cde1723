"""A small client for the tests of the emulator."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from agent.emulator import Emulator
from agent.emulator.engines.script import Script
from agent.emulator.engines.scripted import ScriptedEngine
from agent.emulator.engines.tones import silence, tone_words
from agent.emulator.stream import Rules
from tests.patience import HANG_S

PATH = "/v2/ws-voice-translate"
PACKET = 1_280
TONES = Script(hear="tones", endpoint_ms=100)
AT_ONCE = Rules(slack_ms=600_000)
"""Takes audio as fast as it comes, so that tests need not wait for real time."""


@contextmanager
def session(emulator: Emulator, **changes: object) -> Iterator[ClientConnection]:
    """A connection whose set-up has been sent."""
    fields = {"token": "demo", "request_id": str(uuid.uuid4()), **changes}
    with connect(emulator.url.replace("http", "ws") + PATH, close_timeout=1) as client:
        client.send(json.dumps(fields))
        yield client


def request(
    url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> tuple[int, bytes]:
    """Status and body of the answer; a POST if there is a body to send."""
    asked = urllib.request.Request(url, body, dict(headers or {}))
    try:
        with urllib.request.urlopen(asked, timeout=HANG_S) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def say(client: ClientConnection, *words: int) -> None:
    """Send these words, and the silence that ends a sentence."""
    pcm = tone_words(words, 16_000) + silence(16_000, 200)
    for at in range(0, len(pcm), PACKET):
        client.send(pcm[at : at + PACKET])


def result(client: ClientConnection, timeout: float = HANG_S) -> dict[str, object]:
    """The next JSON message; speech before it is passed over."""
    while isinstance(message := client.recv(timeout=timeout), bytes):
        pass
    answer = json.loads(message)
    assert isinstance(answer, dict)
    return answer


def final(client: ClientConnection) -> dict[str, object]:
    """The next result of a whole sentence."""
    while (answer := result(client))["original_detail"]["slice_type"] != 2:  # type: ignore[index]
        pass
    return answer


def collect(client: ClientConnection) -> list[str | bytes]:
    """Everything until the connection closes."""
    messages: list[str | bytes] = []
    try:
        while True:
            messages.append(client.recv(timeout=HANG_S))
    except ConnectionClosed:
        return messages


def eventually(condition: Callable[[], object], timeout: float = HANG_S) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.005)


def tones(**options: object) -> Emulator:
    engine = ScriptedEngine(TONES)
    return Emulator(**{"engine": engine, "rules": AT_ONCE, **options})  # type: ignore[arg-type]


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with tones() as running:
        yield running


def emulator_speech(answer: dict[str, object]) -> bytes:
    return ScriptedEngine(TONES).speak(str(answer["translation"]), "en")
