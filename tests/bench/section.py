"""What a part of the bench hands to the suite.

A part is a module with ``NAME``, ``measure`` and ``present``.  What ``measure`` returns is kept as
JSON, and ``present`` makes a page's section of it, so that the page can be made anew without
measuring.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class Options:
    """How long to measure: ``seconds`` a run, ``rounds`` of runs.

    ``step`` is the number of frames by which the microphone's position moves, 0 for periods.
    """

    seconds: float = 60.0
    rounds: int = 3
    step: int = 0


@dataclass(frozen=True)
class Verdict:
    """A limit and the figure it is judged by; ``met`` is None where the run cannot tell."""

    limit: str
    figure: str
    met: bool | None

    @property
    def word(self) -> str:
        return {True: "pass", False: "FAIL", None: "not judged"}[self.met]


@dataclass(frozen=True)
class Plot:
    """A picture: ``draw`` writes it as SVG; ``name`` is its file without the ending."""

    name: str
    title: str
    draw: Callable[[Path], None]


@dataclass(frozen=True)
class Section:
    """A section of docs/performance.md: ``text`` before the ``table``, Markdown both."""

    title: str
    text: str
    table: str
    verdicts: Sequence[Verdict] = ()
    plots: Sequence[Plot] = field(default_factory=tuple)


class Part(Protocol):
    """A module that measures one thing."""

    @property
    def NAME(self) -> str:
        """Its key in the results, and its name on the command line."""

    def measure(self, options: Options) -> dict[str, Any]:
        """Run it; the figures, as JSON has them.  RuntimeError when the run is broken."""

    def present(self, data: dict[str, Any]) -> Section:
        """The section for what :meth:`measure` returned.  Pure."""


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table that also reads well in a terminal: the first column left, others right."""
    widths = [max(len(row[n]) for row in (header, *rows)) for n in range(len(header))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join(_line(row, widths) for row in (header, rule, *rows))


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    first = row[0].ljust(widths[0])
    others = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
    return "| " + " | ".join([first, *others]) + " |"


def verdict_lines(verdicts: Sequence[Verdict]) -> list[str]:
    """A line for each, for the terminal."""
    return [f"{verdict.word:10} {verdict.limit}: {verdict.figure}" for verdict in verdicts]
