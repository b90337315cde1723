"""TWeTalk V2 against the document's samples, and against anything at all."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.events import Garbage, Speech
from agent.services.twetalk_v2 import Setup, TwetalkV2
from tests.unit.services.events import assert_is, json_values
from tests.vectors import load

VECTORS = load("twetalk_v2")


def protocol(**changes: Any) -> TwetalkV2:
    given = {
        "token": "XXXXXX",
        "request_id": VECTORS["setup"]["request_id"],
        "source": "zh",
        "target": "en",
        "tts": False,
        "tts_stream": False,
    }
    return TwetalkV2(Setup(**(given | changes)))


def test_the_set_up_is_the_documents() -> None:
    assert protocol().endpoint(0).url == VECTORS["endpoint"]
    [message] = protocol().begin()
    assert isinstance(message, str)
    assert json.loads(message) == VECTORS["setup"]
    assert protocol().ready


def test_service_url_replaces_scheme_host_and_port() -> None:
    setup = Setup("t", "r", "zh", "en", True)
    for host in ("http://127.0.0.1:8765", "ws://127.0.0.1:8765/"):
        url = TwetalkV2(setup, host).endpoint(0).url
        assert url == "ws://127.0.0.1:8765/v2/ws-voice-translate"
    assert TwetalkV2(setup, "https://h").endpoint(0).url == "wss://h/v2/ws-voice-translate"


def test_controls() -> None:
    assert json.loads(str(protocol().switch_tts(False))) == VECTORS["switch_tts_off"]
    assert json.loads(str(protocol().ping("2025-07-07 15:33:49"))) == VECTORS["ping"]


@pytest.mark.parametrize("vector", VECTORS["answers"], ids=lambda v: v["name"])
def test_an_answer(vector: dict[str, Any]) -> None:
    events = protocol().receive(vector["message"])
    expected = vector["events"] if "events" in vector else [vector["event"]]
    for event, fields in zip(events, expected, strict=True):
        assert_is(event, fields)


def test_binary_is_speech_of_any_length() -> None:
    assert protocol().receive(b"\x01\x02\x03") == [Speech(b"\x01\x02\x03")]
    assert protocol().receive(b"") == []


@given(st.text() | st.binary() | json_values.map(json.dumps))
def test_nothing_a_server_sends_raises(message: str | bytes) -> None:
    for event in protocol().receive(message):
        assert event is not None


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "code": json_values,
            "msg": json_values,
            "translation": json_values,
            "original_detail": json_values
            | st.fixed_dictionaries(
                {}, optional=dict.fromkeys(("slice_type", "index", "voice_text_str"), json_values)
            ),
            "pong": json_values,
        },
    )
)
def test_wrong_shapes_become_events(message: dict[str, Any]) -> None:
    events = protocol().receive(json.dumps(message))
    others = [event for event in events if not isinstance(event, Garbage)]
    assert events
    assert len(others) <= 1
