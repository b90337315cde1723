"""A fleet on paper: a table for people, objects for programs.  Pure."""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from typing import Any

import msgspec

from agent.clock import rfc3339
from agent.fleet.health import Health, Verdict, age, examine
from agent.fleet.roster import Device, Roster
from agent.printable import printable

HEAD = ("DEVICE", "STATUS", "STATE", "SERVICE", "PAIR", "VERSION", "SEEN", "HEALTH")
GAP = "  "

#: Columns that may be cut where the table is too wide, the first first, and how far; names
#: of devices only in the end, as they are what one writes behind ``--to``.
NARROW = ((3, 10), (5, 7), (4, 8), (2, 9), (0, 6))


@dataclass(frozen=True, slots=True)
class Entry:
    """A device as it is shown at one moment."""

    device: Device
    health: Health
    seen: datetime | None
    utc: datetime

    @property
    def cells(self) -> tuple[str, ...]:
        """A text a column of :data:`HEAD`."""
        device, state = self.device, self.device.state
        seen = "–" if self.seen is None else age((self.utc - self.seen).total_seconds())
        return (
            printable(device.id),
            {True: "online", False: "offline", None: "–"}[device.online],
            _state(device),
            printable(state.service or "–") if state else "–",
            _pair(device),
            printable(state.version or "–") if state else "–",
            seen,
            self.health.verdict,
        )


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text; ``verdict`` where it is about a device."""

    text: str
    verdict: Verdict | None = None
    about: bool = False  #: whether a device begins here


def entries(roster: Roster, now: float, utc: datetime) -> list[Entry]:
    """Every device of ``roster`` at ``now`` (monotonic seconds), ``utc``, by id."""
    return [
        Entry(device, examine(device, now, utc), device.last_seen(utc), utc)
        for device in roster.devices.values()
    ]


def lines(shown: Sequence[Entry], width: int) -> Iterator[Line]:
    """The table in ``width`` columns: a line a device, and below it what is wrong with it."""
    widths = _widths([HEAD, *(entry.cells for entry in shown)], width)
    yield Line(_row(HEAD, widths))
    for entry in shown:
        yield Line(_row(entry.cells, widths), entry.health.verdict, about=True)
        for finding in entry.health.findings:
            yield Line(_cut(f"  → {printable(finding.text)}", width), finding.verdict)


def summary(fleet: Sequence[Entry], ignored: int, shown: int | None = None) -> str:
    """``3 devices: 2 ok, 1 fault``; with how many of them are ``shown`` where not all are."""
    verdicts = Counter(entry.health.verdict for entry in fleet)
    parts = [f"{verdicts[word]} {word}" for word in ("ok", "warn", "fault") if verdicts[word]]
    devices = "1 device" if len(fleet) == 1 else f"{len(fleet)} devices"
    part = "" if shown is None or shown == len(fleet) else f"; {shown} shown"
    strange = f"; messages that are not a dragoman's: {ignored}" if ignored else ""
    return f"{devices}: {', '.join(parts)}{part}{strange}"


def plain(entry: Entry) -> str:
    """A device on one line, whatever its length."""
    reasons = "; ".join(printable(finding.text) for finding in entry.health.findings)
    device, status, state, service, pair, version, _, verdict = entry.cells
    health = f"{verdict}: {reasons}" if reasons else verdict
    return f"{device}  {status}  {state}  {service}  {pair}  {version}  {health}"


def as_json(entry: Entry) -> dict[str, Any]:
    """A device as an object; null where something is not known."""
    device, state = entry.device, entry.device.state
    fields = msgspec.structs.asdict(state) if state else {}
    status = {True: "online", False: "offline", None: None}[device.online]
    return {
        "device": device.id,
        "status": status,
        **{key: fields.get(key) for key in ("state", "service", "source", "target", "tts")},
        **{key: fields.get(key) for key in ("muted", "session", "since", "version")},
        "last_seen": None if entry.seen is None else rfc3339(entry.seen),
        "health": entry.health.verdict,
        "reasons": [finding.text for finding in entry.health.findings],
        "telemetry": dict(device.telemetry) or None,
    }


def grid(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows in columns as wide as they need to be."""
    widths = [max(map(columns, cells)) for cells in zip(*rows, strict=True)]
    return [_row([printable(cell) for cell in cells], widths) for cells in rows]


def columns(text: str) -> int:
    """How many columns of a terminal ``text`` takes: two for a Chinese character."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def _state(device: Device) -> str:
    """In brackets where the device is away and this is history."""
    if device.state is None:
        return "–"
    word = printable(device.state.state) + (" muted" if device.state.muted else "")
    return f"({word})" if device.online is False else word


def _pair(device: Device) -> str:
    state = device.state
    if state is None or state.source is None:
        return "–"
    return printable(f"{state.source}→{state.target}" if state.target else state.source)


def _widths(rows: Sequence[Sequence[str]], width: int) -> list[int]:
    widths = [max(map(columns, cells)) for cells in zip(*rows, strict=True)]
    excess = sum(widths) + len(GAP) * (len(widths) - 1) - width
    for column, least in NARROW:
        saved = min(excess, max(0, widths[column] - least))
        if saved > 0:
            widths[column] -= saved
            excess -= saved
    return widths


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (
        cut + " " * (width - columns(cut))
        for cell, width in zip(cells, widths, strict=True)
        for cut in [_cut(cell, width)]
    )
    return GAP.join(padded).rstrip()


def _cut(text: str, width: int) -> str:
    """The beginning of ``text``, with ``…`` where something is missing."""
    if text.isascii() and len(text) <= width:
        return text
    used = list(accumulate(map(columns, text[: 4 * width + 4])))
    if (used[-1] if used else 0) <= width and len(used) == len(text):
        return text
    return f"{text[: bisect_right(used, width - 1)]}…"
