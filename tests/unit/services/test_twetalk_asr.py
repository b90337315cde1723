"""TWeTalk recognition against the document's samples: the handshake, times, the end."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import UsageError
from agent.events import Finished, Garbage, Ready, Result
from agent.services.twetalk_asr import LANGUAGES, MODELS, Setup, TwetalkAsr, choose_model
from tests.unit.services.events import assert_is, json_values
from tests.vectors import load

VECTORS = load("twetalk_asr")


def protocol(ready: bool = False) -> TwetalkAsr:
    asr = TwetalkAsr(Setup("1300000000", "iot_16k_zh"))
    if ready:
        assert asr.receive(VECTORS["handshake"]) == [Ready()]
    return asr


def test_the_address_says_everything() -> None:
    assert protocol().endpoint(0).url == VECTORS["endpoint"]
    assert protocol().begin() == []
    local = TwetalkAsr(Setup("1", "iot_16K_ja"), "http://127.0.0.1:8765").endpoint(0).url
    assert local == "ws://127.0.0.1:8765/asr/v2/1?engine_model_type=iot_16K_ja&voice_format=1"


def test_no_part_of_the_address_can_be_forged() -> None:
    url = TwetalkAsr(Setup("1/../2?x=", "a&b=c")).endpoint(0).url
    assert url.endswith("/asr/v2/1%2F..%2F2%3Fx%3D?engine_model_type=a%26b%3Dc&voice_format=1")


def test_the_models_are_the_documents() -> None:
    assert VECTORS["models"] == MODELS
    assert list(LANGUAGES) == list(VECTORS["models"])


@pytest.mark.parametrize(
    ("model", "source", "chosen"),
    [
        (None, "zh", "iot_16k_zh"),
        (None, "zh-CN", "iot_16k_zh"),
        (None, "JA", "iot_16K_ja"),
        ("", "ru", "iot_16k_ru"),
        ("iot_16k_ja", "zh", "iot_16K_ja"),
        ("IOT_16K_EN", "ja", "iot_16k_en"),
        ("iot_16k_it", "ko", "iot_16k_it"),
    ],
)
def test_choosing_a_model(model: str | None, source: str, chosen: str) -> None:
    assert choose_model(model, source) == chosen


@pytest.mark.parametrize(
    ("model", "source", "named"), [("iot_16k_ko", "zh", "iot_16k_ko"), (None, "ko", "ko")]
)
def test_an_unknown_model_is_answered_with_the_five(
    model: str | None, source: str, named: str
) -> None:
    with pytest.raises(UsageError) as caught:
        choose_model(model, source)
    assert repr(named) in str(caught.value)
    for known in VECTORS["models"].values():
        assert known in str(caught.value)


def test_recognition_has_no_messages_of_its_own() -> None:
    assert protocol().ping("1.0") is None
    assert protocol().switch_tts(True) is None


def test_ready_only_after_the_answer() -> None:
    asr = protocol()
    assert not asr.ready
    assert asr.receive(VECTORS["handshake"]) == [Ready()]
    assert asr.ready


@pytest.mark.parametrize("vector", VECTORS["before_the_handshake"], ids=lambda v: v["name"])
def test_an_answer_to_the_handshake(vector: dict[str, Any]) -> None:
    asr = protocol()
    events = asr.receive(vector["message"])
    for event, expected in zip(events, vector["events"], strict=True):
        assert_is(event, expected)
    assert asr.ready == vector["ready"]


@pytest.mark.parametrize("vector", VECTORS["answers"], ids=lambda v: v["name"])
def test_an_answer(vector: dict[str, Any]) -> None:
    events = protocol(ready=True).receive(vector["message"])
    for event, expected in zip(events, vector["events"], strict=True):
        assert_is(event, expected)


def test_json_may_come_in_binary_messages() -> None:
    asr = protocol()
    assert asr.receive(VECTORS["handshake"].encode()) == [Ready()]
    [garbage] = asr.receive(b"\x00\xff")
    assert isinstance(garbage, Garbage)


def result(index: int, text: str, kind: int, **fields: int) -> str:
    detail = {"slice_type": kind, "index": index, "voice_text_str": text}
    return json.dumps({"result": detail, **fields})


def test_the_end_does_not_repeat_the_last_sentence() -> None:
    asr = protocol(ready=True)
    assert asr.receive(result(2, "a", 2)) == [Result(2, "a", final=True)]
    assert asr.receive(result(2, "a", 2, final=1)) == [Finished()]


@given(st.booleans(), st.lists(st.text() | st.binary() | json_values.map(json.dumps), max_size=4))
def test_nothing_a_server_sends_raises(ready: bool, messages: list[str | bytes]) -> None:
    asr = protocol(ready)
    for message in messages:
        asr.receive(message)


DETAILS = st.dictionaries(
    st.sampled_from(["slice_type", "index", "voice_text_str", "start_time", "end_time"]),
    json_values,
)


@given(
    st.booleans(),
    st.fixed_dictionaries(
        {},
        optional={
            "code": json_values | st.just(0),
            "message": json_values,
            "final": json_values | st.just(1),
            "result": json_values | DETAILS,
        },
    ),
)
def test_wrong_shapes_are_events_too(ready: bool, message: dict[str, Any]) -> None:
    events = protocol(ready).receive(json.dumps(message))
    assert events
    assert len([event for event in events if not isinstance(event, Garbage)]) <= 3
