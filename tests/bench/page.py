"""docs/performance.md and its plots, made from the results of a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.bench.section import Section, Verdict, table

HEAD = """\
# Performance

Made by `./scripts/bench --write-docs` from `docs/performance/results.json`; nothing here is written
by hand. Limits are ratios within one run on one machine, since a faster machine makes everything
faster; a missed one is shown as missed.

"""


def page(machine: Mapping[str, Any], sections: Iterable[Section]) -> str:
    """The whole page."""
    rows = [[key, str(value)] for key, value in machine.items()]
    parts = [HEAD + table(["machine", ""], rows)]
    parts += [_section(section) for section in sections]
    return "\n\n".join(parts) + "\n"


def write(folder: Path, machine: Mapping[str, Any], sections: list[Section]) -> None:
    """``performance.md`` and the plots in ``performance/``, under ``folder``."""
    for section in sections:
        for plot in section.plots:
            plot.draw(folder / "performance" / f"{plot.name}.svg")
    (folder / "performance.md").write_text(page(machine, sections))


def _section(section: Section) -> str:
    parts = [f"## {section.title}", section.text.strip(), section.table]
    if section.verdicts:
        parts.append(_verdicts(section.verdicts))
    parts += [f"![{plot.title}](performance/{plot.name}.svg)" for plot in section.plots]
    return "\n\n".join(parts)


def _verdicts(verdicts: Iterable[Verdict]) -> str:
    rows = [[verdict.limit, verdict.figure, verdict.word] for verdict in verdicts]
    return table(["limit", "figure", ""], rows)
