"""What came of a run: a table, the verdicts, and a page.  Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.report.telemetry import percentile
from tests.fleet.backend import Heard
from tests.fleet.devices import Told

BEGIN, END = "<!-- fleet: begin -->", "<!-- fleet: end -->"
HEAD = ("what happens", "s", "devices away", "back after, p50 / p99 / max", "finals", "lost",
        "twice", "commands", "at once", "again", "never", "connections then")  # fmt: skip

SPREAD = "connections are spread again"  #: the step after which every node has its share

#: The longest a device may be away once it knows, seconds: it waits 1–2 s, then 1 s more at most,
#: 2 s …, as long as no node takes it, and many come at once to nodes that are slow in taking them.
BACK_S = 60.0


@dataclass
class Step:
    """One thing that was done to the cluster; times of the steady clock (s)."""

    what: str
    begun: float
    ended: float = 0.0
    shares: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """All that was counted."""

    steps: list[Step]
    told: Mapping[str, Told]
    way: Mapping[str, str]
    heard: Heard
    usage: tuple[tuple[float, float], tuple[float, float]]  #: CPU s and MB of cluster and crowd
    took_s: float


@dataclass
class Row:
    """A step in numbers."""

    what: str
    seconds: float
    shares: dict[str, int]
    gaps: list[float] = field(default_factory=list)
    devices: set[str] = field(default_factory=set)
    never_back: int = 0
    finals: int = 0
    lost: int = 0
    twice: int = 0
    commands: int = 0
    at_once: int = 0
    again: int = 0
    never: int = 0


def rows(outcome: Outcome) -> list[Row]:
    """A row a step; what happened after the last one belongs to it."""
    begins = [step.begun for step in outcome.steps]
    found = [Row(step.what, step.ended - step.begun, step.shares) for step in outcome.steps]

    def at(moment: float) -> Row:
        return found[max(0, bisect_right(begins, moment) - 1)]

    for name, device in outcome.told.items():
        kept = len(device.said) - device.waiting  # the newest of them are in the outbox
        for index, moment in enumerate(device.said):
            row, times = at(moment), outcome.heard.finals[name, index]
            row.finals += 1
            row.lost += times == 0 and index < kept
            row.twice += times > 1
        for lost, back in device.away:
            row = at(lost)
            row.devices.add(name)
            row.gaps.append((back or float("inf")) - lost)
            row.never_back += back is None
    for order in outcome.heard.orders.values():
        row = at(order.at)
        row.commands += 1
        row.never += order.answered is None
        row.at_once += order.answered is not None and order.sent == 1
        row.again += order.answered is not None and order.sent > 1
    return found


def failures(outcome: Outcome) -> list[str]:
    """What did not hold."""
    found = rows(outcome)
    lost, never = sum(row.lost for row in found), sum(row.never for row in found)
    waiting = sum(device.waiting for device in outcome.told.values())
    aside = sum(device.aside for device in outcome.told.values())
    bad = [f"{lost} finals were lost"] if lost else []
    bad += [f"{waiting} finals are still in an outbox"] if waiting else []
    bad += [f"{aside} messages were set aside"] if aside else []
    bad += [f"{never} commands were never answered"] if never else []
    if outcome.heard.forged:
        bad.append(f"{outcome.heard.forged} messages say something else under a known id")
    for row in found:
        late = [gap for gap in row.gaps if gap > BACK_S]
        bad += [f"{row.what}: {len(late)} devices were away for over {BACK_S:g} s"] if late else []
        bad += [f"{row.what}: {row.never_back} never came back"] if row.never_back else []
    for step in outcome.steps:
        fair = sum(step.shares.values()) / len(step.shares)
        if step.what == SPREAD and min(step.shares.values()) < fair / 2:
            bad.append(f"connections are not spread: {step.shares}")
    return bad


def verdicts(outcome: Outcome) -> Iterator[str]:
    """The run in a few lines."""
    found = rows(outcome)
    heard = outcome.heard
    yield (
        f"{len(outcome.told)} devices, {sum(r.finals for r in found)} finals: "
        f"{sum(r.lost for r in found)} lost, {sum(r.twice for r in found)} came twice with the same"
        f" id, {heard.forged} with another text"
    )
    yield (
        f"{sum(r.commands for r in found)} commands: {sum(r.at_once for r in found)} answered at"
        f" once, {sum(r.again for r in found)} when sent again, {sum(r.never for r in found)}"
        f" never; {_repeated(outcome)} were carried out twice"
    )
    yield f"the back end connected {heard.connections} times"
    (cluster_s, cluster_mb), (crowd_s, crowd_mb) = outcome.usage
    yield (
        f"{outcome.took_s:.0f} s; the nodes {cluster_s:.0f} CPU s, {cluster_mb:.0f} MB;"
        f" the devices {crowd_s:.0f} CPU s, {crowd_mb:.0f} MB"
    )
    bad = failures(outcome)
    yield from (f"FAILED: {words}" for words in bad)
    if not bad:
        yield "all of it held"


def columns(outcome: Outcome) -> str:
    """The table for a terminal."""
    lines = [HEAD, *map(_cells, rows(outcome))]
    widths = [max(len(line[n]) for line in lines) for n in range(len(HEAD))]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def write(page: Path, outcome: Outcome) -> None:
    """Put table and verdicts between the marks of a page."""
    lines = [HEAD, tuple("---" for _ in HEAD), *map(_cells, rows(outcome))]
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    said = "\n".join(f"* {line}" for line in verdicts(outcome))
    before, _, rest = page.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{said}\n\n{END}{after}")


def as_json(outcome: Outcome) -> dict[str, Any]:
    """The rows as objects."""
    return {
        "rows": [
            {**vars(row), "devices": len(row.devices), "gaps": sorted(row.gaps)}
            for row in rows(outcome)
        ],
        "said": list(verdicts(outcome)),
        "by_way": {
            way: sorted(
                (lost, back)
                for name, device in outcome.told.items()
                if outcome.way[name] == way
                for lost, back in device.away
            )
            for way in set(outcome.way.values())
        },
    }


def _repeated(outcome: Outcome) -> int:
    return sum(times > 1 for device in outcome.told.values() for times in device.orders.values())


def _cells(row: Row) -> tuple[str, ...]:
    shares = " / ".join(str(count) for count in row.shares.values())
    counts: Sequence[int] = (row.finals, row.lost, row.twice, row.commands, row.at_once, row.again,
                             row.never)  # fmt: skip
    return (
        row.what,
        f"{row.seconds:.0f}",
        str(len(row.devices)),
        _spread(sorted(row.gaps)),
        *map(str, counts),
        shares,
    )


def _spread(gaps: Sequence[float]) -> str:
    if not gaps:
        return "–"
    return f"{percentile(gaps, 50):.1f} / {percentile(gaps, 99):.1f} / {gaps[-1]:.1f} s"
