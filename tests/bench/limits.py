"""What the data path is measured against, in ratios to the others in the same round.  Pure.

A figure is the median over the rounds of what was compared within each: so a machine that is
busier in one round than in another makes the spread wider, not the verdict another one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median

from tests.bench.section import Verdict

Figures = Mapping[str, float | None]
Rounds = Mapping[str, Sequence[Figures]]

CPU_OF_FLOOR, CPU_OF_NAIVE = 3.0, 1.25
DEVIATION_OF_FLOOR = 1.5
LATENCY_P50_MS, LATENCY_P99_MS = 0.2, 1.0  # more than the floor's
MEMORY_MB, MEMORY_WSS_MB = 30.0, 34.0
START_MS = 200.0


def verdicts(rounds: Rounds) -> list[Verdict]:
    """The limits of the section "microphone to wire"; ``rounds`` are by contestant."""
    found = [
        _ratio(rounds, "dragoman", "floor", "cpu_s_per_minute", CPU_OF_FLOOR,
               "CPU at most 3 times the floor's"),
        _ratio(rounds, "dragoman", "naive", "cpu_s_per_minute", CPU_OF_NAIVE,
               "CPU at most 1.25 times the naive loop's"),
        _ratio(rounds, "dragoman, wss", "naive, wss", "cpu_s_per_minute", CPU_OF_NAIVE,
               "CPU at most 1.25 times the naive loop's, over wss"),
        _ratio(rounds, "dragoman", "floor", "deviation_ms_p99", DEVIATION_OF_FLOOR,
               "deviation from the grid, p99, at most 1.5 times the floor's"),
        _more(rounds, "latency_ms_p50", LATENCY_P50_MS,
              "microphone to wire, p50, within 0.2 ms of the floor's"),
        _more(rounds, "latency_ms_p99", LATENCY_P99_MS,
              "microphone to wire, p99, within 1 ms of the floor's"),
        _more(rounds, "after_ms_p50", LATENCY_P50_MS,
              "the same 30 s after an outage, p50, within 0.2 ms"),
        _at_most(rounds, "dragoman", "peak_mb", MEMORY_MB, "MB", "memory at most 30 MB"),
        _at_most(rounds, "dragoman, wss", "peak_mb", MEMORY_WSS_MB, "MB",
                 "memory at most 34 MB, over wss"),
        _at_most(rounds, "dragoman", "start_ms", START_MS, "ms",
                 "start to first packet under 200 ms"),
    ]  # fmt: skip
    return [verdict for verdict in found if verdict is not None]


def _ratio(
    rounds: Rounds, own: str, other: str, key: str, most: float, limit: str
) -> Verdict | None:
    found = _paired(rounds, own, other, key, lambda mine, theirs: mine / theirs)
    return _verdict(limit, found, most, ".2f", " times")


def _more(rounds: Rounds, key: str, most: float, limit: str) -> Verdict | None:
    found = _paired(rounds, "dragoman", "floor", key, lambda mine, theirs: mine - theirs)
    return _verdict(limit, found, most, "+.3f", " ms")


def _at_most(
    rounds: Rounds, own: str, key: str, most: float, unit: str, limit: str
) -> Verdict | None:
    found = [figure for run in rounds.get(own, ()) if (figure := run.get(key)) is not None]
    return _verdict(limit, found, most, ".1f", f" {unit}")


def _paired(
    rounds: Rounds, own: str, other: str, key: str, compare: Callable[[float, float], float]
) -> list[float]:
    pairs = zip(rounds.get(own, ()), rounds.get(other, ()), strict=False)
    both = [(mine.get(key), theirs.get(key)) for mine, theirs in pairs]
    return [compare(a, b) for a, b in both if a is not None and b is not None and b > 0]


def _verdict(
    limit: str, found: Sequence[float], most: float, form: str, unit: str
) -> Verdict | None:
    if not found:
        return None
    middle = f"{median(found):{form}}"
    spread = f" ({min(found):{form}} to {max(found):{form}})" if len(found) > 1 else ""
    return Verdict(limit, f"{middle}{spread}{unit}", median(found) <= most)
