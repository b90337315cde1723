"""Fields are read liberally, what is odd is noted, and nothing but Malformed comes out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.services.reading import MAX_TEXT, Fields, Malformed, mended, parse_object
from tests.unit.services.events import json_values


def kinds(fields: Fields) -> list[str]:
    return [garbage.kind for garbage in fields.odd]


@pytest.mark.parametrize(
    "text",
    [
        '\ufeff{"a": "x"}',
        b'\xef\xbb\xbf{"a": "x"}',
        '{"a": "x"}\0\r\n',
        '{"a": "x", "b": "\\ud83d"}',
        '{"a": "x", "b": "tab\there"}',
        '{"a": "x", "b": NaN}',
        b'{"a": "x", "b": "\xff\xfe"}',
    ],
)
def test_careless_json_is_read_and_noted_once(text: str | bytes) -> None:
    fields = parse_object(text)
    assert fields.text("a") == "x"
    assert len(fields.odd) == 1


@pytest.mark.parametrize(
    "text", ["", "{", "<html>", "[" * 100_000, '{"a": 1} more', b"\xff", "1" * 5000]
)
def test_what_is_no_json_is_malformed(text: str | bytes) -> None:
    with pytest.raises(Malformed):
        parse_object(text)


@pytest.mark.parametrize(
    ("value", "read", "odd"),
    [
        *((2, 2, False), (0, 0, False), (None, None, False)),
        *(("2", 2, True), (" 2 ", 2, True), ("2.0", 2, True), (2.0, 2, True), (2.7, 2, True)),
        *((True, None, True), (-1, None, True), ("two", None, True), ([2], None, True)),
        *((10**400, None, True), ("9" * 400, None, True), (float("nan"), None, True)),
        *((float("inf"), None, True), ("\u0662", None, True), ({}, None, True)),
    ],
)
def test_a_whole_number(value: object, read: int | None, odd: bool) -> None:
    fields = Fields({"n": value})
    assert fields.whole("n") == read
    assert bool(fields.odd) is odd
    assert Fields().whole("n") is None


@pytest.mark.parametrize(
    ("value", "read", "odd"),
    [
        *(("x", "x", []), (None, "", []), ("", "", [])),
        *((5, "5", ["wrong-type"]), (["x"], "", ["wrong-type"]), ({}, "", ["wrong-type"])),
        *(
            ("a\ud83d", "a\ufffd", ["half-character"]),
            ("\ud83d\ude00", "\U0001f600", ["half-character"]),
        ),
        ("x" * (MAX_TEXT + 9), "x" * MAX_TEXT, ["huge-text"]),
    ],
)
def test_a_text(value: object, read: str, odd: list[str]) -> None:
    fields = Fields({"t": value})
    assert fields.text("t") == read
    assert kinds(fields) == odd


@pytest.mark.parametrize("value", [None, [], {}, True])
def test_a_text_that_must_be_there(value: object) -> None:
    with pytest.raises(Malformed):
        Fields({"t": value}).text("t", None)


@pytest.mark.parametrize(
    ("value", "read"),
    [
        *((None, "0"), (0, "0"), (-1, "-1"), ("0", "0"), ("", "0"), (0.0, "0"), ("OK", "0")),
        *(("-1", "-1"), (" 411 ", "411"), (7.0, "7"), (False, "0"), ([], "0")),
        *(("InvalidToken", "InvalidToken"), ("00", "0")),
    ],
)
def test_a_code(value: object, read: str) -> None:
    fields = Fields({"code": value})
    assert fields.code() == read
    assert bool(fields.odd) is not (value is None or type(value) is int)


@pytest.mark.parametrize(
    ("value", "read", "odd"),
    [
        *((True, True, False), (False, False, False), (1, True, False), (0, False, False)),
        *((None, False, False), ("true", True, True), ("0", False, True), (1.0, True, True)),
        *((2, False, True), ([], False, True)),
    ],
)
def test_a_flag(value: object, read: bool, odd: bool) -> None:
    fields = Fields({"f": value})
    assert fields.flag("f") is read
    assert bool(fields.odd) is odd


def test_lists_and_what_stands_alone() -> None:
    fields = Fields(
        {"l": [{"a": 1}, 2, {"a": 3}], "o": {"a": 4}, "t": ["x", 5, None, "y"], "b": "z"}
    )
    assert [each["a"] for each in fields.objects("l")] == [1, 3]
    assert [each["a"] for each in fields.objects("o")] == [4]
    assert fields.texts("t") == ["x", "5", "y"]
    assert fields.texts("b") == ["z"]
    assert fields.objects("none") == []
    assert fields.texts("none") == []
    assert len(fields.odd) == 4


def test_what_is_odd_within_is_noted_with_the_whole() -> None:
    fields = Fields({"o": {"n": "1"}})
    fields.nested("o").whole("n")
    assert kinds(fields) == ["wrong-type"]


@given(st.dictionaries(st.sampled_from("ab"), json_values | st.floats(), max_size=2))
def test_nothing_else_comes_out(data: dict[str, Any]) -> None:
    fields = Fields(data)
    for read in (fields.text, fields.whole, fields.number, fields.word, fields.flag, fields.code):
        read("a")
        json.dumps(read("b"))
    for text in (fields.text("a"), *fields.texts("b")):
        text.encode()
    fields.objects("a")


@given(st.text())
def test_a_mended_text_can_be_written(text: str) -> None:
    assert mended(text) == text
    mended(text + "\udc80").encode()
