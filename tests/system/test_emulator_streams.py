"""TWeTalk V1 and recognition over loopback."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from agent.emulator import Emulator
from agent.emulator.engines.tones import decode_tones, tone_words
from agent.emulator.faults import Fault
from tests.patience import HANG_S
from tests.system.emulated import collect, emulator, eventually, say, tones

__all__ = ["emulator"]

ASR = "/asr/v2/1000001?engine_model_type=iot_16k_zh&voice_format=1"


@contextmanager
def at(emulator: Emulator, path: str) -> Iterator[ClientConnection]:
    with connect(emulator.url.replace("http", "ws") + path, close_timeout=1) as client:
        yield client


def messages(client: ClientConnection, count: int) -> list[dict[str, object]]:
    return [json.loads(client.recv(timeout=HANG_S)) for _ in range(count)]


def test_v1_tells_original_and_translation_apart_and_speaks(emulator: Emulator) -> None:
    with at(emulator, "/ws-voice-translate") as client:
        client.send(json.dumps({"token": "demo", "request_id": str(uuid.uuid4())}))
        say(client, 1)
        start, partial, original, translation = messages(client, 4)
        spoken = client.recv(timeout=HANG_S)
    details = [message["original_detail"] for message in (start, partial, original)]
    assert [detail["slice_type"] for detail in details] == [0, 1, 2]  # type: ignore[index]
    assert {"translation": "[en] w1", "index": 0}.items() <= translation.items()
    assert isinstance(spoken, bytes)
    assert decode_tones(spoken, 16_000)[-1] == 1
    assert emulator.connections[0].provider == "twetalk-v1"


def test_a_request_id_serves_once_for_both_versions(emulator: Emulator) -> None:
    setup = json.dumps({"token": "demo", "request_id": str(uuid.uuid4())})
    with at(emulator, "/ws-voice-translate") as client:
        client.send(setup)
        client.send('{"ping": 1}')
        client.recv(timeout=HANG_S)
    with at(emulator, "/v2/ws-voice-translate") as client:
        client.send(setup)
        assert json.loads(client.recv(timeout=HANG_S))["msg"] == "request_id was used before"


def test_recognition_from_handshake_to_end(emulator: Emulator) -> None:
    with at(emulator, ASR) as client:
        assert messages(client, 1) == [{"code": 0, "message": "success"}]
        say(client, 1, 22)
        results = [message["result"] for message in messages(client, 4)]
        say(client, 3)
        client.send('{"type": "end"}')
        rest = [json.loads(message) for message in collect(client)]
    assert [result["voice_text_str"] for result in results] == ["", "w1", "w1 w22", "w1 w22"]  # type: ignore[index]
    assert results[-1]["start_time"] == 0  # type: ignore[index]
    assert 350 < results[-1]["end_time"] < 500  # type: ignore[index]
    assert rest[-2]["result"]["index"] == 1
    assert rest[-2]["result"]["start_time"] == pytest.approx(680, abs=20)
    assert [message["final"] for message in rest] == [0, 0, 0, 1]
    eventually(lambda: emulator.connections[0].ended == "finished")


def test_the_end_finishes_a_sentence_that_is_open(emulator: Emulator) -> None:
    with at(emulator, ASR) as client:
        client.recv(timeout=HANG_S)
        with suppress(ConnectionClosed):
            client.send(tone_words([5], 16_000))  # and not the silence that would end it
            client.send('{"type": "end"}')
        told = [json.loads(message) for message in collect(client)]
    assert told[-2]["result"]["voice_text_str"] == "w5"
    assert told[-2]["result"]["slice_type"] == 2
    assert told[-1]["final"] == 1


@pytest.mark.parametrize("path", [ASR.replace("1000001", "7"), ASR.replace("zh", "fr")])
def test_a_wrong_handshake_is_answered_and_closed(emulator: Emulator, path: str) -> None:
    with at(emulator, path) as client:
        (answer,) = collect(client)
    assert json.loads(answer)["code"] != 0
    assert set(json.loads(answer)) == {"code", "message"}
    eventually(lambda: emulator.connections[0].ended == "refused")


def test_an_error_of_the_plan_is_in_message() -> None:
    faults = [Fault("error", after_ms=50, code=4, msg="no")]
    with tones(faults=faults) as emulator, at(emulator, ASR) as client:
        assert json.loads(collect(client)[-1]) == {"code": 4, "message": "no"}
