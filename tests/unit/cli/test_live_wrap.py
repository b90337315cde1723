"""Text in cells: wide and combining characters, cropping and wrapping."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.cli.live.wrap import cells, fit, wrap
from agent.printable import one_line

TEXTS = st.text(st.sampled_from("aé W漢。,«(שلي🙂e\u0301\u200d\ufe0f❤ -")) | st.text()


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("abc", 3),
        ("你好", 4),
        ("e\u0301", 1),
        ("שלום", 4),
        ("❤\ufe0f", 2),
        ("👨\u200d👩", 4),
        ("", 0),
    ],
)
def test_cells(text: str, width: int) -> None:
    assert cells(text) == width


@given(TEXTS.map(one_line), st.integers(2, 60))
def test_no_line_is_too_long_and_nothing_is_lost(text: str, room: int) -> None:
    lines = wrap(text, room)
    assert all(cells(line) <= room for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(line and line == line.strip(" ") for line in lines)


@given(TEXTS.map(one_line), st.integers(0, 20), st.sampled_from(["…", "...", ""]))
def test_what_is_cropped_fits(text: str, room: int, ellipsis: str) -> None:
    shown = fit(text, room, ellipsis)
    assert cells(shown) <= room
    assert (shown == text) == (cells(text) <= room)


@pytest.mark.parametrize(
    ("text", "room", "lines"),
    [
        ("the quick brown fox", 10, ["the quick", "brown fox"]),
        ("the quick brown fox", 9, ["the quick", "brown fox"]),
        ("unbelievable", 5, ["unbel", "ievab", "le"]),
        ("a unbelievable b", 6, ["a", "unbeli", "evable", "b"]),
        ("请给我两杯咖啡", 6, ["请给我", "两杯咖", "啡"]),
        ("请给我两杯咖啡", 7, ["请给我", "两杯咖", "啡"]),
        ("我们喝咖啡。", 10, ["我们喝咖", "啡。"]),  # a full stop never begins a line
        ("他说「好」", 6, ["他说", "「好」"]),  # an opening bracket never ends one
        ("用 Python 写", 8, ["用", "Python", "写"]),
        ("", 5, []),
    ],
)
def test_where_lines_are_broken(text: str, room: int, lines: list[str]) -> None:
    assert wrap(text, room) == lines


def test_an_ellipsis_shows_that_there_was_more() -> None:
    assert fit("kitchen-1", 9) == "kitchen-1"
    assert fit("kitchen-1", 6) == "kitch…"
    assert fit("你好吗", 5) == "你好…"
    assert fit("你好吗", 4) == "你…"
    assert fit("kitchen", 2, "...") == "ki"
