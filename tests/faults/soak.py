"""The soak: a daemon that talks and reconnects all the time; its memory, threads and files.

The daemon is a process of its own; its connection is reset every few seconds.  Each second
its resident memory, threads and file descriptors are read.  After a warm-up (a fifth of the
time, at most a minute) nothing may grow: exit code 1 when it holds more threads or
descriptors at rest in the last quarter than in the first, or when the straight line through
its memory rises more than 2 MB over the run.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from agent.clock import SystemClock
from agent.emulator import Emulator
from agent.emulator.engines.scripted import ScriptedEngine
from tests.faults.proxy import Proxy
from tests.faults.reports import daemon
from tests.faults.rig import BASE, TONES
from tests.faults.speech import Speech
from tests.system.broker import Broker, Observer, wait_until
from tests.system.device import write_config, write_wav

RISE_MB = 2.0
WARM_UP = 0.2  # of the run
WARM_UP_S = 60.0
SAMPLE_S = 1.0


@dataclass(frozen=True)
class Sample:
    """The daemon ``at`` seconds after the start."""

    at: float
    rss_mb: float
    threads: int
    fds: int


FIGURES: dict[str, Callable[[Sample], float]] = {
    "resident MB": lambda sample: sample.rss_mb,
    "threads": lambda sample: sample.threads,
    "file descriptors": lambda sample: sample.fds,
}


@dataclass(frozen=True)
class Soak:
    """All samples after the warm-up, and what happened meanwhile."""

    samples: list[Sample]
    cuts: int
    connections: int
    finals: int

    def slope(self, value: Callable[[Sample], float]) -> float:
        """Growth per hour of the line that fits best."""
        hours = [sample.at / 3600 for sample in self.samples]
        values = [value(sample) for sample in self.samples]
        middle, level = _mean(hours), _mean(values)
        spread = sum((hour - middle) ** 2 for hour in hours)
        rise = sum((h - middle) * (v - level) for h, v in zip(hours, values, strict=True))
        return rise / spread if spread else 0.0

    def growth(self, value: Callable[[Sample], float]) -> float:
        """How much more there is at rest in the last quarter than in the first."""
        quarter = max(1, len(self.samples) // 4)
        first, last = self.samples[:quarter], self.samples[-quarter:]
        return min(map(value, last)) - min(map(value, first))

    def failures(self) -> list[str]:
        """What grew."""
        hours = (self.samples[-1].at - self.samples[0].at) / 3600
        rise = self.slope(FIGURES["resident MB"]) * hours
        found = [f"memory rose {rise:.1f} MB, more than {RISE_MB} MB"] if rise > RISE_MB else []
        for name in ("threads", "file descriptors"):
            growth = self.growth(FIGURES[name])
            found += [f"{growth:g} more {name} at the end"] if growth > 0 else []
        return found

    def report(self) -> str:
        """A table of the figures."""
        lines = [
            f"{self.cuts} resets, {self.connections} connections, {self.finals} finals, "
            f"{len(self.samples)} samples",
            f"{'':18}{'min':>8}{'max':>8}{'per hour':>10}",
        ]
        for name, value in FIGURES.items():
            values = [value(sample) for sample in self.samples]
            lines.append(f"{name:18}{min(values):8.1f}{max(values):8.1f}{self.slope(value):10.2f}")
        return "\n".join(lines)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def sample(pid: int, at: float) -> Sample:
    """What /proc says about the daemon now."""
    proc = Path(f"/proc/{pid}")
    status = dict(row.split(":", 1) for row in (proc / "status").read_text().splitlines())
    rss_kb = int(status["VmRSS"].split()[0])
    return Sample(at, rss_kb / 1024, int(status["Threads"]), len(list((proc / "fd").iterdir())))


def soak(folder: Path, seconds: float, every: float) -> Soak:
    """Run a daemon for ``seconds`` and reset its connection each ``every`` seconds."""
    write_wav(folder / "speech.wav", Speech(10).pcm)
    with ExitStack() as stack:
        broker = Broker(folder / "broker")
        broker.start()
        stack.callback(broker.stop)
        observer = Observer(broker)
        stack.callback(observer.close)
        cloud = stack.enter_context(Emulator(engine=ScriptedEngine(TONES), keep=False))
        proxy = stack.enter_context(Proxy(int(cloud.url.rsplit(":", 1)[1])))
        config = write_config(
            folder,
            f"http://127.0.0.1:{proxy.port}",
            audio={"capture": {"loop": True}, "playback": {"device": "null"}},
            mqtt={"host": "127.0.0.1", "port": broker.port, "discovery": None},
        )
        process = stack.enter_context(daemon(config))
        wait_until(lambda: cloud.connections, "the first connection", 20)
        samples, cuts = _watch(process, proxy, seconds, every)
        finals = len(observer.on(f"{BASE}/transcript"))
        return Soak(samples, cuts, len(cloud.connections), finals)


def _watch(
    process: subprocess.Popen[bytes], proxy: Proxy, seconds: float, every: float
) -> tuple[list[Sample], int]:
    clock, samples, cuts = SystemClock(), [], 0
    begun = clock.now()
    warm = min(seconds * WARM_UP, WARM_UP_S)
    while (at := clock.now() - begun) < seconds:
        if process.poll() is not None:
            raise SystemExit(f"soak: the daemon ended with {process.returncode}")
        if at >= warm:
            samples.append(sample(process.pid, at))
        if at >= (cuts + 1) * every:
            proxy.cut()
            cuts += 1
        clock.sleep(SAMPLE_S - (clock.now() - begun) % SAMPLE_S)
    return samples, cuts


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--every", type=float, default=3.0, help="seconds between resets")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        result = soak(Path(folder), args.minutes * 60, args.every)
    print(result.report())
    failures = result.failures()
    for failure in failures:
        print(f"!! {failure}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
