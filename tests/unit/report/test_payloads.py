from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import __version__
from agent.clock import ManualClock, stamp
from agent.errors import UsageError
from agent.events import Notice, Summary, Transcript, Word
from agent.report import payloads

FULL: dict[str, Any] = {
    "session": "s1",
    "index": 3,
    "text": "你好",
    "translation": "hello",
    "source": "zh",
    "target": "en",
    "start_ms": 0,
    "end_ms": 900,
    "service": "twetalk-v2",
    "time": "2026-01-01T00:00:00.000Z",
    "final": True,
}


def test_a_final_has_exactly_the_promised_keys() -> None:
    value = payloads.transcript(Transcript(**FULL))
    assert value == FULL | {"id": "s1-3", "replayed": False}


def test_keys_without_a_value_are_left_out() -> None:
    bare = Transcript(**FULL | {"start_ms": None, "end_ms": None, "translation": None})
    value = payloads.transcript(bare)
    assert "start_ms" not in value
    assert "end_ms" not in value
    assert value["translation"] is None  # there is a target: the translation is still to come


def test_a_recogniser_has_no_translation() -> None:
    value = payloads.transcript(Transcript(**FULL | {"translation": None, "target": None}))
    assert not {"translation", "target"} & value.keys()


def test_extra_is_added_but_wins_over_nothing() -> None:
    extra = {"speaker": "1", "confidence": 0.0, "words": (), "language": None, "text": "no"}
    value = payloads.transcript(Transcript(**FULL, extra=extra))
    assert value["speaker"] == "1"
    assert value["confidence"] == 0.0
    assert value["text"] == "你好"
    assert not {"words", "language"} & value.keys()


def test_words_become_objects() -> None:
    value = payloads.transcript(Transcript(**FULL, extra={"words": (Word("你", 1, 2),)}))
    words = json.loads(payloads.encode(value))["words"]
    assert words == [{"text": "你", "start_ms": 1, "end_ms": 2}]


def test_a_notice_keeps_its_name_and_time() -> None:
    value = payloads.notice(Notice("overrun", {"packets": 2, "time": "x", "event": "y"}), "now")
    assert value == {"event": "overrun", "time": "now", "packets": 2}


def test_a_state_always_has_every_key() -> None:
    assert payloads.state("idle", service="youdao", tts=True) == {
        "state": "idle",
        "service": "youdao",
        "source": None,
        "target": None,
        "tts": True,
        "muted": False,
        "volume": None,
        "session": None,
        "follow_up": None,
        "since": None,
        "version": __version__,
    }


def test_results_carry_the_reference_they_were_given() -> None:
    assert payloads.result({"ref": None}) == {"ref": None, "ok": True}
    assert payloads.result({"ref": [7]}, "no") == {"ref": [7], "ok": False, "error": "no"}
    assert payloads.result({}) == {"ok": True}


def test_a_command_is_an_object() -> None:
    command = '{"talk":"press","button":1,"ref":"é"}'.encode()
    assert payloads.parse_command(command) == {"talk": "press", "button": 1, "ref": "é"}


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"", "not JSON"),
        (b"talk", "not JSON"),
        (b'{"volume": NaN}', "not JSON"),
        (b"\xff\xfe{}", "not JSON"),
        (b'{"a":' + b"[" * 30_000, "not JSON"),
        (b"[1]", "not an object"),
        (b'"talk"', "not an object"),
        (b" " * (payloads.MAX_COMMAND + 1), "at most 65536"),
    ],
)
def test_a_wrong_command_says_what_is_wrong(payload: bytes, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        payloads.parse_command(payload)


def test_the_largest_command_is_taken() -> None:
    body = b'{"ref":"' + b"x" * (payloads.MAX_COMMAND - 10) + b'"}'
    assert len(body) == payloads.MAX_COMMAND
    assert "ref" in payloads.parse_command(body)


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_be_refused(payload: bytes) -> None:
    with suppress(UsageError):
        assert isinstance(payloads.parse_command(payload), dict)


def test_json_is_compact_utf8() -> None:
    assert payloads.encode({"text": "你好", "n": 1}) == '{"text":"你好","n":1}'.encode()


def test_what_json_lacks_is_replaced() -> None:
    odd = {"nan": float("nan"), "half": "\ud800x", "map": MappingProxyType({"a": {1}})}
    value = json.loads(payloads.encode(odd))
    assert value == {"nan": None, "half": "?x", "map": {"a": [1]}}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
        lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.tuples(st.text()), inner),
        max_leaves=10,
    )
)
def test_encode_always_gives_valid_json(value: Any) -> None:
    json.loads(payloads.encode(value).decode("utf-8"))


def test_a_summary_or_why_there_is_none() -> None:
    assert payloads.summary(Summary("s1", "short")) == {"session": "s1", "summary": "short"}
    assert payloads.summary(Summary("s1", None, "no", ref=0)) == {
        "session": "s1",
        "error": "no",
        "ref": 0,
    }


def test_times_from_before_the_clock_was_set_are_filled_in_or_null() -> None:
    clock = ManualClock(5.0)
    clock.epoch = datetime(1970, 1, 1, tzinfo=UTC)
    text = f'"time":"{stamp(clock)}"'  # somebody says just that: it is theirs
    told = payloads.encode(payloads.notice(Notice("x", {"text": text}), stamp(clock)))
    early = json.loads(payloads.dated(told, clock))
    assert (early["time"], early["text"]) == (None, text)
    clock.advance(60.0)
    clock.epoch = datetime(2026, 11, 20, 12, 0, tzinfo=UTC) - timedelta(seconds=5)
    late = json.loads(payloads.dated(told, clock))
    assert (late["time"], late["text"]) == ("2026-11-20T12:00:00.000Z", text)
    plain = payloads.encode(payloads.notice(Notice("x"), "2026-11-20T12:00:00.000Z"))
    assert payloads.dated(plain, clock) == plain
