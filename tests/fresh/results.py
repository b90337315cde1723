"""What came out: kept cell by cell, so that a part of the table can be made anew, and drawn."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.fresh.checks import CHECKS
from tests.fresh.roots import ROOTS, Root

PASS, FAIL, NOT_REACHED = "works", "fails", "not reached"
_PAGE = Path(__file__).with_name("page.md")


@dataclass(frozen=True)
class Result:
    """A cell: what ``check`` gave in ``root``, ``remark`` more about it, or why it failed."""

    root: str
    check: str
    outcome: str
    seconds: float
    remark: str
    date: str
    version: str
    commit: str
    python: str = ""
    systemd: str = ""


Cells = Mapping[tuple[str, str], Result]


def keep(result: Result, folder: Path) -> None:
    """Write a cell down, in the place of an older one."""
    path = folder / result.root / f"{result.check}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(result), indent=1, ensure_ascii=False) + "\n")


def kept(folder: Path) -> dict[tuple[str, str], Result]:
    """All cells written down, of systems and checks that there still are."""
    found = (Result(**json.loads(path.read_text())) for path in folder.glob("*/*.json"))
    return {(r.root, r.check): r for r in found if r.root in ROOTS and r.check in CHECKS}


def duration(seconds: float) -> str:
    """As people say it: seconds, then minutes."""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def cell(root: Root, check: str, cells: Cells) -> str:
    """What stands in the table: the outcome and how long it took; a dash: it was not tried."""
    result = cells.get((root.name, check))
    if result is None:
        return "" if CHECKS[check].only(root) else "–"
    if result.outcome == PASS:
        return f"{PASS}, {duration(result.seconds)}"
    return result.outcome


def table(cells: Cells, roots: Sequence[Root] = ()) -> list[list[str]]:
    """A line for each system, after one of titles."""
    lines = [["", *(check.title for check in CHECKS.values())]]
    for root in roots or ROOTS.values():
        lines.append([label(root, cells), *(cell(root, check, cells) for check in CHECKS)])
    return lines


def label(root: Root, cells: Cells) -> str:
    """The system with the versions that were seen in it."""
    words = [root.title, root.arch + (" (emulated)" if root.emulated else "")]
    seen = [result for (name, _), result in cells.items() if name == root.name]
    for name in ("python", "systemd"):
        versions = [getattr(result, name) for result in seen if getattr(result, name)]
        # The release upgrade leaves the versions of the next one.
        if versions:
            words.append(f"{name.capitalize() if name == 'python' else name} {min(versions)}")
    return ", ".join(words)


def columns(lines: Sequence[Sequence[str]]) -> str:
    """For a terminal."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def markdown(lines: Sequence[Sequence[str]]) -> str:
    """The same for a page; what fails stands out."""
    rows = [[f"**{word}**" if word == FAIL else word for word in line] for line in lines]
    rows.insert(1, ["---"] * len(rows[0]))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def remarks(cells: Cells) -> list[str]:
    """A line for each cell that has something to say."""
    order = {name: place for place, name in enumerate([*ROOTS, *CHECKS])}
    found = sorted(cells.values(), key=lambda r: (order[r.check], order[r.root]))
    return [
        f"* {CHECKS[r.check].title}, {ROOTS[r.root].title} {ROOTS[r.root].arch}: {r.remark}"
        for r in found
        if r.remark
    ]


def page(cells: Cells) -> str:
    """``docs/platforms.md``."""
    dates = sorted({result.date for result in cells.values()})
    commits = sorted({r.commit[:8] for r in cells.values()})
    versions = sorted({r.version for r in cells.values()})
    return _PAGE.read_text().format(
        table=markdown(table(cells)),
        checks="\n".join(f"* **{check.title}**: {check.what}." for check in CHECKS.values()),
        remarks="\n".join(remarks(cells)),
        dates=" to ".join(dict.fromkeys((dates[0], dates[-1]))) if dates else "never",
        versions=", ".join(versions) or "none",
        commits=", ".join(commits) or "none",
    )
