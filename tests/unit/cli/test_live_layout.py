"""The whole screen at any size, and what a terminal makes of it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.cli.live.captions import Captions
from agent.cli.live.layout import Layout, View
from agent.cli.live.paint import ASCII, Look
from agent.cli.live.parts import Header, Level, Told
from agent.cli.live.vitals import Vitals
from agent.cli.live.wrap import cells
from tests.unit.report.test_history import said

COLOURS = re.compile(r"\x1b\[[0-9;]*m")
HEADER = Header("listening", "twetalk-v2", "en", "zh", True, False, "kitchen-1")
KEYS = (("space", "talk"), ("q", "quit"), ("m", "mute"), ("t", "speech"), ("+/-", "volume"))


def view(**changes: Any) -> View:
    made = View(
        header=HEADER,
        level=Level(-30.0, -18.0, True, 80),
        captions=Captions(),
        vitals=Vitals(),
        news=Told("3 s ago", "Connected again after 340 ms", False),
        keys=KEYS,
        hint="Press space and talk",
    )
    return replace(made, **changes)


def captions(count: int) -> Captions:
    made = Captions()
    for index in range(count):
        made.put(said(index, f"sentence {index}", translation=f"译 {index}"))
    return made


def drawn(value: View, columns: int = 80, rows: int = 24, look: Look | None = None) -> list[str]:
    return [COLOURS.sub("", row) for row in Layout(look or Look()).rows(value, columns, rows)]


def test_at_80_by_24() -> None:
    rows = [row.rstrip() for row in drawn(view(captions=captions(20)))]
    assert rows[0] == " ● listening   twetalk-v2   en → zh   speech on" + " " * 23 + "kitchen-1"
    assert rows[1] == " " + "━" * 27 + "╸" + "─" * 10 + "│" + "─" * 16 + "  −18 dBFS   volume 80"
    assert rows[2] == rows[18] == "─" * 80
    assert rows[3:8] == ["", "   sentence 15", "   译 15", "", "   sentence 16"]
    assert rows[15:18] == ["", "   sentence 19", "   译 19"]
    assert rows[19].split() == ["round", "trip", "–", "ms", "pacing", "error", "–", "ms",
                                "backlog", "–", "ms"]  # fmt: skip
    assert rows[21] == " reconnects 0   lost 0   underruns 0   overruns 0"
    assert rows[22] == " · 3 s ago  Connected again after 340 ms"
    assert rows[23] == " space talk   q quit   m mute   t speech   +/- volume"


def test_at_40_by_8() -> None:
    rows = [row.rstrip() for row in drawn(view(captions=captions(20)), 40, 8)]
    assert rows == [
        "● listening   twetalk-v2   en → zh",
        "━━━━━━━━━━────│─────  −18 dBFS   vol 80",
        "  sentence 18",
        "  译 18",
        "  sentence 19",
        "  译 19",
        "reconn 0  lost 0  under 0  over 0",
        "· 3 s ago  Connected again after 340 ms",
    ]
    assert drawn(view(news=None), 40, 8)[-1] == "space talk   q quit   m mute   t speech"


@pytest.mark.parametrize(
    ("rows", "parts"),
    [
        (14, "rule plots counters news help"),
        (13, "plots counters news help"),
        (12, "plots counters news help"),
        (11, "counters news help"),
        (10, "counters news help"),
        (9, "counters news"),
        (8, "counters news"),
        (7, "news"),
        (5, "news"),
        (4, ""),
    ],
)
def test_what_goes_where_there_are_few_rows(rows: int, parts: str) -> None:
    text = "\n".join(drawn(view(), 80, rows))
    marks = {
        "rule": "─" * 80,
        "plots": "backlog",
        "counters": "underruns",
        "news": "Connected again",
        "help": "space talk",
    }
    assert [name for name, mark in marks.items() if mark in text] == parts.split()
    assert "listening" in text


def test_what_goes_where_the_header_has_little_room() -> None:
    muted = view(header=replace(HEADER, muted=True, speech=False))
    for columns, expected in (
        (80, " ● listening   twetalk-v2   en → zh   speech off   muted" + " " * 14 + "kitchen-1 "),
        (59, "● listening   twetalk-v2   en → zh   speech off   muted"),
        (50, "● listening   twetalk-v2   en → zh   muted"),
        (40, "● listening   en → zh   muted"),
        (25, "● listening   muted"),
        (10, "● listeni…"),
    ):
        assert drawn(muted, columns)[0].ljust(columns) == expected.ljust(columns)


@pytest.mark.parametrize(
    ("state", "sign", "simple"),
    [("idle", "○", "o"), ("listening", "●", "*"), ("thinking", "◐", "~"), ("speaking", "♪", ">"),
     ("offline", "▲", "!"), ("fault", "▲", "!"), ("starting", "○", "o")],
)  # fmt: skip
def test_each_state_has_a_sign(state: str, sign: str, simple: str) -> None:
    value = view(header=replace(HEADER, state=state))
    assert drawn(value)[0].startswith(f" {sign} {state} ")
    assert drawn(value, look=Look(ASCII))[0].startswith(f" {simple} {state} ")


def test_where_nothing_is_translated() -> None:
    assert "en → –" in drawn(view(header=replace(HEADER, target=None)))[0]


def test_until_there_are_captions_there_is_a_hint() -> None:
    rows = drawn(view())
    assert rows[10].strip() == "Press space and talk"
    assert rows[10].index("P") == 30


def test_news_without_trouble_and_with_it() -> None:
    assert drawn(view(news=Told("now", "Gone", True)))[22] == " ▲ now  Gone"
    assert drawn(view(news=None))[22] == " "


def test_a_part_is_made_again_only_when_its_values_have_changed() -> None:
    layout, value = Layout(Look()), view(captions=captions(3))
    before = layout.rows(value, 80, 24)
    again = layout.rows(replace(value, level=Level(-3.0, -3.0, True, 80)), 80, 24)
    assert [a is b for a, b in zip(before, again, strict=True)].count(False) == 1
    value.captions.put(said(9, "new"))
    assert layout.rows(value, 80, 24)[17] != before[17]


NASTY = st.text() | st.text(st.sampled_from("a漢\x1b[2J\r\n\x07\u202e\u2066שא🙂\u200d\ufe0f\x9b "))


@given(NASTY, NASTY, NASTY, st.integers(1, 200), st.integers(1, 60), st.booleans())
def test_whatever_it_is_told_it_fits_and_steers_nothing(
    said_: str, meant: str, told: str, columns: int, rows: int, simple: bool
) -> None:
    made = Captions()
    made.put(said(0, said_, translation=meant))
    made.put(said(1, meant, translation=said_, final=False))
    value = view(
        header=Header("listening", told[:20], "en", "zh", True, True, told[:40]),
        captions=made,
        news=Told("now", told, True),
    )
    lines = drawn(value, columns, rows, Look(ASCII) if simple else Look())
    assert len(lines) == rows
    for line in lines:
        assert cells(line) <= columns
        assert not re.search(r"[\x00-\x1f\x7f-\x9f\u061c\u2028-\u202e\u2066-\u2069\ufeff]", line)
