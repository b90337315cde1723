"""Counters, gauges and timings of the daemon, and the object on ``telemetry``.

No method takes a lock, so the capture thread never waits for a thread that reads.
What makes that safe: a counter is one cell per thread, so each cell has a single
writer and no increment is lost; storing a gauge, appending to a bounded deque and
copying a dict or a deque are each one indivisible operation of the interpreter.
"""

from __future__ import annotations

import math
import os
import resource
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import get_ident

#: Counters that are published from the start, as 0.
COUNTERS = (
    "packets_captured",
    "packets_sent",
    "bytes_sent",
    "reconnects",
    "lost_packets",
    "overruns",
    "underruns",
)

#: How many of the newest samples a percentile is taken from.
WINDOW = 1024

Number = int | float


class Counter:
    """One thread's share of a counter; that thread adds to ``value``."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0


class Telemetry:
    """What the device counts and measures; every method may be called from any thread.

    Args:
        now: monotonic seconds at the start, the zero of ``uptime_s``.
        sys: where the kernel's ``/sys`` is mounted.
        proc: where the kernel's ``/proc`` is mounted.
    """

    def __init__(self, now: float, *, sys: Path = Path("/sys"), proc: Path = Path("/proc")) -> None:
        self._started = now
        self._cpu = (now, _cpu_seconds())
        self._sys, self._proc = sys, proc
        self._counters = {(name, 0): Counter() for name in COUNTERS}
        self._gauges: dict[str, Number | None] = {}
        self._samples: dict[str, deque[float]] = {}

    def count(self, name: str, amount: int = 1) -> None:
        """Add ``amount`` to the counter ``name``."""
        self.counter(name).value += amount

    def counter(self, name: str) -> Counter:
        """The calling thread's share of the counter ``name``, to be kept where it counts often."""
        return self._counters.setdefault((name, get_ident()), Counter())

    def gauge(self, name: str, value: Number | None) -> None:
        """Set the gauge ``name`` (its unit in the name); None says that it is unknown."""
        self._gauges[name] = value

    def sample(self, name: str, milliseconds: float) -> None:
        """Add a timing; published as ``<name>_p50_ms`` and ``<name>_p99_ms``."""
        self.window(name).append(milliseconds)

    def window(self, name: str) -> deque[float]:
        """Where the timings ``name`` (ms) are appended, to be kept where there are many."""
        return self._samples.setdefault(name, deque(maxlen=WINDOW))

    def total(self, name: str) -> int:
        """The counter ``name`` over all threads."""
        return self._totals().get(name, 0)

    def snapshot(self, now: float) -> dict[str, Number]:
        """Everything at ``now`` (monotonic seconds); what is not known is not there.

        The CPU's share is that since the snapshot before, so these are for one reader.
        """
        return self.values(now) | _known({"cpu_percent": self._cpu_percent(now)})

    def values(self, now: float) -> dict[str, Number]:
        """As :meth:`snapshot`, for any number of readers: without ``cpu_percent``."""
        values: dict[str, Number | None] = {
            **self._totals(),
            **self._percentiles(),
            **self._gauges.copy(),
            "rss_mb": _rss_mb(self._proc),
            "temperature_c": _temperature_c(self._sys),
            "uptime_s": round(now - self._started, 1),
        }
        return _known(values)

    def _totals(self) -> dict[str, int]:
        totals: dict[str, int] = {}
        for (name, _), counter in self._counters.copy().items():
            totals[name] = totals.get(name, 0) + counter.value
        return totals

    def _percentiles(self) -> dict[str, Number]:
        found: dict[str, Number] = {}
        for name, window in self._samples.copy().items():
            ordered = sorted(window.copy())
            if not ordered:
                continue
            found[f"{name}_p50_ms"] = percentile(ordered, 50)
            found[f"{name}_p99_ms"] = percentile(ordered, 99)
        return found

    def _cpu_percent(self, now: float) -> float | None:
        """Of one core, since the snapshot before."""
        (then, used_then), used = self._cpu, _cpu_seconds()
        if now <= then:
            return None
        self._cpu = (now, used)
        return round(100 * (used - used_then) / (now - then), 1)


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile of ``ordered`` (ascending, not empty)."""
    rank = math.ceil(percent / 100 * len(ordered))
    return ordered[max(rank, 1) - 1]


def _known(values: Mapping[str, Number | None]) -> dict[str, Number]:
    """Without the unknown ones; floats to a tenth, which is finer than anything measured."""
    return {
        name: round(value, 1) if isinstance(value, float) else value
        for name, value in values.items()
        if value is not None and math.isfinite(value)
    }


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _rss_mb(proc: Path) -> float | None:
    """Resident memory, MB of 10^6 bytes."""
    try:
        pages = int((proc / "self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _temperature_c(sys: Path) -> float | None:
    """The hottest thermal zone of the board."""
    readings = []
    for zone in sys.glob("class/thermal/thermal_zone*/temp"):
        try:
            readings.append(int(zone.read_text()) / 1000)
        except (OSError, ValueError):  # a zone that is switched off answers with an error
            continue
    return max(readings, default=None)
