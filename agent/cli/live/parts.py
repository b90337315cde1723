"""The parts of the screen: pure functions from values to lines of at most ``room`` cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.cli.live.captions import Captions
from agent.cli.live.meter import bar
from agent.cli.live.paint import (
    DIM,
    PLAIN,
    STRONG,
    STRONG_BAD,
    STRONG_COOL,
    STRONG_GOOD,
    STRONG_WARN,
    WARN,
    Line,
    Look,
    Signs,
    Span,
    width,
)
from agent.cli.live.vitals import Vitals
from agent.cli.live.wrap import cells

GAP = "   "
WIDEST_BAR = 100


@dataclass(frozen=True, slots=True)
class Header:
    """What the first line tells."""

    state: str
    service: str
    source: str
    target: str | None
    speech: bool
    muted: bool
    device: str


@dataclass(frozen=True, slots=True)
class Level:
    """What the meter shows: dBFS, whether somebody talks, the volume in percent."""

    level: float
    peak: float
    voiced: bool
    volume: int


@dataclass(frozen=True, slots=True)
class Told:
    """The newest notice, with its age in words."""

    age: str
    text: str
    bad: bool


def header(look: Look, room: int, value: Header) -> list[Line]:
    """State, service, languages, speech, and at the right end the device; what fits of these."""
    sign, style = _state(value.state, look.signs)
    pair = f"{value.source} {look.signs.arrow} {value.target or look.signs.unknown}"
    speech = ("speech on", PLAIN) if value.speech else ("speech off", DIM)
    ranked: list[tuple[int, Span]] = [
        (0, (f"{sign} {value.state:9}", style)),
        (3, (value.service, PLAIN)),
        (2, (pair, STRONG)),
        (4, speech),
        (1, ("muted" if value.muted else "", STRONG_BAD)),
        (5, (value.device, DIM)),
    ]
    parts = _what_fits([each for each in ranked if each[1][0]], room)
    if parts[-1][0] != value.device:
        return [_spaced(parts)]
    left, device = _spaced(parts[:-1]), parts[-1]
    return [(*left, (" " * (room - width(left) - cells(device[0])), PLAIN), device)]


def level(look: Look, room: int, value: Level) -> list[Line]:
    """The meter; the number is the peak's, which can be read while somebody talks."""
    volume = "volume" if room >= 60 else "vol"
    numbers = f" {value.peak:4.0f} dBFS   {volume} {value.volume:<3}"
    size = max(0, min(WIDEST_BAR, room - len(numbers)))
    shown = bar(value.level, value.peak, value.voiced, size, look.signs)
    return [(*shown, (numbers.replace("-", look.signs.minus), PLAIN))]


def rule(look: Look, room: int) -> list[Line]:
    """A line across."""
    return [((look.signs.rule * room, DIM),)]


def captions(
    look: Look, room: int, shown: Captions, version: int, rows: int, spaced: bool
) -> list[Line]:
    """Exactly ``rows`` lines, the newest caption at the bottom; ``version`` is ``shown``'s."""
    lines = shown.lines(room, rows, look.signs, spaced=spaced)
    return [()] * (rows - len(lines)) + lines


def hint(look: Look, room: int, text: str, rows: int) -> list[Line]:
    """What is told in the middle of ``rows`` while there are no captions."""
    if rows < 1:
        return []
    indent = " " * ((room - cells(text)) // 2)
    lines: list[Line] = [()] * rows
    lines[(rows - 1) // 2] = ((indent + text, DIM),)
    return lines


def plots(look: Look, room: int, vitals: Vitals, version: int) -> list[Line]:
    """The moving plots and their newest values; ``version`` is that of ``vitals``."""
    return vitals.plots(room, look.signs)


def counters(look: Look, room: int, vitals: Vitals, version: int) -> list[Line]:
    """The counters; ``version`` is that of ``vitals``."""
    return [vitals.counters(room)]


def news(look: Look, room: int, told: Told | None) -> list[Line]:
    """The newest notice."""
    if told is None:
        return [()]
    sign = (look.signs.trouble, WARN) if told.bad else (look.signs.between, DIM)
    return [(sign, (f" {told.age}  ", DIM), (told.text, PLAIN))]


def keys(look: Look, room: int, values: Sequence[tuple[str, str]]) -> list[Line]:
    """The help: keys and what they do, as many as fit, the first ones first."""
    ranked = [(rank, (f"{key} {does}", DIM)) for rank, (key, does) in enumerate(values)]
    fitting = [text for text, _ in _what_fits(ranked, room)]
    line: list[Span] = []
    for text in fitting:
        key, _, does = text.rpartition(" ")
        line += [(GAP if line else "", PLAIN), (key, STRONG), (f" {does}", DIM)]
    return [tuple(line)]


def _what_fits(ranked: list[tuple[int, Span]], room: int) -> list[Span]:
    """The parts in their order, without those of the highest ranks if need be."""
    ranked = list(ranked)
    while len(ranked) > 1 and width(_spaced([part for _, part in ranked])) > room:
        ranked.remove(max(ranked))
    return [part for _, part in ranked]


def _spaced(parts: Sequence[Span]) -> Line:
    line: list[Span] = []
    for part in parts:
        line += [(GAP, PLAIN), part] if line else [part]
    return tuple(line)


def _state(state: str, signs: Signs) -> Span:
    """The sign of a state and the style of its word."""
    return {
        "listening": (signs.listening, STRONG_GOOD),
        "thinking": (signs.thinking, STRONG_WARN),
        "speaking": (signs.speaking, STRONG_COOL),
        "offline": (signs.trouble, STRONG_BAD),
        "fault": (signs.trouble, STRONG_BAD),
    }.get(state, (signs.idle, STRONG))
