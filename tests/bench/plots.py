"""Curves and lines of the contestants, each in its colour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.bench.charts import chart

COLOURS = {"floor": "#888888", "naive": "#d55e00", "dragoman": "#0072b2"}
COLOURS |= {"naive, wss": "#e9a07a", "dragoman, wss": "#7ab8dd"}
LEAST_MS = 0.001  # zero has no place on a logarithmic axis


def curves(path: Path, quantiles: Mapping[str, Sequence[float]], unit: str) -> None:
    """Cumulative distributions: how many of the packets are at most so far off."""
    with chart(path, "", unit, "packets, percent") as axes:
        for name, values in quantiles.items():
            percents = [100 * n / (len(values) - 1) for n in range(len(values))]
            shown = [max(value, LEAST_MS) for value in values]
            axes.plot(shown, percents, color=COLOURS[name], label=name)
        axes.set_xscale("log")
        axes.set_ylim(0, 100)


def lines(
    path: Path,
    series: Mapping[str, Sequence[Sequence[float]]],
    horizontal: str,
    vertical: str,
    shaded: tuple[float, float] | None = None,
) -> None:
    """Points over time, with a stretch of it shaded."""
    with chart(path, "", horizontal, vertical) as axes:
        if shaded is not None:
            axes.axvspan(*shaded, color="#dddddd", linewidth=0)
        for name, points in series.items():
            x, y = [p[0] for p in points], [p[1] for p in points]
            axes.plot(x, y, ".-", color=COLOURS[name], label=name, markersize=3, linewidth=0.8)
        axes.set_ylim(bottom=0)
