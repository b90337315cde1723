"""Figures of one run, from when its packets were captured and when they came.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise

from agent.report.telemetry import percentile
from tests.bench import marker
from tests.bench.arrivals import Arrival
from tests.bench.marker import BLOCK_NS

LIVE_MS = 250.0  # a packet this fresh is not part of a backlog
ROUNDING_NS = 1000


def between(arrivals: Iterable[Arrival], begin: int, end: int) -> list[Arrival]:
    """Those that came from ``begin`` to ``end`` (ns)."""
    return [arrival for arrival in arrivals if begin <= arrival.at < end]


def spread(name: str, values: Iterable[float]) -> dict[str, float]:
    """Median, 99th percentile and maximum; the keys are ``name`` with ``_p50`` and so on."""
    ordered = sorted(values)
    return {
        f"{name}_p50": percentile(ordered, 50),
        f"{name}_p99": percentile(ordered, 99),
        f"{name}_max": ordered[-1],
    }


def latencies_ms(arrivals: Iterable[Arrival]) -> list[float]:
    """From the last sample of each packet to the wire."""
    return [arrival.latency_ms for arrival in arrivals]


def gaps_ms(arrivals: Sequence[Arrival]) -> list[float]:
    """Between one packet and the next."""
    return [(b.at - a.at) / 1e6 for a, b in pairwise(arrivals)]


def deviations_ms(arrivals: Sequence[Arrival]) -> list[float]:
    """How far each packet came from its place on a grid of exactly 40 ms, without sign.

    The grid lies so that half of the packets come before their place and half after it.
    """
    places = [arrival.at - number * BLOCK_NS for number, arrival in enumerate(arrivals)]
    middle = percentile(sorted(places), 50)
    return [abs(place - middle) / 1e6 for place in places]


def drift_ppm(arrivals: Sequence[Arrival]) -> float:
    """By how much the packets come slower (+) or faster (-) than the clock, by least squares."""
    count = len(arrivals)
    centre = (count - 1) / 2
    first = arrivals[0].at
    moments = sum((n - centre) * (arrival.at - first) for n, arrival in enumerate(arrivals))
    weights = sum((n - centre) ** 2 for n in range(count))
    return float((moments / weights / BLOCK_NS - 1) * 1e6)


def worst_burst(arrivals: Iterable[Arrival]) -> float:
    """Over all connections, the most packets any window of T ms holds beyond T/40."""
    connections = groupby(arrivals, key=lambda arrival: arrival.connection)
    return max(_burst(group) for _, group in connections)


def _burst(arrivals: Iterable[Arrival]) -> float:
    """A packet leads the clock by the packets before it, less those due until it came."""
    least, most = float("inf"), 0.0
    for count, arrival in enumerate(arrivals):
        lead = count - arrival.at / BLOCK_NS
        least = min(least, lead)
        most = max(most, lead - least + 1)
    return most


def lost_speech_ms(arrivals: Iterable[Arrival], begin: int, end: int) -> float:
    """Of the speech captured from ``begin`` to ``end`` (ns), what never came."""
    held, lost = begin, 0
    for captured in (*sorted({arrival.captured for arrival in arrivals}), end + BLOCK_NS):
        lost += _speech_ns(held, min(captured - BLOCK_NS, end))
        held = max(held, captured)
    return lost / 1e6


def _speech_ns(begin: int, end: int) -> int:
    """The speech in the blocks that begin at ``begin`` and every 40 ms until ``end``."""
    starts = range(begin, end - ROUNDING_NS, BLOCK_NS)
    return sum(min(BLOCK_NS, end - start) for start in starts if marker.is_speech(start))


def first_after(
    arrivals: Iterable[Arrival], moment: int, fresh_ms: float = float("inf")
) -> float | None:
    """Seconds from ``moment`` (ns) to the first packet after it, no older than ``fresh_ms``."""
    for arrival in arrivals:
        if arrival.at >= moment and arrival.latency_ms <= fresh_ms:
            return (arrival.at - moment) / 1e9
    return None


def quantiles(values: Iterable[float], count: int = 100) -> list[float]:
    """``count`` + 1 quantiles, for a curve."""
    ordered = sorted(values)
    return [ordered[round(n * (len(ordered) - 1) / count)] for n in range(count + 1)]


def thinned(points: Sequence[tuple[float, float]], most: int = 120) -> list[tuple[float, float]]:
    """At most ``most`` of ``points``, evenly chosen."""
    step = -(-len(points) // most) or 1
    return list(points[::step])
