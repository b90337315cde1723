"""What the measuring service noted, and the handle of its process."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.workshop import ROOT, environment

COLUMNS = 5


@dataclass(frozen=True, slots=True)
class Arrival:
    """One packet of audio at the service; times are ns of CLOCK_MONOTONIC."""

    connection: int
    epoch: int  #: when the microphone's stream began
    number: int  #: of the packet in that stream
    at: int  #: when it came
    captured: int  #: when its last sample was captured

    @property
    def latency_ms(self) -> float:
        """From the last sample to the wire."""
        return (self.at - self.captured) / 1e6


@dataclass(frozen=True, slots=True)
class Report:
    """Everything of one run; ``outages`` are (begin, end) and ``opened`` connections, in ns."""

    arrivals: list[Arrival]
    unmarked: int
    outages: list[tuple[int, int]]
    opened: list[int]

    @classmethod
    def of(cls, data: dict[str, Any]) -> Report:
        flat = data["arrivals"]
        rows = [flat[at : at + COLUMNS] for at in range(0, len(flat), COLUMNS)]
        outages = [(begin, end) for begin, end in data["outages"]]
        return cls([Arrival(*row) for row in rows], data["unmarked"], outages, data["opened"])


class Sink:
    """A running ``tests.bench.sink``; a context manager."""

    def __init__(self, certificate: Path | None = None) -> None:
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.bench.sink",
                *([str(certificate)] if certificate else []),
            ],
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.port = int(self._line())

    def __enter__(self) -> Sink:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def state(self) -> dict[str, float]:
        """How many ``packets`` came, when the ``newest`` did (ns), how old it was (``lag_s``)."""
        return json.loads(self._ask("state"))  # type: ignore[no-any-return]

    def outage(self, seconds: float) -> None:
        """Tear every connection and refuse new ones; returns at once."""
        self._ask(f"outage {seconds}")

    def report(self) -> Report:
        """All arrivals; the service ends."""
        return Report.of(json.loads(self._ask("report")))

    def _ask(self, command: str) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        return self._line()

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the measuring service has died")
        return line
