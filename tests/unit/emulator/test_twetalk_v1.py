"""TWeTalk V1: original and translation apart, speech unless it is switched off."""

from __future__ import annotations

import json

import pytest

from agent.emulator.engines import Heard
from agent.emulator.stream import Action, Listen, Rules, Say, Send
from agent.emulator.twetalk.v1 import V1Session
from tests.unit.emulator.v2 import final, refusal, setup


def new_session(rules: Rules | None = None) -> V1Session:
    return V1Session(rules or Rules(code="present"), set(), lambda source, target: None, 0)


def started(**changes: object) -> V1Session:
    session = new_session()
    (action,) = session.text(setup(**changes), 0)
    assert isinstance(action, Listen)
    return session


def sent(actions: list[Action]) -> list[dict[str, object]]:
    return [json.loads(action.text) for action in actions if isinstance(action, Send)]


def test_the_documents_own_sample_is_accepted() -> None:
    sample = {
        "is_tts_stream": False,
        "disable_tts": False,
        "lang_source": "zh",
        "lang_target": "en",
        "request_id": "7dd31c36-b3e9-4f6c-8c10-92f5f4793cdb",
        "token": "demo",
    }
    assert new_session().text(json.dumps(sample), 0) == [Listen(sample, "zh", "en")]


def test_a_final_is_two_messages_with_one_index() -> None:
    original, translation = sent(started(disable_tts=True).heard(final("讲个笑话", 3), "a joke"))
    assert original == {
        "code": 0,
        "msg": "success",
        "original": "",
        "original_detail": {"slice_type": 2, "index": 3, "voice_text_str": "讲个笑话"},
    }
    assert translation == {"code": 0, "msg": "success", "translation": "a joke", "index": 3}


def test_what_is_not_final_has_no_translation() -> None:
    session = started()
    for kind in ("start", "partial"):
        (original,) = sent(session.heard(Heard(kind, 0, "hello", 0, 9), "hola"))
        assert "translation" not in original


def test_speech_is_on_unless_it_is_disabled() -> None:
    assert started().speaking
    assert started().heard(final(), "hola")[2:] == [Say("hola", "en", streamed=False)]
    assert not started(disable_tts=True).speaking
    assert started(disable_tts=True).heard(final(), "hola")[2:] == []


def test_code_may_be_absent_from_either_message() -> None:
    session = new_session(Rules())
    session.text(setup(), 0)
    messages = [*sent(session.heard(final(), "a")), *sent(session.heard(final(), "b"))]
    assert ["code" in message for message in messages] == [True, False, True, False]


@pytest.mark.parametrize(
    ("message", "msg"),
    [
        (setup(enable_tts=True), "unknown field 'enable_tts'"),
        (setup(disable_tts=1), "disable_tts must be of type bool"),
        (setup(token="other"), "Invalid Token"),
    ],
)
def test_a_wrong_setup_is_refused(message: str, msg: str) -> None:
    assert refusal(new_session().text(message, 0))[1] == msg


def test_later_messages_are_heartbeats_only() -> None:
    assert sent(started().text('{"ping": 1}', 0)) == [{"pong": 1}]
    assert refusal(started().text('{"disable_tts": true}', 0))[0] == 1002
    assert refusal(started().text('{"enable_tts": true}', 0))[0] == 1002


def test_audio_keeps_to_real_time() -> None:
    assert refusal(started().audio(bytes(32_000), 0))[0] == 1005
