"""``dragoman fleet watch`` on paper: a live table on a terminal, else a line a change."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Sequence
from typing import Any

from agent.cli import output
from agent.clock import Clock, rfc3339
from agent.errors import UsageError
from agent.fleet import table
from agent.printable import printable

KEPT = 5
STYLES = {"ok": "", "warn": "yellow", "fault": "bold red", None: "bold"}


class Lines:
    """A line for each device whose standing changes; numbers alone are no change."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: dict[str, object] = {}

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *exception: object) -> None:
        """Every line is out already."""

    def show(self, entries: Sequence[table.Entry], ignored: int) -> None:
        for entry in entries:
            standing = _standing(entry)
            if self._last.get(entry.device.id) != standing:
                self._last[entry.device.id] = standing
                self.say(table.plain(entry))
        for gone in self._last.keys() - {entry.device.id for entry in entries}:
            del self._last[gone]
            self.say(f"{printable(gone)}  removed")

    def say(self, text: str) -> None:
        print(f"{rfc3339(self._clock.utc())}  {text}", flush=True)


class Live:
    """A table that is drawn again and again; a context manager."""

    def __init__(self, where: str) -> None:
        try:
            from rich.console import Console
            from rich.live import Live as RichLive
        except ImportError:
            words = "fleet watch needs rich on a terminal: pip install 'dragoman[live]'"
            raise UsageError(f"{words}; or pipe it: dragoman fleet watch | cat") from None
        self._where = where
        self._said: deque[str] = deque(maxlen=KEPT)
        self._shown: tuple[Sequence[table.Entry], int] = ([], 0)
        self._live = RichLive(
            auto_refresh=False,
            transient=False,
            console=Console(file=output.drawing(sys.stdout)),
        )

    def __enter__(self) -> Live:
        self._live.__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._live.__exit__(*exception)

    def show(self, entries: Sequence[table.Entry], ignored: int) -> None:
        self._shown = entries, ignored
        self._live.update(self._draw(), refresh=True)

    def say(self, text: str) -> None:
        self._said.append(text)
        self._live.update(self._draw(), refresh=True)

    def _draw(self) -> Any:
        from rich.text import Text

        entries, ignored = self._shown
        size = self._live.console.size
        room = max(3, size.height - len(self._said) - 3)
        rows = list(table.lines(entries, size.width))
        if len(rows) > room:
            rows = [*rows[: room - 1], table.Line("…")]
        text = Text(no_wrap=True, overflow="ellipsis")
        for row in rows:
            text.append(f"{row.text}\n", style=STYLES[row.verdict])
        counted = table.summary(entries, ignored) if entries else "no devices yet"
        text.append(f"{self._where}: {counted}\n", style="dim")
        for said in self._said:
            text.append(f"{said}\n")
        text.right_crop(1)
        return text


def screen(clock: Clock, where: str) -> Lines | Live:
    """What fits to where the output goes."""
    return Live(where) if sys.stdout.isatty() else Lines(clock)


def _standing(entry: table.Entry) -> object:
    cells = entry.cells
    return (*cells[:6], cells[7], *(finding.name for finding in entry.health.findings))
