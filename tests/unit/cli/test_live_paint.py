"""Styles, signs, and what a terminal gets."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.cli.live.paint import (
    ASCII,
    BAD,
    DIM,
    ITALIC,
    PLAIN,
    STRONG_GOOD,
    Look,
    Signs,
    look,
    paint,
    width,
)
from agent.cli.live.wrap import cells

STYLES = st.sampled_from([PLAIN, DIM, BAD, STRONG_GOOD, f"{ITALIC};{DIM}"])
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
XTERM = {"TERM": "xterm"}


@given(st.lists(st.tuples(st.text(), STYLES)), st.integers(0, 30), st.booleans(), st.booleans())
def test_a_line_fits_and_holds_no_control_but_colours(
    line: list[tuple[str, str]], room: int, colours: bool, simple: bool
) -> None:
    painted = paint(line, room, Look(ASCII if simple else Signs(), colours))
    text = COLOURS.sub("", painted)
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", text)
    assert cells(text) <= room
    assert colours or not re.search(r"\x1b\[[0-9;]*3[0-9]", painted)


def test_a_painted_line() -> None:
    line = (("on", STRONG_GOOD), ("  ", PLAIN), ("kitchen", DIM))
    assert paint(line, 20, Look()) == "\x1b[1;32mon\x1b[m  \x1b[2mkitchen\x1b[m"
    assert paint(line, 20, Look(colours=False)) == "\x1b[1mon\x1b[m  \x1b[2mkitchen\x1b[m"
    assert paint(line, 7, Look(colours=False)) == "\x1b[1mon\x1b[m  \x1b[2mki…\x1b[m"
    assert paint((("too long", PLAIN), ("next", PLAIN)), 4, Look()) == "too…"
    assert width(line) == 11


@pytest.mark.parametrize(
    ("env", "encoding", "expected"),
    [
        (XTERM, "utf-8", Look()),
        (XTERM, "UTF8", Look()),
        (XTERM, "iso8859-1", Look(ASCII)),
        ({"TERM": "linux"}, "utf-8", Look(ASCII)),
        (XTERM | {"NO_COLOR": "1"}, "utf-8", Look(colours=False)),
        (XTERM | {"NO_COLOR": ""}, "utf-8", Look()),
    ],
)
def test_what_a_terminal_can_show(env: dict[str, str], encoding: str, expected: Look) -> None:
    assert look(env, encoding) == expected


def test_simple_signs_are_ascii_and_signs_take_one_cell() -> None:
    for name in Signs.__dataclass_fields__:
        assert getattr(ASCII, name).isascii()
        assert cells(getattr(Signs(), name)) == len(getattr(Signs(), name)), name
