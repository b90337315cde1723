"""The crowd as a whole: its processes, and what they have told in the end."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.bench.process import cpu_s, rss_mb

#: paho waits with select(), which knows 1024 descriptors; a device has six, and for a while the
#: double when it connects anew.
EACH = 80
END_S = 120.0


@dataclass(frozen=True)
class Told:
    """What one device says of the run; times are those of the steady clock (s)."""

    said: list[float]
    away: list[tuple[float, float | None]]
    orders: dict[str, int]
    waiting: int = 0  #: finals in its outbox in the end
    aside: int = 0  #: messages it has set aside as nothing this broker takes


class Crowd:
    """Devices in as many processes as it takes; a context that kills them at its end.

    Args:
        ways: how many devices go to which host.
        qos: with which they subscribe to their commands.
    """

    def __init__(self, ways: Mapping[str, int], folder: Path, qos: int) -> None:
        self._folder, self._qos = folder, qos
        self._processes: list[subprocess.Popen[str]] = []
        self.way: dict[str, str] = {}  #: the host of each device
        first = 0
        for host, count in ways.items():
            for begin in range(0, count, EACH):
                size = min(EACH, count - begin)
                self._start(host, first, size)
                self.way |= {f"d{n:05}": host for n in range(first, first + size)}
                first += size

    def _start(self, host: str, first: int, count: int) -> None:
        module = [sys.executable, "-m", "tests.fleet.crowd", host]
        with (self._folder / "crowd.log").open("ab") as log:
            process = subprocess.Popen(
                [*module, str(self._folder), str(first), str(count), str(self._qos)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._processes.append(process)

    def __enter__(self) -> Crowd:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill()
            process.wait()

    def started(self) -> None:
        """Wait until every device has begun to connect."""
        for process in self._processes:
            _expect(process, "started")

    def hush(self) -> None:
        """No more finals; wait until all that was said has been acknowledged."""
        for process in self._processes:
            _pipe(process.stdin).write("hush\n")
            _pipe(process.stdin).flush()
        for process in self._processes:
            _expect(process, "quiet")

    def end(self) -> dict[str, Told]:
        """Stop the devices; what each has to tell."""
        for process in self._processes:
            _pipe(process.stdin).close()
        for process in self._processes:
            process.wait(END_S)
        told: dict[str, Told] = {}
        for path in self._folder.glob("*.json"):
            for name, fields in json.loads(path.read_text()).items():
                away = [(gap[0], gap[1] if len(gap) > 1 else None) for gap in fields["away"]]
                told[name] = Told(
                    fields["said"], away, fields["orders"], fields["waiting"], fields["aside"]
                )
        return told

    def usage(self) -> tuple[float, float]:
        """CPU seconds so far and resident MB of all processes."""
        pids = [process.pid for process in self._processes if process.poll() is None]
        return sum(map(cpu_s, pids)), sum(map(rss_mb, pids))


def _expect(process: subprocess.Popen[str], word: str) -> None:
    line = _pipe(process.stdout).readline().strip()
    if line != word:
        raise RuntimeError(f"the crowd said {line!r} instead of {word!r}")


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe
