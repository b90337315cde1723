"""Tencent Cloud interpreting: who is let in, subtitles and speech, a change of target."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.emulator.ear import Ear
from agent.emulator.engines import Heard
from agent.emulator.engines.script import Script
from agent.emulator.engines.scripted import ScriptedEngine
from agent.emulator.engines.tones import silence, tone_words
from agent.emulator.stream import Action, Finish, Hear, Listen, Refuse, Rules, Say, Send
from agent.emulator.tencent.interpreter import PATH, InterpreterSession
from tests.unit.emulator.asr import NAME, address, query

WISH = {"target": "en", "input_sample_rate": "16000"}
PACKET = bytes(1_280)


def session(**changes: str) -> InterpreterSession:
    where = address(PATH, query(PATH, WISH, **changes))
    return InterpreterSession(Rules(), where, set(), lambda *_: None, lambda: 1, 0)


def started(**changes: str) -> InterpreterSession:
    made = session(**changes)
    made.opened(0)
    return made


def refusal(actions: list[Action]) -> tuple[int, str]:
    (action,) = actions
    assert isinstance(action, Refuse)
    told = json.loads(action.text)
    assert told["message_type"] == "error"
    assert (told["code"], told["message"]) == (action.code, action.msg)
    return action.code, action.msg


def told(action: Action) -> dict[str, Any]:
    assert isinstance(action, Send)
    found: dict[str, Any] = json.loads(action.text)
    return found


def test_the_other_language_is_the_one_that_is_spoken() -> None:
    for target, spoken in (("en", "zh"), ("zh", "en")):
        send, listen = session(target=target, voice_type="clone").opened(0)
        assert told(send)["message_type"] == "handshake"
        assert isinstance(listen, Listen)
        assert (listen.source, listen.target) == (spoken, target)


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"secretid": "other"}, 6002, "no such appid or secretid"),
        ({"target": "ja"}, 6001, "target must be zh or en"),
        ({"target": ""}, 6001, "target is missing"),
        ({"source": "zh"}, 6001, "unknown parameter 'source'"),
        ({"input_sample_rate": "44100"}, 6001, "input_sample_rate must be"),
        ({"input_sample_rate": "8000"}, 6007, "works at 16000 Hz"),
        ({"voice_type": "Anna"}, 6001, "voice_type must be"),
    ],
)
def test_a_wrong_address_is_refused(changes: dict[str, str], code: int, said: str) -> None:
    refused = refusal(session(**changes).opened(0))
    assert refused[0] == code
    assert said in refused[1]


def test_a_settled_subtitle_is_spoken_always() -> None:
    stream = started()
    assert stream.speaking
    (partial,) = stream.heard(Heard("partial", 2, "早", 0, 40, "zh"), "Mor")
    assert told(partial)["result"]["sentence_end"] is False
    final, say = stream.heard(Heard("final", 2, "早", 0, 40, "zh"), "Morning")
    assert told(final)["message_type"] == "subtitle"
    assert told(final)["sentence_id"] == f"{NAME}_2"
    assert told(final)["result"] == {
        "source": "zh",
        "target": "en",
        "source_text": "早",
        "target_text": "Morning",
        "sentence_end": True,
    }
    assert say == Say("Morning", "en", streamed=True)
    assert stream.finished() == []
    assert told(stream.spoken()[0])["final"] == 1


def test_the_target_and_the_voice_change_on_an_open_connection() -> None:
    stream = started()
    (listen,) = stream.text('{"type": "update", "target": "zh"}', 0)
    assert isinstance(listen, Listen)
    assert (listen.source, listen.target) == ("en", "zh")
    (listen,) = stream.text('{"type": "update", "voice_type": "male"}', 0)
    assert isinstance(listen, Listen)
    assert (listen.target, listen.setup["voice_type"]) == ("zh", "male")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"type": "update"}', 6010),
        ('{"type": "update", "source": "zh"}', 6010),
        ('{"type": "update", "target": "ja"}', 6001),
        ('{"type": "update", "target": 1}', 6001),
        ('{"type": "update", "voice_type": "Anna"}', 6001),
        ('{"type": "start"}', 6010),
    ],
)
def test_no_other_change_is_known(text: str, code: int) -> None:
    assert refusal(started().text(text, 0))[0] == code


def test_fifteen_seconds_of_silence_are_allowed() -> None:
    stream = started()
    assert stream.expired(14_999) == []
    assert stream.audio(PACKET, 14_999) == [Hear(PACKET)]
    assert refusal(stream.expired(30_000))[0] == 6008
    assert started().text('{"type": "end"}', 0) == [Finish()]


@given(
    st.text() | st.dictionaries(st.sampled_from(["type", "target", "x"]), st.text()).map(json.dumps)
)
def test_any_text_is_answered(text: str) -> None:
    assert started().text(text, 0)


# --- one language after the other ------------------------------------------------------------


def test_an_ear_goes_on_counting() -> None:
    engine = ScriptedEngine(Script(hear="tones", endpoint_ms=100))
    first, second = Listen({}, "zh", "en"), Listen({}, "en", "zh")
    ear = Ear(engine, 16_000, first)
    speech = tone_words([5], 16_000)
    steps = ear.feed(speech)
    steps += ear.turn(second)
    steps += ear.feed(speech + silence(16_000, 200))
    steps += ear.finish()
    finals = [(heard, listen) for heard, listen in steps if heard.kind == "final"]
    assert [heard.text for heard, _ in finals] == ["w5", "w5"]
    assert [heard.index for heard, _ in finals] == [0, 1]
    assert [heard.source for heard, _ in finals] == ["zh", "en"]
    assert [listen for _, listen in finals] == [first, second]
    assert finals[1][0].start_ms >= len(speech) / 32 > finals[0][0].start_ms
