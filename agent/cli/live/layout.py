"""What stands where, for any size of terminal.

    header     state, service, languages, speech, device
    meter      level, peak, volume
    ─────────
    captions   the newest at the bottom
    ─────────
    plots      round trip, pacing error, backlog of the last minute
    counters   reconnects, lost, underruns, overruns
    news       the newest notice and its age
    help       the keys

On a low terminal the rules go first, then the plots, then the help while there is news,
then everything but header and captions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agent.cli.live import parts
from agent.cli.live.captions import Captions
from agent.cli.live.paint import Line, Look, paint
from agent.cli.live.vitals import Vitals

#: From so many rows on there is room for …
SPACED, RULES, PLOTS, BOTH, COUNTERS, METER = 18, 14, 12, 10, 8, 5
ROOMY = 60  # columns with room for a margin


@dataclass(frozen=True, slots=True)
class View:
    """Everything there is to show at one moment."""

    header: parts.Header
    level: parts.Level
    captions: Captions
    vitals: Vitals
    news: parts.Told | None
    keys: tuple[tuple[str, str], ...]  #: each key and what it does, the most useful first
    hint: str  #: told while there are no captions


class Layout:
    """Draws views; a part whose values are as they were is not made again."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._made: dict[Callable[..., list[Line]], tuple[tuple[Any, ...], list[str]]] = {}

    def rows(self, view: View, columns: int, rows: int) -> list[str]:
        """``rows`` painted lines of at most ``columns`` cells."""
        top = self._top(view, columns, rows)
        bottom = self._bottom(view, columns, rows)
        room = max(0, rows - len(top) - len(bottom))
        return [*top, *self._middle(view, columns, room, rows >= SPACED), *bottom][:rows]

    def _top(self, view: View, columns: int, rows: int) -> list[str]:
        top = [*self._part(parts.header, columns, view.header)]
        if rows >= METER:
            top += self._part(parts.level, columns, view.level)
        if rows >= RULES:
            top += self._part(parts.rule, columns)
        return top

    def _middle(self, view: View, columns: int, rows: int, spaced: bool) -> list[str]:
        captions = view.captions
        if not captions.version:
            return self._part(parts.hint, columns, view.hint, rows)
        return self._part(parts.captions, columns, captions, captions.version, rows, spaced)

    def _bottom(self, view: View, columns: int, rows: int) -> list[str]:
        vitals, bottom = view.vitals, []
        if rows >= RULES:
            bottom += self._part(parts.rule, columns)
        if rows >= PLOTS:
            bottom += self._part(parts.plots, columns, vitals, vitals.version)
        if rows >= COUNTERS:
            bottom += self._part(parts.counters, columns, vitals, vitals.version)
        if rows >= BOTH or (rows >= METER and view.news):
            bottom += self._part(parts.news, columns, view.news)
        if rows >= BOTH or (rows >= METER and not view.news):
            bottom += self._part(parts.keys, columns, view.keys)
        return bottom

    def _part(self, make: Callable[..., list[Line]], columns: int, *values: Any) -> list[str]:
        """The painted lines of one part, made of ``values``."""
        key = (columns, *values)
        made = self._made.get(make)
        if made is None or made[0] != key:
            margin = 1 if columns >= ROOMY and make is not parts.rule else 0
            lines = make(self._look, columns - 2 * margin, *values)
            made = (key, [" " * margin + self._painted(line, columns, margin) for line in lines])
            self._made[make] = made
        return made[1]

    def _painted(self, line: Line, columns: int, margin: int) -> str:
        return paint(line, columns - 2 * margin, self._look)
