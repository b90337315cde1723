"""``dragoman fleet watch`` on paper: a live table on a terminal, else a line a change."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Sequence
from itertools import islice
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

    def show(
        self, shown: Sequence[table.Entry], fleet: Sequence[table.Entry], ignored: int
    ) -> None:
        known = self._last
        here = {entry.device.id: entry for entry in shown}
        for name, entry in here.items():
            standing = _standing(entry)
            if known.get(name) != standing:
                known[name] = standing
                self.say(table.plain(entry))
        if len(known) == len(here):
            return
        rest = {entry.device.id: entry for entry in fleet}
        for name in known.keys() - here.keys():
            del known[name]
            gone = name not in rest  # or it is only not to be shown any more, such as being well
            self.say(f"{printable(name)}  removed" if gone else table.plain(rest[name]))

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
        self._shown: Sequence[table.Entry] = []
        self._counted = "no devices yet"
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

    def show(
        self, shown: Sequence[table.Entry], fleet: Sequence[table.Entry], ignored: int
    ) -> None:
        self._shown = shown
        counted = table.summary(fleet, ignored, len(shown))
        self._counted = counted if fleet else "no devices yet"
        self._live.update(self._draw(), refresh=True)

    def say(self, text: str) -> None:
        self._said.append(text)
        self._live.update(self._draw(), refresh=True)

    def _draw(self) -> Any:
        from rich.text import Text

        size = self._live.console.size
        room = max(3, size.height - len(self._said) - 3)
        # What does not fit is not laid out: there may be thousands.
        rows = list(islice(table.lines(self._shown[:room], size.width), room + 1))
        if len(rows) > room:
            fit = sum(row.about for row in rows[: room - 1])
            rows[room - 1 :] = [table.Line(_more(self._shown[fit:]))]
        text = Text(no_wrap=True, overflow="ellipsis")
        for row in rows:
            text.append(f"{row.text}\n", style=STYLES[row.verdict])
        text.append(f"{self._where}: {self._counted}\n", style="dim")
        for said in self._said:
            text.append(f"{said}\n")
        text.right_crop(1)
        return text


def screen(clock: Clock, where: str) -> Lines | Live:
    """What fits to where the output goes."""
    return Live(where) if sys.stdout.isatty() else Lines(clock)


def _more(left: Sequence[table.Entry]) -> str:
    """What stands for the devices there is no room for."""
    unwell = sum(entry.health.verdict != "ok" for entry in left)
    return f"… {len(left)} more, {unwell} of them unwell" if unwell else f"… {len(left)} more"


def _standing(entry: table.Entry) -> object:
    cells = entry.cells
    return (*cells[:6], cells[7], *(finding.name for finding in entry.health.findings))
