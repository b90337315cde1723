"""What a process and its children have used, by the kernel's books."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
CPUCLOCK_SCHED = 2


def tree(pid: int) -> list[int]:
    """``pid`` and all that descend from it."""
    found = [pid]
    for parent in found:
        for task in PROC.glob(f"{parent}/task/*/children"):
            with suppress(OSError):  # it ended while we looked
                found += [int(child) for child in task.read_text().split()]
    return found


def cpu_s(pid: int) -> float:
    """CPU seconds the tree of ``pid`` has used, user and system, to the nanosecond.

    ``/proc/PID/stat`` counts in hundredths, which is most of what the floor uses in a minute.
    """
    return sum(time.clock_gettime(~process << 3 | CPUCLOCK_SCHED) for process in tree(pid))


def rss_mb(pid: int) -> float:
    """Resident memory of the tree, MB of 10^6 bytes."""
    return _status(pid, "VmRSS:")


def peak_mb(pid: int) -> float:
    """The most each process of the tree had resident, added up, MB of 10^6 bytes."""
    return _status(pid, "VmHWM:")


def _status(pid: int, key: str) -> float:
    total = 0
    for process in tree(pid):
        for line in (PROC / str(process) / "status").read_text().splitlines():
            if line.startswith(key):
                total += int(line.split()[1]) * 1024
    return total / 1e6
