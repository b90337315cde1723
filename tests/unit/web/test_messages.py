"""What pages may say: understood, or refused with one line; never anything else."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import UsageError
from agent.report import payloads
from agent.web import messages
from agent.web.messages import Download, Order, Password
from tests.unit.report.test_history import said

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
KEYS = st.sampled_from(["password", "download", "session", "ref", "talk", "volume"]) | st.text()


def read(text: str) -> messages.Request:
    return messages.read(payloads.parse_command(text.encode()))


def test_a_command_is_what_mqtt_takes() -> None:
    assert read('{"talk": "press", "ref": 7}') == Order({"talk": "press", "ref": 7})


def test_a_password() -> None:
    assert read('{"password": "x"}') == Password("x")
    assert "secret" not in repr(Password("secret"))


def test_a_download() -> None:
    assert read('{"download": "srt", "session": "s1", "ref": [1]}') == Download("srt", "s1", [1])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"download": "str", "session": "s"}', "did you mean 'srt'"),
        ('{"download": "srt"}', 'expected {"download": srt | vtt | json | txt, "session": ID}'),
        ('{"download": "srt", "session": 5}', "expected"),
        ('{"download": "srt", "session": "s", "talk": "press"}', "expected"),
        ('{"download": ["srt"], "session": "s"}', "expected"),
        ('{"password": 5}', 'expected {"password": "…"}'),
        ('{"password": "x", "talk": "press"}', 'expected {"password": "…"}'),
        ("[]", "is not an object"),
        ("{", "is not JSON"),
        ("", "is not JSON"),
    ],
)
def test_what_is_wrong_is_told(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=re.escape(words)) as info:
        read(text)
    assert "\n" not in str(info.value)


@given(st.dictionaries(KEYS, JSON))
def test_any_object_is_understood_or_refused(fields: dict[str, Any]) -> None:
    special = bool({"password", "download"} & fields.keys())
    try:
        request = messages.read(fields)
    except UsageError:
        assert special, "a command is checked by whoever carries it out"
        return
    assert isinstance(request, Order) is not special


@given(st.binary() | st.text().map(str.encode) | JSON.map(lambda v: json.dumps(v).encode()))
def test_any_bytes_are_understood_or_refused(message: bytes) -> None:
    with suppress(UsageError):
        messages.read(payloads.parse_command(message))


@pytest.mark.parametrize("message", [b"[" * 4096, b'{"a":' * 800 + b"1" + b"}" * 800, b"\xff\xfe"])
def test_what_would_break_a_parser_is_refused(message: bytes) -> None:
    try:
        fields = payloads.parse_command(message)
    except UsageError:
        return
    assert isinstance(messages.read(fields), Order)


def test_a_password_may_hold_half_a_character() -> None:
    """JSON can; comparing must not fail on it."""
    try:
        request = read('{"password": "\\ud800"}')
    except UsageError:
        return
    assert isinstance(request, Password)


def test_answers_have_the_shape_of_a_commands_answer() -> None:
    assert json.loads(messages.result("no")) == {"result": {"ok": False, "error": "no"}}
    assert json.loads(messages.result(ref=3)) == {"result": {"ok": True, "ref": 3}}


def test_history_holds_what_mqtt_was_told() -> None:
    sentences = [said(0, "one"), said(1, "two", translation="二")]
    told = json.loads(messages.history(sentences))["history"]
    assert told == [json.loads(payloads.encode(payloads.transcript(each))) for each in sentences]
