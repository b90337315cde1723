"""Requests over HTTP: answers, faults on request, journal and recording."""

from __future__ import annotations

import http.client
import json
import socket
import time
import wave
from pathlib import Path

import pytest

from agent.emulator import Emulator
from agent.emulator.engines import EngineFailed
from agent.emulator.engines.scripted import ScriptedEngine
from agent.emulator.faults import Fault, read_faults
from tests.patience import HANG_S
from tests.system.emulated import TONES, emulator, eventually, request, tones
from tests.unit.emulator.calls import multipart, speech, wav

__all__ = ["emulator"]

HEADERS = {
    "Authorization": "Bearer demo",
    "Action": "IotTranslate",
    "Content-Type": "application/json",
}
FIELDS = {"source": "zh", "target": "en", "text": "你好", "request_id": "r", "stream": False}
BODY = json.dumps(FIELDS).encode()


def translate(emulator: Emulator, body: bytes = BODY) -> tuple[int, bytes]:
    return request(emulator.url + "/api", body, HEADERS)


def data(answer: tuple[int, bytes]) -> object:
    return json.loads(answer[1])["data"]


def test_text_is_translated(emulator: Emulator) -> None:
    status, body = translate(emulator)
    assert status == 200
    assert json.loads(body)["data"] == "[en] 你好"


def test_a_stream_comes_in_pieces(emulator: Emulator) -> None:
    connection = http.client.HTTPConnection(emulator.url.removeprefix("http://"), timeout=HANG_S)
    streamed = json.dumps({**FIELDS, "text": "This is a text.", "stream": True})
    connection.request("POST", "/api", streamed, HEADERS)
    response = connection.getresponse()
    assert response.headers["Content-Type"] == "text/event-stream"
    first = response.read1()
    assert first.startswith(b"data: {")
    assert first.endswith(b"\n\n")
    assert first.count(b"data: ") < (first + response.read()).count(b"data: ")
    connection.close()


def test_a_body_too_long_is_refused_as_the_provider_words_it(emulator: Emulator) -> None:
    status, body = translate(emulator, b"x" * 1_000_001)
    assert (status, json.loads(body)["code"]) == (200, 1002)


# Faults


def test_each_fault_strikes_its_request_alone() -> None:
    faults = [
        Fault("http", request=1, status=503, body="busy"),
        Fault("error", request=2, code=7, msg="too bad"),
        Fault("garbage", request=3, seed=0),
        Fault("slow", request=4, delay_ms=200),
    ]
    with tones(faults=faults) as emulator:
        assert translate(emulator) == (503, b"busy")
        assert json.loads(translate(emulator)[1]) == {"code": 7, "err_msg": "too bad"}
        with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
            data(translate(emulator))
        began = time.monotonic()
        assert data(translate(emulator)) == "[en] 你好"
        assert time.monotonic() - began >= 0.2
        assert data(translate(emulator)) == "[en] 你好"
        told = [exchange.fault for exchange in emulator.exchanges]
    assert told == ["http", "error", "garbage", "slow", ""]


def test_a_reset_comes_after_the_work() -> None:
    with tones(faults=[Fault("reset", request=1)]) as emulator:
        with pytest.raises(ConnectionResetError):
            translate(emulator)
        assert emulator.exchanges[0].fields["text"] == "你好"
        assert emulator.exchanges[0].ended == "reset"
        assert data(translate(emulator)) == "[en] 你好"


def test_a_close_comes_in_the_middle_of_the_answer() -> None:
    with tones(faults=[Fault("close", request="any")]) as emulator:
        for body in (BODY, json.dumps({**FIELDS, "stream": True}).encode()):
            with pytest.raises(http.client.IncompleteRead) as raised:
                translate(emulator, body)
            assert raised.value.partial
        assert [exchange.ended for exchange in emulator.exchanges] == ["cut", "cut"]


def test_a_freeze_ends_or_does_not() -> None:
    faults = [Fault("freeze", request=1, for_ms=200), Fault("freeze", request=2)]
    with tones(faults=faults) as emulator:
        began = time.monotonic()
        assert data(translate(emulator)) == "[en] 你好"
        assert time.monotonic() - began >= 0.2
        connection = http.client.HTTPConnection(emulator.url.removeprefix("http://"), timeout=0.3)
        connection.request("POST", "/api", BODY, HEADERS)
        with pytest.raises(TimeoutError):
            connection.getresponse()
        connection.close()
        eventually(lambda: emulator.exchanges[1].ended == "gone")


def test_the_emulator_stops_while_a_request_is_frozen() -> None:
    emulator = tones(faults=[Fault("freeze", request=1)])
    with emulator:
        connection = http.client.HTTPConnection(
            emulator.url.removeprefix("http://"), timeout=HANG_S
        )
        connection.request("POST", "/api", BODY, HEADERS)
        eventually(lambda: emulator.exchanges and emulator.exchanges[0].fields)
        emulator.close()
        connection.close()


def test_requests_and_connections_have_plans_of_their_own(tmp_path: Path) -> None:
    plan = tmp_path / "faults.yaml"
    plan.write_text("[{do: reset, connection: 1}, {request: 2, do: http, status: 429}]")
    with tones(faults=read_faults(plan)) as emulator:
        assert [translate(emulator)[0] for _ in range(3)] == [200, 429, 200]


# Engines that fail, and bugs


def test_a_failing_engine_is_the_providers_error() -> None:
    class Broken(ScriptedEngine):
        def translate(self, text: str, source: str, target: str) -> str:
            raise EngineFailed("apertium: out of words")

    with tones(engine=Broken(TONES)) as emulator:
        refused = json.loads(translate(emulator)[1])
        assert refused == {"code": 1500, "err_msg": "apertium: out of words"}


def test_a_bug_is_told_from_a_refusal() -> None:
    class Buggy(ScriptedEngine):
        def translate(self, text: str, source: str, target: str) -> str:
            raise ZeroDivisionError

    with tones(engine=Buggy(TONES)) as emulator:
        assert translate(emulator) == (500, b"dragoman emulator: internal error\n")
        assert emulator.exchanges[0].ended == "bug"


@pytest.mark.parametrize(
    "rest",
    [b"Content-Length: 9\r\n\r\nabc", b"Transfer-Encoding: chunked\r\n\r\n9\r\nabc"],
    ids=["length", "chunked"],
)
def test_a_client_that_goes_away_in_mid_request(
    emulator: Emulator, rest: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    host, port = emulator.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 2) as client:
        client.sendall(b"POST /api HTTP/1.1\r\nHost: x\r\n" + rest)
        eventually(lambda: emulator.exchanges)
    eventually(lambda: emulator.exchanges[0].ended == "gone")
    assert "Traceback" not in caplog.text
    assert data(translate(emulator)) == "[en] 你好"


# Journal


def test_the_journal_of_a_request(emulator: Emulator) -> None:
    status, body = translate(emulator)
    eventually(lambda: emulator.exchanges[0].ended)
    (page,) = emulator.exchanges
    assert (page.number, page.provider, page.method, page.path) == (
        1, "twetalk-text", "POST", "/api",
    )  # fmt: skip
    assert (page.size, page.fields, page.refusal) == (len(BODY), FIELDS, "")
    assert (page.status, page.answer, page.answer_size) == (status, body, len(body))
    assert page.ended == "answered"


def test_a_recording_of_requests(tmp_path: Path) -> None:
    body, content_type = multipart({"file": wav(speech(3))})
    headers = {"Authorization": "Bearer demo", "Content-Type": content_type}
    with tones(record=tmp_path, keep=False) as emulator:
        assert translate(emulator)[0] == 200
        assert request(emulator.url + "/v1/ai/demo/audio/transcriptions", body, headers)[0] == 200
        eventually(lambda: list(tmp_path.glob("*-002-maas-whisper.wav")))
        assert emulator.exchanges == []
    (lines,), (sound,) = tmp_path.glob("*-requests.jsonl"), tmp_path.glob("*.wav")
    pages = [json.loads(line) for line in lines.read_text().splitlines()]
    assert [page["provider"] for page in pages] == ["twetalk-text", "maas-whisper"]
    assert "Bearer" not in lines.read_text()
    with wave.open(str(sound)) as reader:
        assert reader.readframes(99_999) == speech(3)
