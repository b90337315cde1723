"""How it looks: a few styles, the signs, and lines made into what a terminal understands.

Only the terminal's own eight colours are used: people choose them to be readable on their
background, dark or light.  Nothing is told by colour alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from agent.cli.live.wrap import cells, fit
from agent.printable import printable

PLAIN = ""
DIM, STRONG, ITALIC = "2", "1", "3"
GOOD, WARN, BAD, COOL = "32", "33", "31", "36"
STRONG_GOOD, STRONG_WARN, STRONG_BAD, STRONG_COOL = "1;32", "1;33", "1;31", "1;36"

Span = tuple[str, str]  #: a text and the style it has
Line = tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Signs:
    """The characters that are no text."""

    listening: str = "●"
    thinking: str = "◐"
    speaking: str = "♪"
    idle: str = "○"
    trouble: str = "▲"
    arrow: str = "→"
    between: str = "·"
    minus: str = "−"
    unknown: str = "–"
    ellipsis: str = "…"
    rule: str = "─"
    growing: str = "┃"
    again: str = "↻"
    bar: str = "╸━"  #: a part of a cell, and all of it
    track: str = "─"
    peak: str = "│"
    levels: str = "▁▂▃▄▅▆▇█"


#: For the kernel's console, whose fonts have few signs, and for terminals without UTF-8.
ASCII = Signs(
    listening="*",
    thinking="~",
    speaking=">",
    idle="o",
    trouble="!",
    arrow="->",
    between="|",
    minus="-",
    unknown="-",
    ellipsis="...",
    rule="-",
    growing="|",
    again="@",
    bar="#",
    track=".",
    peak="|",
    levels="_.-=+*#",
)


@dataclass(frozen=True, slots=True)
class Look:
    """What a terminal can show."""

    signs: Signs = Signs()
    colours: bool = True


def look(env: Mapping[str, str], encoding: str) -> Look:
    """How to draw on the terminal of ``env`` that is written to in ``encoding``."""
    utf8 = encoding.lower().replace("-", "") == "utf8"
    simple = not utf8 or env["TERM"] == "linux"
    return Look(ASCII if simple else Signs(), colours=not env.get("NO_COLOR"))


def width(line: Iterable[Span]) -> int:
    """The cells of a line."""
    return sum(cells(text) for text, _ in line)


def paint(line: Iterable[Span], room: int, look: Look) -> str:
    """A line as a terminal gets it: at most ``room`` cells, no control character but colours."""
    painted = []
    for text, style in line:
        text = printable(text)
        shown = fit(text, room, look.signs.ellipsis)
        room -= cells(shown)
        codes = style if look.colours else _without_colour(style)
        painted.append(f"\x1b[{codes}m{shown}\x1b[m" if codes and shown else shown)
        if shown != text:
            break
    return "".join(painted)


def _without_colour(style: str) -> str:
    return ";".join(code for code in style.split(";") if len(code) == 1)
