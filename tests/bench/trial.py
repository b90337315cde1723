"""One run of one contestant: it streams, the service goes away, it comes back."""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median
from typing import Any

from tests.bench import figures, processes
from tests.bench.arrivals import Arrival, Report, Sink
from tests.bench.contestants import Contestant, Started, running
from tests.bench.marker import CYCLE_NS, SECOND
from tests.bench.workshop import Workshop

FIRST_PACKET_S = 15.0
SETTLE_S = 2.0
OUTAGE_S = 3.0
RECOVERY_S = 45.0
LOOK_S = 0.2
AFTER_S, WINDOW_S = 30.0, 8.0  # after an outage: when it is looked at again, for how long


@dataclass(frozen=True, slots=True)
class Usage:
    """What a run used: CPU seconds from ``begin`` to ``end`` (ns), the peak of its memory."""

    begin: int
    end: int
    cpu_s: float
    peak_mb: float


def start_ms(contestant: Contestant, workshop: Workshop) -> float:
    """From the start of the process to its first packet on the wire."""
    with Sink(workshop.certificate) as sink:
        with running(contestant, workshop, sink.port) as started:
            _await_packets(started, sink)
        first = sink.report().arrivals[0]
    return (first.at - started.at) / 1e6


def run(contestant: Contestant, workshop: Workshop, seconds: float) -> dict[str, Any]:
    """The figures of one run that streams for ``seconds`` before the outage."""
    with Sink(workshop.certificate) as sink:
        with running(contestant, workshop, sink.port) as started:
            _await_packets(started, sink)
            time.sleep(SETTLE_S)
            cpu, begin = processes.cpu_s(started.pid), time.monotonic_ns()
            time.sleep(seconds)
            cpu, end = processes.cpu_s(started.pid) - cpu, time.monotonic_ns()
            _await_speech()
            sink.outage(OUTAGE_S)
            over = time.monotonic() + OUTAGE_S + AFTER_S + WINDOW_S
            _await_recovery(sink)
            time.sleep(max(0.0, over - time.monotonic()))
            usage = Usage(begin, end, cpu, processes.peak_mb(started.pid))
        return judged(sink.report(), usage)


def judged(report: Report, usage: Usage) -> dict[str, Any]:
    """All figures of a run, and the series its plots need.  Pure.

    Raises RuntimeError when nothing was streamed.
    """
    steady = figures.between(report.arrivals, usage.begin, usage.end)
    if len(steady) < 2:
        raise RuntimeError(f"{len(steady)} packets came while it should have streamed")
    latencies = figures.latencies_ms(steady)
    deviations = figures.deviations_ms(steady)
    return {
        "packets": len(steady),
        "cpu_s_per_minute": usage.cpu_s * 60 * SECOND / (usage.end - usage.begin),
        "peak_mb": usage.peak_mb,
        **figures.spread("gap_ms", figures.gaps_ms(steady)),
        **figures.spread("deviation_ms", deviations),
        **figures.spread("latency_ms", latencies),
        "burst": figures.worst_burst(report.arrivals),
        "drift_ppm": figures.drift_ppm(steady),
        **_outage(report, usage),
        "latency_quantiles_ms": figures.quantiles(latencies),
        "deviation_quantiles_ms": figures.quantiles(deviations),
    }


def _outage(report: Report, usage: Usage) -> dict[str, Any]:
    left, back = report.outages[0]
    safe = left - SECOND  # what is on its way when the service leaves is lost to the outage
    newest = max(arrival.captured for arrival in report.arrivals)
    until = max(newest, back)  # who never came back has lost all of it
    lost_before = figures.lost_speech_ms(report.arrivals, usage.begin, safe)
    return {
        "lost_streaming_ms_per_minute": lost_before * 60 * SECOND / (safe - usage.begin),
        "lost_outage_ms": figures.lost_speech_ms(report.arrivals, safe, until),
        "back_s": figures.first_after(report.arrivals, back),
        "live_s": figures.first_after(report.arrivals, back, figures.LIVE_MS),
        "after_ms_p50": _after(report.arrivals, back),
        "outage_series": _series(report.arrivals, left),
    }


def _after(arrivals: list[Arrival], back: int) -> float | None:
    """The median latency (ms) half a minute after the service was back."""
    begin = back + round(AFTER_S * SECOND)
    found = figures.latencies_ms(figures.between(arrivals, begin, begin + round(WINDOW_S * SECOND)))
    return median(found) if found else None


def _series(arrivals: list[Arrival], left: int) -> list[tuple[float, float]]:
    """Seconds since the outage began, and how old the packet was that came then (s)."""
    around = figures.between(arrivals, left - 2 * SECOND, left + round(RECOVERY_S) * SECOND)
    return figures.thinned([((a.at - left) / 1e9, a.latency_ms / 1e3) for a in around])


def _await_packets(started: Started, sink: Sink) -> None:
    deadline = time.monotonic() + FIRST_PACKET_S
    while not sink.state()["packets"]:
        started.check()
        if time.monotonic() > deadline:
            raise RuntimeError(f"{started.name} sent nothing in {FIRST_PACKET_S:g} s")
        time.sleep(0.02)


def _await_speech() -> None:
    """Until 1 s of speech has been said, and more than :data:`OUTAGE_S` of it is to come."""
    time.sleep((SECOND - time.monotonic_ns()) % CYCLE_NS / SECOND)


def _await_recovery(sink: Sink) -> None:
    """Until packets come as they are spoken again, at most :data:`RECOVERY_S`."""
    begun = time.monotonic()
    time.sleep(OUTAGE_S + LOOK_S)
    while time.monotonic() < begun + RECOVERY_S:
        state = sink.state()
        fresh = state["lag_s"] * 1000 <= figures.LIVE_MS
        if fresh and state["newest"] > (begun + OUTAGE_S) * SECOND:
            return
        time.sleep(LOOK_S)
