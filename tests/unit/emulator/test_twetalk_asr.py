"""TWeTalk recognition: the handshake in the address, results with times."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.emulator.engines import Heard, Unsupported
from agent.emulator.stream import Action, Finish, Hear, Listen, Refuse, Rules, Send
from agent.emulator.twetalk.asr import MODELS, AsrSession, Wish

PACKET = bytes(1_280)
MODEL = ("engine_model_type", "iot_16k_zh")


def new_session(app_id: str, *query: tuple[str, str], rules: Rules | None = None) -> AsrSession:
    rules = rules or Rules(code="present")
    return AsrSession(rules, Wish(app_id, query), lambda source, target: None, 0)


def started(rules: Rules | None = None) -> AsrSession:
    session = new_session("1000001", MODEL, rules=rules)
    session.opened(0)
    return session


def refusal(actions: list[Action]) -> tuple[int, str]:
    (action,) = actions
    assert isinstance(action, Refuse)
    assert json.loads(action.text) == {"code": action.code, "message": action.msg}
    return action.code, action.msg


def test_the_handshake_is_answered_at_once() -> None:
    assert len(MODELS) == 5
    for model, language in MODELS.items():
        query = (("engine_model_type", model), ("voice_format", "1"))
        send, listen = new_session("1000001", *query).opened(0)
        assert isinstance(send, Send)
        assert json.loads(send.text) == {"code": 0, "message": "success"}
        assert isinstance(listen, Listen)
        assert (listen.source, listen.target) == (language, None)


@pytest.mark.parametrize(
    ("app_id", "query", "code", "message"),
    [
        ("1000002", [MODEL], -1, "auth error"),
        ("demo", [MODEL], -1, "auth error"),
        ("1000001", [], 1001, "engine_model_type is missing"),
        ("1000001", [("engine_model_type", "iot_16k_ja")], 1003, "unknown engine_model_type"),
        ("1000001", [MODEL, ("voice_format", "2")], 1004, "voice_format must be 1"),
        ("1000001", [MODEL, ("token", "demo")], 1001, "unknown parameter 'token'"),
        ("1000001", [MODEL, MODEL], 1001, "twice"),
    ],
)
def test_a_wrong_address_is_refused(
    app_id: str, query: list[tuple[str, str]], code: int, message: str
) -> None:
    refused = refusal(new_session(app_id, *query).opened(0))
    assert refused[0] == code
    assert message in refused[1]


def test_what_the_engine_cannot_hear_is_refused() -> None:
    def require(source: str, target: str | None) -> None:
        raise Unsupported(f"not {source}")

    session = AsrSession(Rules(), Wish("1000001", (MODEL,)), require, 0)
    assert refusal(session.opened(0)) == (1003, "not zh")


def test_a_result_has_the_documents_shape() -> None:
    (action,) = started().heard(Heard("final", 3, "可以讲个笑话吗", 7_966, 8_666), "")
    assert isinstance(action, Send)
    assert json.loads(action.text) == {
        "code": 0,
        "message": "",
        "final": 0,
        "result": {
            "slice_type": 2,
            "index": 3,
            "voice_text_str": "可以讲个笑话吗",
            "start_time": 7_966,
            "end_time": 8_666,
        },
    }


def test_code_and_message_may_be_absent() -> None:
    session = started(Rules())
    sends = [session.heard(Heard("start", 0, "", 0, 0), "")[0] for _ in range(2)]
    texts = [json.loads(send.text) for send in sends if isinstance(send, Send)]
    assert ["code" in text for text in texts] == ["message" in text for text in texts]
    assert ["code" in text for text in texts] == [True, False]


def test_the_end_is_asked_for_and_told() -> None:
    session = started()
    assert session.text('{"type": "end"}', 0) == [Finish()]
    (action,) = session.finished()
    assert isinstance(action, Send)
    assert json.loads(action.text) == {"code": 0, "message": "", "final": 1}
    assert refusal(session.audio(PACKET, 40))[0] == 1002
    assert refusal(session.text('{"type": "end"}', 0))[0] == 1002


def test_audio_and_heartbeats_as_in_translation() -> None:
    session = started()
    assert session.audio(PACKET, 40) == [Hear(PACKET)]
    assert refusal(session.audio(bytes(64_000), 41))[0] == 1005
    assert refusal(session.expired(6_042))[0] == 1006
    (pong,) = session.text('{"ping": "x"}', 0)
    assert isinstance(pong, Send)


@given(st.text() | st.sampled_from(["{}", '{"type": 1}', '{"enable_tts": true}']))
def test_any_other_message_is_refused(message: str) -> None:
    assert refusal(started().text(message, 0))[0] == 1002
