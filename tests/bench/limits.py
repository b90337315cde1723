"""What the data path is measured against, in ratios to the others in the same run.  Pure."""

from __future__ import annotations

from collections.abc import Mapping

from tests.bench.section import Verdict

Figures = Mapping[str, float]

CPU_OF_FLOOR = 3.0
DEVIATION_OF_FLOOR = 1.5
LATENCY_P50_MS, LATENCY_P99_MS = 0.3, 1.0  # more than the floor's
MEMORY_MB = 30.0
START_MS = 250.0


def verdicts(medians: Mapping[str, Figures]) -> list[Verdict]:
    """The limits of the section "microphone to wire"; ``medians`` are by contestant."""
    floor, naive, own = medians["floor"], medians["naive"], medians["dragoman"]
    return [
        _ratio("CPU at most 3 times the floor's", "cpu_s_per_minute", own, floor, CPU_OF_FLOOR),
        _ratio("CPU at most that of the naive loop", "cpu_s_per_minute", own, naive, 1.0),
        _ratio(
            "deviation from the grid, p99, at most 1.5 times the floor's",
            "deviation_ms_p99", own, floor, DEVIATION_OF_FLOOR,
        ),
        _above("microphone to wire, p50, within 0.3 ms of the floor's",
               "latency_ms_p50", own, floor, LATENCY_P50_MS),
        _above("microphone to wire, p99, within 1 ms of the floor's",
               "latency_ms_p99", own, floor, LATENCY_P99_MS),
        _at_most("memory at most 30 MB", "peak_mb", own, MEMORY_MB, "MB"),
        _at_most("start to first packet under 250 ms", "start_ms", own, START_MS, "ms"),
    ]  # fmt: skip


def _ratio(limit: str, key: str, own: Figures, other: Figures, most: float) -> Verdict:
    ratio = own[key] / other[key]
    return Verdict(limit, f"{ratio:.2f} times", ratio <= most)


def _above(limit: str, key: str, own: Figures, floor: Figures, most: float) -> Verdict:
    more = own[key] - floor[key]
    return Verdict(limit, f"{more:+.3f} ms", more <= most)


def _at_most(limit: str, key: str, own: Figures, most: float, unit: str) -> Verdict:
    return Verdict(limit, f"{own[key]:.1f} {unit}", own[key] <= most)
