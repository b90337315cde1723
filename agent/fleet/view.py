"""Which devices of a fleet are shown, and in what order.  Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from agent.fleet.table import Entry

_WORST = {"fault": 0, "warn": 1, "ok": 2}

#: By name, what to sort by; devices that are equal stay in the order of their names.
ORDERS: dict[str, Callable[[Entry], Any]] = {
    "name": lambda entry: entry.device.id,
    "health": lambda entry: _WORST[entry.health.verdict],
    "seen": lambda entry: -entry.seen.timestamp() if entry.seen else 0.0,
    "service": lambda entry: entry.cells[3],
    "version": lambda entry: entry.cells[5],
}


@dataclass(frozen=True, slots=True)
class View:
    """What to show.

    Attributes:
        match: shell patterns (``hall-*``); a device is shown where its name fits one. None: all.
        unwell: only those whose health is not ``ok``.
        order: a key of :data:`ORDERS`; ``seen`` begins with who was seen last.
    """

    match: tuple[str, ...] = ()
    unwell: bool = False
    order: str = "name"

    def of(self, entries: Sequence[Entry]) -> list[Entry]:
        """Those of ``entries`` to show, in order; they are given by name."""
        found = [entry for entry in entries if self._shows(entry)]
        return found if self.order == "name" else sorted(found, key=ORDERS[self.order])

    def _shows(self, entry: Entry) -> bool:
        if self.unwell and entry.health.verdict == "ok":
            return False
        return self.names(entry.device.id)

    def names(self, device: str) -> bool:
        """Whether a device of this name may be shown."""
        return not self.match or any(fnmatchcase(device, pattern) for pattern in self.match)
