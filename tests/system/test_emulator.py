"""The emulator over loopback, as a client made by somebody else sees it."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
import uuid
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from agent.emulator import Emulator
from agent.emulator.engines import EngineFailed
from agent.emulator.engines.script import Script, Sentence
from agent.emulator.engines.scripted import ScriptedEngine
from agent.emulator.engines.tones import decode_tones
from agent.emulator.stream import Rules
from tests.patience import HANG_S
from tests.system.emulated import (
    PACKET,
    PATH,
    TONES,
    collect,
    emulator,
    emulator_speech,
    eventually,
    final,
    result,
    say,
    session,
    tones,
)

__all__ = ["emulator"]


def test_a_sentence_is_heard_and_translated_step_by_step(emulator: Emulator) -> None:
    with session(emulator) as client:
        say(client, 1, 22)
        results = [result(client) for _ in range(4)]
    assert [answer["original_detail"] for answer in results] == [
        {"slice_type": 0, "index": 0, "voice_text_str": ""},
        {"slice_type": 1, "index": 0, "voice_text_str": "w1"},
        {"slice_type": 1, "index": 0, "voice_text_str": "w1 w22"},
        {"slice_type": 2, "index": 0, "voice_text_str": "w1 w22"},
    ]
    assert [answer["translation"] for answer in results] == [
        "", "[en] w1", "[en] w1 w22", "[en] w1 w22",
    ]  # fmt: skip
    assert ["code" in answer for answer in results] == [True, False, True, False]


def test_speech_is_streamed_in_pieces_of_any_size_ahead_of_real_time(emulator: Emulator) -> None:
    with session(emulator, enable_tts=True, is_tts_stream=True) as client:
        say(client, 1, 2)
        spoken = emulator_speech(final(client))
        pieces = [client.recv(timeout=HANG_S)]
        while sum(map(len, pieces)) < len(spoken):
            pieces.append(client.recv(timeout=HANG_S))
    assert b"".join(piece for piece in pieces if isinstance(piece, bytes)) == spoken
    assert len({len(piece) for piece in pieces}) > 3
    assert any(len(piece) % 2 for piece in pieces)
    sent = [sent for sent in emulator.connections[0].sent if sent.kind == "speech"]
    took_ms = sent[-1].at_ms - sent[0].at_ms
    assert len(spoken) / 32 - 700 < took_ms


def test_speech_that_is_not_streamed_is_one_message(emulator: Emulator) -> None:
    with session(emulator, enable_tts=True) as client:
        say(client, 5)
        answer = final(client)
        assert client.recv(timeout=HANG_S) == emulator_speech(answer)
    assert decode_tones(emulator.connections[0].speech, 16_000)[-1] == 5


def test_speech_is_switched_in_mid_session(emulator: Emulator) -> None:
    with session(emulator) as client:
        say(client, 1)
        final(client)
        client.send('{"enable_tts": true}')
        say(client, 2)
        final(client)
        assert isinstance(client.recv(timeout=HANG_S), bytes)
        client.send('{"enable_tts": false}')
        say(client, 3)
        final(client)
        client.send('{"ping": "last"}')
        assert client.recv(timeout=HANG_S) == '{"pong": "last"}'


def test_switching_speech_off_stops_it(emulator: Emulator) -> None:
    with session(emulator, enable_tts=True, is_tts_stream=True) as client:
        say(client, *range(12))
        answer = final(client)
        client.recv(timeout=HANG_S)
        client.send('{"enable_tts": false}')
        client.send('{"ping": 1}')
        while client.recv(timeout=HANG_S) != '{"pong": 1}':
            pass
        with pytest.raises(TimeoutError):
            client.recv(timeout=0.3)
    assert 0 < len(emulator.connections[0].speech) < len(emulator_speech(answer))


def test_heartbeats_of_both_kinds_are_answered(emulator: Emulator) -> None:
    with session(emulator) as client:
        client.send('{"ping": 7}')
        assert result(client) == {"pong": 7}
        assert client.ping().wait(HANG_S)


@pytest.mark.parametrize(
    ("first", "code"),
    [
        ('{"token": "wrong", "request_id": "7dd31c36-b3e9-4f6c-8c10-92f5f4793cdb"}', -1),
        ("nonsense", 1002),
        (bytes(PACKET), 1001),
    ],
)
def test_a_wrong_beginning_is_refused_and_closed(
    emulator: Emulator, first: str | bytes, code: int
) -> None:
    with connect(emulator.url.replace("http", "ws") + PATH) as client:
        client.send(first)
        (answer,) = collect(client)
    assert json.loads(answer)["code"] == code
    eventually(lambda: emulator.connections[0].ended == "refused")
    assert emulator.connections[0].refusal == json.loads(answer)
    assert emulator.connections[0].setup is None


def test_a_request_id_serves_once_on_an_emulator(emulator: Emulator) -> None:
    request_id = str(uuid.uuid4())
    with session(emulator, request_id=request_id) as client:
        client.send('{"ping": 1}')
        result(client)
    with session(emulator, request_id=request_id) as client:
        assert result(client)["msg"] == "request_id was used before"


def test_audio_faster_than_real_time_is_refused() -> None:
    with tones(rules=Rules()) as emulator, session(emulator) as client:
        with suppress(ConnectionClosed):
            for _ in range(40):
                client.send(bytes(PACKET))
        assert json.loads(collect(client)[-1])["code"] == 1005


def test_audio_in_real_time_is_taken() -> None:
    with tones(rules=Rules(slack_ms=100)) as emulator, session(emulator) as client:
        for _ in range(15):
            client.send(bytes(PACKET))
            time.sleep(0.04)
        client.send('{"ping": 1}')
        assert result(client) == {"pong": 1}


def test_a_client_that_goes_quiet_is_refused() -> None:
    with tones(rules=Rules(gap_ms=150)) as emulator, session(emulator) as client:
        assert json.loads(collect(client)[-1])["code"] == 1006
    with (
        tones(rules=Rules(setup_ms=100)) as emulator,
        connect(emulator.url.replace("http", "ws") + PATH) as client,
    ):
        assert json.loads(collect(client)[-1])["code"] == 1001


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])) | st.binary(max_size=99))
def test_any_first_message_is_refused(emulator: Emulator, first: str | bytes) -> None:
    with connect(emulator.url.replace("http", "ws") + PATH) as client:
        client.send(first)
        (answer,) = collect(client)
    assert json.loads(answer).keys() == {"code", "msg"}


def test_connections_do_not_mix(emulator: Emulator) -> None:
    with session(emulator) as one, session(emulator) as two:
        say(one, 1)
        say(two, 2)
        assert final(one)["translation"] == "[en] w1"
        assert final(two)["translation"] == "[en] w2"
    assert decode_tones(emulator.connections[0].audio, 16_000) == [1]


@pytest.mark.parametrize(
    ("path", "status"), [("/nowhere", 404), ("/", 405), ("/api", 405), (PATH, 400)]
)
def test_other_requests_get_one_clear_line(emulator: Emulator, path: str, status: int) -> None:
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(emulator.url + path, timeout=HANG_S)
    with raised.value as error:
        assert error.code == status
        if status == 404:
            line = error.read().decode()
            assert line.startswith(f"dragoman emulator: nothing at {path} (have: ")
            assert PATH in line
        if status == 405:
            assert error.headers["Allow"] == "POST"


# Engines that take their time, or fail


class Slow(ScriptedEngine):
    """Speaks when it is allowed to."""

    def __init__(self) -> None:
        super().__init__(TONES)
        self.go = threading.Event()

    def speak(self, text: str, language: str) -> bytes:
        self.go.wait(HANG_S)
        return super().speak(text, language)


class Broken(ScriptedEngine):
    """Cannot translate."""

    def translate(self, text: str, source: str, target: str) -> str:
        raise EngineFailed("apertium: out of words")


def test_a_slow_engine_holds_up_nothing_else() -> None:
    slow = Slow()
    with tones(engine=slow) as emulator, session(emulator, enable_tts=True) as client:
        say(client, 1)
        final(client)
        say(client, 2)
        client.send('{"ping": 1}')
        answers = [client.recv(timeout=HANG_S) for _ in range(4)]
        assert '{"pong": 1}' in answers
        assert not any(isinstance(answer, bytes) for answer in answers)
        slow.go.set()
        assert isinstance(client.recv(timeout=HANG_S), bytes)


def test_a_broken_engine_is_told_to_the_client() -> None:
    with tones(engine=Broken(TONES)) as emulator, session(emulator) as client:
        with suppress(ConnectionClosed):
            say(client, 1)
        assert json.loads(collect(client)[-1]) == {"code": 1500, "msg": "apertium: out of words"}


def test_a_bug_ends_the_connection_and_not_the_emulator() -> None:
    class Buggy(ScriptedEngine):
        def translate(self, text: str, source: str, target: str) -> str:
            raise ZeroDivisionError

    with tones(engine=Buggy(TONES)) as emulator:
        with session(emulator) as client:
            with suppress(ConnectionClosed):
                say(client, 1)
            collect(client)
        assert client.close_code == 1011
        with session(emulator) as client:
            client.send('{"ping": 1}')
            assert result(client) == {"pong": 1}


def test_the_default_script_answers_in_both_languages() -> None:
    script = Script((Sentence("hello", {"zh": "你好", "en": "hello"}),), endpoint_ms=100)
    with tones(engine=ScriptedEngine(script)) as emulator, session(emulator) as client:
        say(client, 1)
        answer = final(client)
    assert answer["translation"] == "hello"
    assert answer["original_detail"] == {"slice_type": 2, "index": 0, "voice_text_str": "你好"}
