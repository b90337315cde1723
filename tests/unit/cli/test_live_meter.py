"""The level meter: its bar, and how it moves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.audio.ring import VOICED, Ring
from agent.cli.live.meter import FALL_DB_S, HOLD_S, Meter, bar
from agent.cli.live.paint import ASCII, BAD, DIM, GOOD, STRONG, WARN, Signs, width

HALF = b"\x00\x40\x00\xc0" * 320  # -6 dBFS
TENTH = b"\xcd\x0c\x33\xf3" * 320  # -20 dBFS
LEVELS = st.floats(-200, 20)


def drawn(level: float, peak: float = -96, room: int = 10, signs: Signs = ASCII) -> str:
    return "".join(text for text, _ in bar(level, peak, True, room, signs))


@pytest.mark.parametrize(
    ("level", "filled"), [(-96, 0), (-60, 0), (-30, 5), (-6, 9), (0, 10), (3, 10)]
)
def test_the_bar(level: float, filled: int) -> None:
    assert drawn(level) == "#" * filled + "." * (10 - filled)


def test_the_bar_has_half_cells_and_a_mark_at_the_peak() -> None:
    assert drawn(-33, signs=Signs()) == "━━━━╸─────"
    assert drawn(-36, -12, signs=Signs()) == "━━━━────│─"
    assert drawn(-36, 0, signs=Signs()) == "━━━━─────│"
    assert drawn(-36, -36, signs=Signs()) == "━━━━│─────"
    assert drawn(-6, -12, signs=Signs()) == "━━━━━━━━━─", "no mark in what is filled"


@given(LEVELS, LEVELS, st.booleans(), st.integers(0, 120))
def test_the_bar_is_always_as_wide_as_it_should(
    level: float, peak: float, voiced: bool, room: int
) -> None:
    assert width(bar(level, peak, voiced, room, Signs())) == room


def test_loud_is_yellow_and_too_loud_red_while_somebody_talks() -> None:
    def styles(voiced: bool) -> list[str]:
        return [style for text, style in bar(0, -96, voiced, 20, Signs()) if text]

    assert styles(True) == [GOOD, WARN, BAD]
    assert styles(False) == [DIM] * 3
    assert ("│", STRONG) in bar(-50, -20, True, 20, Signs())


def follow(*packets: bytes, flags: int = 0) -> Meter:
    ring = Ring(1280, 20)
    meter = Meter(ring)
    for packet in packets:
        ring.write(packet, 0.0, flags)
    meter.follow(0.0)
    return meter


def test_the_loudest_packet_since_the_last_look_counts() -> None:
    meter = follow(TENTH, HALF, bytes(1280), flags=VOICED)
    assert meter.level == meter.peak == pytest.approx(-6.02, abs=0.01)
    assert meter.voiced
    meter.follow(0.1)
    assert not meter.voiced, "nothing new"


def test_the_level_falls_slowly_and_the_peak_is_held() -> None:
    meter = follow(HALF)
    meter.follow(0.5)
    assert meter.level == pytest.approx(-6.02 - 0.5 * FALL_DB_S, abs=0.01)
    assert meter.peak == pytest.approx(-6.02, abs=0.01)
    meter.follow(HOLD_S)
    assert meter.peak == pytest.approx(-6.02, abs=0.01)
    meter.follow(HOLD_S + 0.5)
    assert meter.peak == pytest.approx(-6.02 - 0.5 * FALL_DB_S, abs=0.01)
    meter.follow(10)
    meter.follow(20)
    assert meter.level == meter.peak == -96


def test_a_new_peak_is_shown_at_once() -> None:
    ring = Ring(1280, 20)
    meter = Meter(ring)
    for at, packet in ((0.0, TENTH), (0.1, HALF)):
        ring.write(packet, at)
        meter.follow(at)
    assert meter.level == meter.peak == pytest.approx(-6.02, abs=0.01)


def test_after_a_stall_only_the_newest_packets_count() -> None:
    assert follow(HALF, *[bytes(1280)] * 19).peak == -96
