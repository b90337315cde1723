"""Text from elsewhere: nothing in it can steer a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.printable import one_line, printable

NEEDED = set("\u200c\u200d\u200e\u200f")


@given(st.text())
def test_nothing_is_left_that_a_terminal_obeys(text: str) -> None:
    shown = printable(text)
    assert all(char.isprintable() or char in NEEDED for char in shown)
    assert printable(shown) == shown
    shown.encode()  # half a surrogate pair could not be written


@given(st.text(st.characters(blacklist_categories=("C", "Z"))))
def test_what_is_there_to_be_seen_stays(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),
        ("\x9b2J\x07bell\x7f", "2Jbell"),
        ("a\rb\nc\td\x85e\u2028f", "a b c d e f"),
        ("\u202eevil\u2066\u2069 \u061c\ufeff", "evil "),
        ("half \ud800", "half \ufffd"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("क्\u200dष \u200fא", "क्\u200dष \u200fא"),
    ],
)
def test_examples(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_one_line_has_single_spaces() -> None:
    assert one_line("  a \r\n\n  b\u3000c\x1b ") == "a b c"
