"""How well it goes: the plots and the counters, of the daemon's telemetry."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.cli.live.paint import COOL, DIM, PLAIN, STRONG, STRONG_WARN, Line, Signs
from agent.cli.live.trace import Trace, Value, plot
from agent.cli.live.wrap import cells, fit

GAP = 3  # cells between two plots


@dataclass(frozen=True, slots=True)
class _Kind:
    """A value of the telemetry; ``least`` is how high a plot is at least: noise is no storm."""

    name: str
    short: str
    least: float
    read: Callable[[Mapping[str, Any]], Value]


def _round_trip(telemetry: Mapping[str, Any]) -> Value:
    value: Value = telemetry.get("round_trip_ms", telemetry.get("websocket_round_trip_ms"))
    return value


KINDS = (
    _Kind("round trip", "trip", 100, _round_trip),
    _Kind("pacing error", "pacing", 10, lambda telemetry: telemetry.get("pacing_error_p99_ms")),
    _Kind("backlog", "backlog", 500, lambda telemetry: telemetry.get("backlog_ms")),
)
COUNTERS = (
    ("reconnects", "reconn", "reconnects"),
    ("lost", "lost", "lost_packets"),
    ("underruns", "under", "underruns"),
    ("overruns", "over", "overruns"),
)


class Vitals:
    """The last minute of each value, and the counters."""

    def __init__(self) -> None:
        self._traces = [Trace() for _ in KINDS]
        self._counters = [0] * len(COUNTERS)
        self.version = 0

    def add(self, second: int, telemetry: Mapping[str, Any], *, connected: bool) -> None:
        """Note the telemetry of one second; the round trip of a lost connection is no more."""
        for kind, trace in zip(KINDS, self._traces, strict=True):
            known = connected or kind.read is not _round_trip
            trace.add(second, kind.read(telemetry) if known else None)
        self._counters = [int(telemetry.get(key, 0)) for _, _, key in COUNTERS]
        self.version += 1

    def plots(self, room: int, signs: Signs) -> list[Line]:
        """Two lines: names with their newest values, and the plots below them."""
        each = max(1, (room - GAP * (len(KINDS) - 1)) // len(KINDS))
        names: list[Line] = []
        plots: list[Line] = []
        for kind, trace in zip(KINDS, self._traces, strict=True):
            names.append(_name(kind, trace.newest, each, signs))
            line = plot(trace.columns(each), kind.least, signs.levels)
            plots.append(((line, COOL), (" " * (each - len(line)), PLAIN)))
        return [_side_by_side(names), _side_by_side(plots)]

    def counters(self, room: int) -> Line:
        """The counters; what is not zero stands out."""
        for short, gap in ((0, 3), (0, 2), (1, 2), (1, 1)):
            words = [names[short] for names in COUNTERS]
            needed = sum(
                len(f"{word} {count}") + gap
                for word, count in zip(words, self._counters, strict=True)
            )
            if needed - gap <= room:
                break
        line: list[tuple[str, str]] = []
        for word, count in zip(words, self._counters, strict=True):
            style = STRONG_WARN if count else DIM
            line += [(f"{word} ", DIM), (str(count), style), (" " * gap, PLAIN)]
        return tuple(line[:-1])


def _name(kind: _Kind, value: Value, room: int, signs: Signs) -> Line:
    number = signs.unknown if value is None else _number(value)
    for name, unit in ((kind.name, " ms"), (kind.short, " ms"), (kind.short, "")):
        if cells(f"{name} {number}{unit}") <= room:
            break
    name = fit(name, max(0, room - cells(f" {number}{unit}")), "")
    return ((f"{name} ", DIM), (number, STRONG), (unit, DIM), _fill(f"{name} {number}{unit}", room))


def _fill(text: str, room: int) -> tuple[str, str]:
    return (" " * (room - cells(text)), PLAIN)


def _number(value: float) -> str:
    """A tenth where it matters."""
    return f"{value:.1f}" if value < 10 and value != int(value) else f"{value:.0f}"


def _side_by_side(columns: Sequence[Line]) -> Line:
    line: list[tuple[str, str]] = []
    for column in columns:
        line += [*column, (" " * GAP, PLAIN)]
    return tuple(line[:-1])
