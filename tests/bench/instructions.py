"""Machine instructions a packet costs, counted by valgrind: the same on a busy machine.

A run with many packets minus one with none, divided by the packets, is free of the
interpreter's start and of all imports.  What the kernel does for a packet is not in it.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.bench.charts import chart
from tests.bench.hotpath import IDLE, PACKET_S

PACKETS = 400
TIMEOUT_S = 120

#: Instructions per packet of 40 ms that a stage may cost: a tenth more than was counted on
#: CPython 3.11 and 3.13 for x86-64 built without PGO (one built with it, as Debian's, needs less).
BUDGETS = {"convert": 330_000, "card": 10_500, "capture": 67_500, "send": 56_500}
VERSIONS = ((3, 11), (3, 13))  # of Python that were counted

COMMAND = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
COUNT = re.compile(r"==(\d+)== I +refs: +([\d,]+)")
ROOT = Path(__file__).parents[2]

#: No hash of a string, no thread of a library and no coverage may differ between two runs.
ENVIRONMENT = {
    "PATH": os.environ.get("PATH", os.defpath),
    "PYTHONPATH": str(ROOT),
    "PYTHONHASHSEED": "0",
    "OPENBLAS_NUM_THREADS": "1",
}

Figures = dict[str, Any]


def unable() -> str | None:
    """Why the budgets cannot be held against a count on this machine, or None."""
    if shutil.which("valgrind") is None:
        return "valgrind is not installed (apt install valgrind)"
    if platform.machine() != "x86_64":
        return f"the budgets are for x86_64, this is {platform.machine()}"
    if sys.version_info[:2] not in VERSIONS:
        return f"the budgets are for Python 3.11 and 3.13, this is {platform.python_version()}"
    return None


def measure(packets: int = PACKETS) -> Figures:
    """Instructions per packet of every stage."""
    _python([], 1)  # so that all modules are compiled
    stages, report = _python(COMMAND, packets)
    counts = {int(pid): int(count.replace(",", "")) for pid, count in COUNT.findall(report)}
    idle = counts[stages.pop(IDLE)]
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "packets": packets,
        "stages": {
            stage: {"per_packet": round((counts[pid] - idle) / packets), "budget": BUDGETS[stage]}
            for stage, pid in stages.items()
        },
    }


def rows(figures: Figures) -> list[tuple[str, ...]]:
    """A row for each stage, header first."""
    table: list[tuple[str, ...]] = [
        ("stage", "instructions per packet", "budget", "million per second of audio")
    ]
    for stage, row in figures["stages"].items():
        count, budget = row["per_packet"], row["budget"]
        table.append((stage, f"{count:,}", f"{budget:,}", f"{count / PACKET_S / 1e6:.1f}"))
    return table


def plot(figures: Figures, folder: Path) -> list[Path]:
    """Each stage beside its budget."""
    path = folder / "instructions.svg"
    stages = figures["stages"]
    with chart(path, "Instructions per packet of 40 ms", "stage", "thousands") as axes:
        axes.bar(list(stages), [row["budget"] / 1e3 for row in stages.values()],
                 color="lightgrey", label="budget")  # fmt: skip
        axes.bar(list(stages), [row["per_packet"] / 1e3 for row in stages.values()],
                 width=0.5, label="counted")  # fmt: skip
    return [path]


def _python(prefix: list[str], packets: int) -> tuple[dict[str, int], str]:
    """Run the hot path; the process of each stage, and what was said on standard error."""
    command = [*prefix, sys.executable, "-m", "tests.bench.hotpath", str(packets)]
    run = subprocess.run(
        command, env=ENVIRONMENT, cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_S
    )
    if run.returncode:
        raise RuntimeError(f"{' '.join(command)}: {run.stderr[-2000:]}")
    lines = (line.split() for line in run.stdout.splitlines())
    return {stage: int(pid) for stage, pid in lines}, run.stderr
