"""The fault table, for a terminal and for docs/reliability.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.errors import UsageError
from tests.faults.measure import Outcome

BEGIN, END = "<!-- faults: begin -->", "<!-- faults: end -->"
HEADER = ("fault", "words", "lost ms", "finals lost", "doubled", "back s", "noticed s", "burst", "")
WIDTHS = (56, 5, 7, 11, 7, 6, 9, 5, 4)


@dataclass(frozen=True)
class Row:
    """One fault with what came of it; ``took_s`` is how long the run lasted."""

    name: str
    title: str
    expected: str
    reason: str
    outcome: Outcome
    failures: list[str]
    took_s: float

    @property
    def seen(self) -> str:
        """What happened, in a few words."""
        if self.failures:
            return "; ".join(self.failures)
        outcome = self.outcome
        parts = [f"{outcome.finals} finals"]
        parts += [f"{outcome.replayed} marked replayed"] if outcome.replayed else []
        parts += [f"{outcome.connections} connections"] if outcome.connections else []
        parts += [f"noticed after {outcome.notice_s:.1f} s"] if outcome.notice_s else []
        parts += [f"{outcome.reported_ms} ms reported lost"] if outcome.reported_ms else []
        parts += [self.reason] if outcome.lost_ms and self.reason else []
        return ", ".join(parts)


def line(row: Row | None) -> str:
    """A row for the terminal; the header for None."""
    cells = HEADER if row is None else _cells(row)
    return "  ".join(
        cell.ljust(width) if at in (0, len(WIDTHS) - 1) else cell.rjust(width)
        for at, (cell, width) in enumerate(zip(cells, WIDTHS, strict=True))
    )


def _cells(row: Row) -> tuple[str, ...]:
    outcome = row.outcome
    return (
        row.title, str(outcome.words), str(outcome.lost_ms), str(outcome.finals_lost),
        str(outcome.duplicates), _seconds(outcome.recover_s), _seconds(outcome.notice_s),
        "–" if outcome.burst is None else f"{outcome.burst:.2f}",
        "FAIL" if row.failures else "ok",
    )  # fmt: skip


def markdown(rows: Sequence[Row]) -> str:
    """The table of docs/reliability.md."""
    lines = [
        "| fault | expected | seen | speech lost (ms) | finals lost | duplicates | recovered (s) |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        outcome = row.outcome
        cells = (
            row.title, row.expected, row.seen, outcome.lost_ms, outcome.finals_lost,
            outcome.duplicates, _seconds(outcome.recover_s),
        )  # fmt: skip
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    return "\n".join(lines)


def write_markdown(path: Path, table: str) -> None:
    """Put ``table`` between the two marks in ``path``."""
    text = path.read_text()
    if BEGIN not in text or END not in text:
        raise UsageError(f"{path}: the marks {BEGIN} and {END} are missing")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    path.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}")


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
