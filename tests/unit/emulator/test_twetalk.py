"""TWeTalk V2 in virtual time: the document's rules, told to a session that has no socket."""

from __future__ import annotations

import json
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.emulator.engines import Heard
from agent.emulator.stream import Hear, Refuse, Rules, Say, Send
from tests.unit.emulator.v2 import (
    PACKET,
    field_names,
    final,
    json_values,
    new_session,
    refusal,
    setup,
    started,
)

# Audio


def test_audio_in_real_time_is_heard() -> None:
    session = started()
    for n in range(1, 200):
        assert session.audio(PACKET, 40 * n) == [Hear(PACKET)]


@pytest.mark.parametrize("rate", [8_000, 16_000])
def test_half_a_second_ahead_is_allowed_and_no_more(rate: int) -> None:
    session = started(rules=Rules(rate=rate))
    packet = bytes(rate // 25 * 2)
    allowed = [session.audio(packet, 0) for _ in range(12)]  # 480 ms
    assert allowed == [[Hear(packet)]] * 12
    assert refusal(session.audio(packet, 19))[0] == 1005


def test_a_long_silence_on_the_line_gives_no_more_than_6_seconds_of_credit() -> None:
    session = started(rules=Rules(gap_ms=100_000))
    assert session.audio(bytes(32 * 6_500), 60_000) == [Hear(bytes(32 * 6_500))]
    assert refusal(session.audio(bytes(32 * 1), 60_000))[0] == 1005


def test_twice_real_time_is_refused_within_a_second() -> None:
    session = started()
    answers = [session.audio(PACKET, 20 * n) for n in range(50)]
    assert any(isinstance(action, Refuse) for actions in answers for action in actions)


def test_6_seconds_without_audio_are_allowed_and_no_more() -> None:
    session = started(now=500)
    assert session.deadline == 6_500
    session.audio(PACKET, 1_000)
    assert session.deadline == 7_000
    assert session.expired(7_000) == []
    assert refusal(session.expired(7_001))[0] == 1006
    assert refusal(session.audio(PACKET, 7_001))[0] == 1006


def test_other_messages_do_not_stand_for_audio() -> None:
    session = started()
    session.text('{"ping": 1}', 5_000)
    assert session.deadline == 6_000


@pytest.mark.parametrize("size", [0, 1, 1_279])
def test_audio_is_whole_samples(size: int) -> None:
    assert refusal(started().audio(bytes(size), 40))[0] == 1004


def test_what_waited_while_the_emulator_was_frozen_is_forgiven() -> None:
    session = started()
    session.thaw(20_000, 20_000)
    waited = bytes(32 * 20_000)
    assert session.audio(waited, 20_000) == [Hear(waited)]
    assert session.deadline == 26_000
    assert refusal(session.audio(bytes(32 * 1_000), 20_000))[0] == 1005


# Control messages and heartbeats


@pytest.mark.parametrize("data", ["2025-07-07 15:33:49", 17, -1.5, "", "\ud800", "你"])
def test_a_heartbeat_is_answered_with_its_data(data: object) -> None:
    (action,) = started().text(json.dumps({"ping": data}), 0)
    assert isinstance(action, Send)
    assert json.loads(action.text) == {"pong": data}
    assert action.text.encode()


@pytest.mark.parametrize(
    "message",
    [
        '{"ping": null}',
        '{"ping": true}',
        '{"ping": []}',
        '{"ping": 1e999}',
        '{"ping": 1, "x": 2}',
        '{"pong": 1}',
        '{"enable_tts": 1}',
        '{"enable_tts": true, "ping": 1}',
        "{}",
        "[]",
        "x",
    ],
)
def test_other_control_messages_are_refused(message: str) -> None:
    assert refusal(started().text(message, 0))[0] == 1002


def test_a_second_setup_is_refused() -> None:
    assert refusal(started().text(setup(), 0))[0] == 1002


def test_tts_is_switched_without_an_answer() -> None:
    session = started(enable_tts=False)
    assert session.speaking is False
    assert session.text('{"enable_tts": true}', 0) == []
    assert session.speaking is True
    assert session.heard(final(), "hola")[1:] == [Say("hola", "en", streamed=False)]
    session.text('{"enable_tts": false}', 0)
    assert session.heard(final(), "hola")[1:] == []


# Results


@pytest.mark.parametrize(("kind", "slice_type"), [("start", 0), ("partial", 1), ("final", 2)])
def test_a_result_has_the_documents_shape(
    kind: Literal["start", "partial", "final"], slice_type: int
) -> None:
    (action,) = started().heard(Heard(kind, 3, "讲个笑话", 0, 9), "tell a joke")
    assert isinstance(action, Send)
    assert json.loads(action.text) == {
        "code": 0,
        "msg": "success",
        "translation": "tell a joke",
        "original_detail": {"slice_type": slice_type, "index": 3, "voice_text_str": "讲个笑话"},
    }
    assert "讲个笑话" in action.text


@pytest.mark.parametrize(
    ("code", "present"),
    [
        ("present", [True, True, True]),
        ("absent", [False, False, False]),
        ("alternate", [True, False, True]),
    ],
)
def test_the_code_of_success_may_be_absent(
    code: Literal["present", "absent", "alternate"], present: list[bool]
) -> None:
    session = started(rules=Rules(code=code))
    sends = [session.heard(final(), "hi")[0] for _ in range(3)]
    texts = [json.loads(send.text) for send in sends if isinstance(send, Send)]
    assert ["code" in text for text in texts] == present


@pytest.mark.parametrize("streamed", [True, False])
def test_only_final_translations_are_spoken(streamed: bool) -> None:
    session = started(enable_tts=True, is_tts_stream=streamed, lang_target="es")
    assert session.heard(final(), "hola")[1:] == [Say("hola", "es", streamed)]
    assert session.heard(final(), "")[1:] == []
    for kind in ("start", "partial"):
        assert session.heard(Heard(kind, 0, "hello", 0, 9), "hola")[1:] == []


# Anything at all


@given(
    st.text()
    | json_values.map(json.dumps)
    | st.dictionaries(field_names, json_values).map(json.dumps)
)
def test_any_first_message_is_refused(message: str) -> None:
    refusal(new_session().text(message, 0))


@given(json_values.map(json.dumps) | st.dictionaries(field_names, json_values).map(json.dumps))
def test_any_later_message_is_answered_or_refused(message: str) -> None:
    actions = started().text(message, 0)
    if actions and not isinstance(actions[0], Send):
        refusal(actions)
    elif actions:
        assert isinstance(actions[0], Send)
        assert json.loads(actions[0].text).keys() == {"pong"}


@given(st.binary(max_size=3_000), st.floats(0, 20_000))
def test_any_audio_is_heard_or_refused(pcm: bytes, now: float) -> None:
    actions = started().audio(pcm, now)
    if actions != [Hear(pcm)]:
        refusal(actions)
