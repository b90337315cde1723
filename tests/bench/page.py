"""docs/performance.md, docs/hearing.md and their plots, made from the results of a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.section import Section, Verdict, table


@dataclass(frozen=True)
class Sheet:
    """A page of docs/: its name, and the words at its top."""

    name: str
    head: str


PERFORMANCE = Sheet(
    "performance",
    """\
# Performance

Made by `./scripts/bench --write-docs` from `docs/performance/results.json`; nothing here is written
by hand. Limits are ratios within one run on one machine, since a faster machine makes everything
faster; a missed one is shown as missed.

""",
)

HEARING = Sheet(
    "hearing",
    """\
# Hearing

Made by `./scripts/bench --only hearing --write-docs` from `docs/hearing/results.json`; nothing here
is written by hand. The rooms are computed (image method, a person 1.2 m and the speaker 20 cm from
the microphone) and time is virtual; all between microphone and speaker is the product. What is
missed is shown as missed.

""",
)


def page(
    machine: Mapping[str, Any], sections: Iterable[Section], sheet: Sheet = PERFORMANCE
) -> str:
    """The whole page."""
    rows = [[key, str(value)] for key, value in machine.items()]
    parts = [sheet.head + table(["machine", ""], rows)]
    parts += [_section(section, sheet) for section in sections]
    return "\n\n".join(parts) + "\n"


def write(
    folder: Path,
    machine: Mapping[str, Any],
    sections: list[Section],
    sheet: Sheet = PERFORMANCE,
) -> None:
    """``performance.md`` and the plots in ``performance/``, under ``folder``."""
    for section in sections:
        for plot in section.plots:
            plot.draw(folder / sheet.name / f"{plot.name}.svg")
    (folder / f"{sheet.name}.md").write_text(page(machine, sections, sheet))


def _section(section: Section, sheet: Sheet) -> str:
    parts = [f"## {section.title}", section.text.strip(), section.table]
    if section.verdicts:
        parts.append(_verdicts(section.verdicts))
    parts += [f"![{plot.title}]({sheet.name}/{plot.name}.svg)" for plot in section.plots]
    return "\n\n".join(parts)


def _verdicts(verdicts: Iterable[Verdict]) -> str:
    rows = [[verdict.limit, verdict.figure, verdict.word] for verdict in verdicts]
    return table(["limit", "figure", ""], rows)
