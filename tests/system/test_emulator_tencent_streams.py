"""Tencent Cloud's translating streams over loopback."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urlencode

import pytest
from websockets.sync.client import ClientConnection, connect

from agent.emulator import Emulator
from agent.emulator.engines.tones import decode_tones
from tests.patience import HANG_S
from tests.system.emulated import collect, emulator, eventually, say
from tests.unit.emulator.asr import openssl

__all__ = ["emulator"]

TRANSLATE, INTERPRET = "/asr/speech_translate", "/asr/si"
WISH = {"voice_format": "1", "source": "zh", "target": "en"}
TO_ENGLISH = {"target": "en", "input_sample_rate": "16000"}
SPEECH = {"enable_tts": "1", "codec": "pcm", "sample_rate": "16000"}


@contextmanager
def stream(
    emulator: Emulator, path: str, wish: Mapping[str, str], key: str = "demo"
) -> Iterator[ClientConnection]:
    now = int(time.time())
    parameters = {
        "secretid": "demo",
        "timestamp": str(now),
        "expired": str(now + 60),
        "nonce": "1",
        "voice_id": str(uuid.uuid4()),
        **wish,
    }
    told = "&".join(f"{name}={parameters[name]}" for name in sorted(parameters))
    signature = openssl(f"asr.cloud.tencent.com{path}/1000001?{told}", key)
    query = urlencode({**parameters, "signature": signature})
    url = f"{emulator.url.replace('http', 'ws')}{path}/1000001?{query}"
    with connect(url, close_timeout=1) as client:
        yield client


def texts(messages: list[str | bytes]) -> list[dict[str, Any]]:
    return [json.loads(message) for message in messages if isinstance(message, str)]


def test_from_handshake_to_end(emulator: Emulator) -> None:
    with stream(emulator, TRANSLATE, WISH) as client:
        assert json.loads(client.recv(timeout=HANG_S))["code"] == 0
        say(client, 1, 22)
        client.send('{"type": "end"}')
        told = collect(client)
    results = texts(told)
    assert told == [message for message in told if isinstance(message, str)]
    assert [each["result"]["source_text"] for each in results[:-1]] == [
        "",
        "w1",
        "w1 w22",
        "w1 w22",
    ]
    last = results[-2]["result"]
    assert (last["target_text"], last["sentence_end"]) == ("[en] w1 w22", True)
    assert results[-1]["final"] == 1
    eventually(lambda: emulator.connections[0].ended == "finished")
    assert emulator.connections[0].provider == "tencent-speech-translate"


def test_speech_is_over_before_the_end_is(emulator: Emulator) -> None:
    with stream(emulator, TRANSLATE, WISH | SPEECH) as client:
        say(client, 7)
        client.send('{"type": "end"}')
        told = collect(client)
    spoken = b"".join(message for message in told if isinstance(message, bytes))
    assert decode_tones(spoken, 16_000)[-1] == 7
    assert [each["final"] for each in texts(told)[-2:]] == [1, 2]
    assert isinstance(told[-1], str)


def test_a_wrong_key_is_refused(emulator: Emulator) -> None:
    with stream(emulator, TRANSLATE, WISH, key="other") as client:
        (answer,) = collect(client)
    assert json.loads(answer)["code"] == 6002
    eventually(lambda: emulator.connections[0].ended == "refused")
    assert "demo" not in json.dumps(json.loads(answer))


@pytest.mark.parametrize(("path", "wish"), [(TRANSLATE, WISH), (INTERPRET, TO_ENGLISH)])
def test_a_sixth_connection_is_one_too_many(
    emulator: Emulator, path: str, wish: Mapping[str, str]
) -> None:
    with ExitStack() as opened:
        clients = [opened.enter_context(stream(emulator, path, wish)) for _ in range(6)]
        codes = [json.loads(client.recv(timeout=HANG_S))["code"] for client in clients]
    assert codes == [0] * 5 + [6006]
    eventually(lambda: all(page.ended for page in emulator.connections))
    with stream(emulator, path, wish) as client:
        assert json.loads(client.recv(timeout=HANG_S))["code"] == 0


def test_interpreting_changes_its_target_in_mid_stream(emulator: Emulator) -> None:
    with stream(emulator, INTERPRET, TO_ENGLISH) as client:
        assert json.loads(client.recv(timeout=HANG_S))["message_type"] == "handshake"
        say(client, 1)
        client.send('{"type": "update", "target": "zh"}')
        say(client, 2)
        client.send('{"type": "end"}')
        told = collect(client)
    finals = [each for each in texts(told) if (each.get("result") or {}).get("sentence_end")]
    said = [(each["result"]["source"], each["result"]["target_text"]) for each in finals]
    assert said == [("zh", "[en] w1"), ("en", "[zh] w2")]
    assert [each["sentence_id"][-2:] for each in finals] == ["_0", "_1"]
    spoken = b"".join(message for message in told if isinstance(message, bytes))
    assert {1, 2} <= set(decode_tones(spoken, 16_000))
    assert texts(told)[-1]["final"] == 1
