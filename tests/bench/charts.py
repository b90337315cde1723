"""Plain line charts as SVG, the same bytes for the same figures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STYLE: dict[Any, Any] = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": "medium",
    "figure.figsize": (6.4, 3.6),
    "font.size": 9.0,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "lines.linewidth": 1.5,
    "svg.fonttype": "none",  # text as text: smaller, and in the reader's font
    "svg.hashsalt": "dragoman",
}


@contextmanager
def chart(path: Path, title: str, x: str, y: str) -> Iterator[Axes]:
    """Axes to draw on, saved to ``path`` at the end; a legend is added where lines have names."""
    # Loaded here: figures are measured where it is not installed, too.
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure(layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot(title=title, xlabel=x, ylabel=y)
        yield axes
        if axes.get_legend_handles_labels()[1]:
            axes.legend()
        figure.savefig(path, format="svg", metadata={"Date": None})
