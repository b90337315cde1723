"""The pictures of docs/performance.md, as small SVG files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

COLOURS = {"floor": "#888888", "naive": "#d55e00", "dragoman": "#0072b2"}
LEAST_MS = 0.001  # zero has no place on a logarithmic axis


def curves(path: Path, quantiles: Mapping[str, Sequence[float]], unit: str) -> None:
    """Cumulative distributions: how many of the packets are at most so far off."""
    figure, axes = _canvas()
    for name, values in quantiles.items():
        percents = [100 * n / (len(values) - 1) for n in range(len(values))]
        axes.plot([max(v, LEAST_MS) for v in values], percents, color=COLOURS[name], label=name)
    axes.set_xscale("log")
    axes.set_ylim(0, 100)
    _finish(path, figure, axes, unit, "packets, percent")


def lines(
    path: Path,
    series: Mapping[str, Sequence[Sequence[float]]],
    horizontal: str,
    vertical: str,
    shaded: tuple[float, float] | None = None,
) -> None:
    """Points over time, with a stretch of it shaded."""
    figure, axes = _canvas()
    if shaded is not None:
        axes.axvspan(*shaded, color="#dddddd", linewidth=0)
    for name, points in series.items():
        x, y = [p[0] for p in points], [p[1] for p in points]
        axes.plot(x, y, color=COLOURS[name], label=name, marker=".", markersize=3, linewidth=0.8)
    axes.set_ylim(bottom=0)
    _finish(path, figure, axes, horizontal, vertical)


def _canvas() -> tuple[Any, Any]:
    import matplotlib  # only who draws needs it

    matplotlib.use("svg")
    matplotlib.rc("svg", fonttype="none", hashsalt="bench")
    matplotlib.rc("font", size=9)
    from matplotlib import pyplot

    return pyplot.subplots(figsize=(6.4, 3.0), layout="constrained")


def _finish(path: Path, figure: Any, axes: Any, horizontal: str, vertical: str) -> None:
    from matplotlib import pyplot

    axes.set_xlabel(horizontal)
    axes.set_ylabel(vertical)
    axes.grid(color="#eeeeee", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
