"""Tencent Cloud speech translation: who is let in, what is told, how it ends."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.emulator.engines import Heard, Unsupported
from agent.emulator.stream import Action, Code, Finish, Hear, Listen, Refuse, Rules, Say, Send
from agent.emulator.tencent.speech_translate import PATH, TARGETS, SpeechTranslateSession
from agent.emulator.tencent.streams import Address
from agent.services import tencent_speech_translate as client
from tests.unit.emulator.asr import NAME, UNIX_S, address, query

WISH = {"voice_format": "1", "source": "zh", "target": "en"}
PACKET = bytes(1_280)


def at(
    where: Address, used: set[str] | None = None, open_streams: int = 1
) -> SpeechTranslateSession:
    names = set() if used is None else used
    return SpeechTranslateSession(Rules(), where, names, lambda *_: None, lambda: open_streams, 0)


def session(**changes: str) -> SpeechTranslateSession:
    return at(address(PATH, query(PATH, WISH, **changes)))


def started(**changes: str) -> SpeechTranslateSession:
    made = session(**changes)
    made.opened(0)
    return made


def refusal(actions: list[Action]) -> tuple[int, str]:
    (action,) = actions
    assert isinstance(action, Refuse)
    told = json.loads(action.text)
    assert (told["code"], told["message"]) == (action.code, action.msg)
    return action.code, action.msg


def told(actions: list[Action]) -> dict[str, Any]:
    (action,) = actions
    assert isinstance(action, Send)
    found: dict[str, Any] = json.loads(action.text)
    return found


def test_a_signed_address_is_welcome() -> None:
    send, listen = session(trans_model="hunyuan-translation", vad_silence_time="800").opened(0)
    assert isinstance(send, Send)
    assert json.loads(send.text) == {
        "code": 0,
        "message": "success",
        "voice_id": NAME,
        "final": 0,
    }
    assert isinstance(listen, Listen)
    assert (listen.source, listen.target) == ("zh", "en")
    assert "signature" not in listen.setup


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"secretid": "other"}, 6002, "no such appid or secretid"),
        ({"timestamp": ""}, 6001, "timestamp is missing"),
        ({"timestamp": "1735610300"}, 6002, "not of this time"),
        ({"expired": "1735609992", "timestamp": "1735609000"}, 6002, "not of this time"),
        ({"expired": str(int(UNIX_S) + 91 * 86_400)}, 6001, "less than 90 days"),
        ({"nonce": "0"}, 6001, "nonce must be a positive number"),
        ({"nonce": "12345678901"}, 6001, "nonce must be a positive number"),
        ({"voice_id": "v" * 129}, 6001, "longer than 128"),
        ({"voice_format": "2"}, 6001, "voice_format must be"),
        ({"voice_format": "8"}, 6007, "decodes voice_format 1"),
        ({"source": "fr"}, 6001, "fr is not translated to en"),
        ({"source": "ja", "target": "th"}, 6001, "ja is not translated to th"),
        ({"target": ""}, 6001, "target is missing"),
        ({"trans_model": "big"}, 6001, "trans_model must be"),
        ({"enable_tts": "true"}, 6001, "enable_tts must be 0 or 1"),
        ({"codec": "mp3"}, 6001, "codec must be pcm"),
        ({"voice_type": "Anna"}, 6001, "voice_type must be"),
        ({"vad_silence_time": "499"}, 6001, "vad_silence_time must be 500 to 2000"),
        ({"token": "demo"}, 6001, "unknown parameter 'token'"),
    ],
)
def test_a_wrong_address_is_refused(changes: dict[str, str], code: int, said: str) -> None:
    refused = refusal(session(**changes).opened(0))
    assert refused[0] == code
    assert said in refused[1]


@pytest.mark.parametrize("name", sorted(query(PATH, WISH)))
def test_nothing_signed_can_be_changed(name: str) -> None:
    parameters = query(PATH, WISH)
    changed = parameters | {name: parameters[name] + "1"}
    assert refusal(at(address(PATH, changed)).opened(0))[0] in (6001, 6002)


def test_the_signature_is_of_this_path_and_this_application() -> None:
    parameters = query(PATH, WISH)
    for where in (address("/asr/si", parameters), address(PATH, parameters, "1000002")):
        assert refusal(at(where).opened(0))[0] == 6002


def test_a_parameter_stands_once() -> None:
    parameters = query(PATH, WISH)
    where = Address(PATH, "1000001", (*parameters.items(), ("source", "zh")), UNIX_S)
    assert refusal(at(where).opened(0)) == (6001, "a parameter is there twice")


def test_a_name_serves_once_and_only_five_connections_at_once() -> None:
    where, used = address(PATH, query(PATH, WISH)), set[str]()
    assert len(at(where, used).opened(0)) == 2
    assert refusal(at(where, used).opened(0)) == (6001, "this name of a connection was used before")
    assert len(at(where, open_streams=5).opened(0)) == 2
    assert refusal(at(where, open_streams=6).opened(0))[0] == 6006


def test_what_the_engine_cannot_translate_is_refused() -> None:
    def require(source: str, target: str | None) -> None:
        raise Unsupported(f"not {source}")

    where = address(PATH, query(PATH, WISH))
    made = SpeechTranslateSession(Rules(), where, set(), require, lambda: 1, 0)
    assert refusal(made.opened(0)) == (6001, "not zh")


def test_a_mixture_of_languages_is_one_to_the_engine() -> None:
    _, listen = session(source="zh_en", target="ja").opened(0)
    assert isinstance(listen, Listen)
    assert (listen.source, listen.target) == ("zh", "ja")


def test_the_client_and_the_emulator_have_the_same_pairs() -> None:
    assert {k: set(v.split()) for k, v in TARGETS.items()} == {
        source: {*targets} | ({"zh_en"} if source == "zh_en" else set())
        for source, targets in client.TARGETS.items()
    }


# --- in the stream ---------------------------------------------------------------------------


def test_a_sentence_is_told_as_it_is_now() -> None:
    stream = started()
    first = told(stream.heard(Heard("partial", 3, "早", 40, 400), "Mor"))
    assert first["sentence_id"] == f"{NAME}_3"
    assert first["result"] == {
        "source": "zh",
        "target": "en",
        "source_text": "早",
        "target_text": "Mor",
        "start_time": 40,
        "end_time": 400,
        "sentence_end": False,
    }
    assert told(stream.heard(Heard("final", 3, "早", 40, 400), "Morning"))["result"]["sentence_end"]


def test_a_settled_sentence_is_spoken_if_wished() -> None:
    stream = started(enable_tts="1", codec="pcm", sample_rate="16000", voice_type="101001")
    assert stream.speaking
    assert len(stream.heard(Heard("partial", 0, "早", 0, 40), "Mor")) == 1
    _, say = stream.heard(Heard("final", 0, "早", 0, 40), "Morning")
    assert say == Say("Morning", "en", streamed=True)
    assert told(stream.finished())["final"] == 1
    assert told(stream.spoken())["final"] == 2
    silent = started()
    assert not silent.speaking
    assert len(silent.heard(Heard("final", 0, "早", 0, 40), "Morning")) == 1
    assert (told(silent.finished())["final"], silent.spoken()) == (1, [])


def test_the_end_is_one_message_and_the_last() -> None:
    stream = started()
    assert stream.text('{"type": "end"}', 0) == [Finish()]
    assert stream.deadline == float("inf")
    assert stream.expired(10**6) == []
    assert refusal(stream.text('{"type": "end"}', 0)) == (6010, "ended already")
    assert refusal(stream.audio(PACKET, 0)) == (6010, "audio after the end")


@pytest.mark.parametrize("text", ["{}", "end", '{"type": "END"}', '{"type": "end", "x": 1}', "[1]"])
def test_no_other_text_is_known(text: str) -> None:
    assert refusal(started().text(text, 0))[0] == 6010


def test_audio_is_held_to_real_time() -> None:
    assert started().audio(PACKET, 0) == [Hear(PACKET)]
    assert refusal(started().audio(bytes(32_000), 0))[0] == 6007
    assert refusal(started().audio(b"\0", 40))[0] == 6007
    assert refusal(started().expired(6_001))[0] == 6008
    assert started().expired(5_999) == []
    frozen = started()
    frozen.thaw(9_000, 9_000)
    assert frozen.audio(PACKET, 9_001) == [Hear(PACKET)]


def test_a_fault_of_the_plan_has_its_own_code() -> None:
    assert started().refuse(4004, "no quota").code == 4004
    assert started().refuse(Code.ENGINE, "broken").code == 5000


@given(st.text() | st.recursive(st.none() | st.text(), st.lists).map(json.dumps))
def test_any_text_is_answered(text: str) -> None:
    assert started().text(text, 0)


@given(st.dictionaries(st.text(max_size=9), st.text(max_size=20), max_size=9))
def test_any_address_is_answered(parameters: dict[str, str]) -> None:
    assert refusal(at(address(PATH, parameters)).opened(0))[0] in (6001, 6002)
