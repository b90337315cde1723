"""The reporting side under load: 200 devices on one mosquitto, and one outbox at full speed.

The devices are real reporters (`tests.bench.crowd`), in a few processes of this machine, so
they share its processors and its disk; a fleet would not.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from agent.clock import Clock, SystemClock
from agent.report.outbox import Outbox
from agent.report.telemetry import percentile
from tests.bench.charts import chart
from tests.bench.crowd import TELEMETRY_EVERY_S, TRANSCRIPT_EVERY_S, Device
from tests.bench.process import cpu_s
from tests.system.broker import Broker, Observer, wait_until

DEVICES = 200
PROCESSES = 4
# Without nodelay mosquitto holds a message to the subscriber back until the one before is
# acknowledged, 40 ms: that would be measured instead.
BROKER = "allow_anonymous true\nlog_type none\nset_tcp_nodelay true"
LIMIT_S = 120.0

Figures = dict[str, Any]


def measure(
    seconds: float = 30.0, devices: int = DEVICES, finals: int = 2000, paced: int = 100
) -> Figures:
    """The crowd talks for ``seconds``; one device says ``finals`` at once, ``paced`` in turn."""
    clock = SystemClock()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with _broker(folder / "crowd") as (broker, observer):
            crowd = _crowd(clock, broker, observer, folder, devices, seconds)
        with _broker(folder / "one") as (broker, observer):
            one = _one(clock, broker, observer, folder, finals, paced)
        return {"crowd": crowd, "one": one, "commit_ms": _commits(clock, folder / "alone.db")}


def rows(figures: Figures) -> list[tuple[str, ...]]:
    """What was measured and its value, header first."""
    crowd, one = figures["crowd"], figures["one"]

    def spread(ms: Figures) -> str:
        return f"{ms['p50']:.1f} / {ms['p99']:.1f} / {ms['max']:.1f} ms"

    name = f"{crowd['devices']} devices"
    return [
        ("what", "value"),
        (f"{name}: messages delivered", f"{crowd['messages_per_s']:.0f} per second"),
        (f"{name}: transcript said → delivered, p50 / p99 / max", spread(crowd["transcript_ms"])),
        (f"{name}: telemetry → delivered, p50 / p99 / max", spread(crowd["telemetry_ms"])),
        (f"{name}: transcripts lost / twice", f"{crowd['lost']} / {crowd['twice']}"),
        (f"{name}: mosquitto's CPU, one core", f"{crowd['broker_cpu_percent']:.1f} %"),
        ("one device: finals through outbox and PUBACK", f"{one['finals_per_s']:.0f} per second"),
        ("one device: a final said → delivered, p50 / p99 / max", spread(one["said_ms"])),
        ("one final to the disk, p50 / p99 / max", spread(figures["commit_ms"])),
    ]


def plot(figures: Figures, folder: Path) -> list[Path]:
    """How many of the messages were delivered within which time."""
    path = folder / "brokerload-delay.svg"
    title = f"{figures['crowd']['devices']} devices on one mosquitto"
    with chart(path, title, "ms from said to delivered", "share of messages") as axes:
        for kind in ("transcript", "telemetry"):
            delays = figures["crowd"][f"{kind}_delays_ms"]
            shares = [(n + 1) / len(delays) for n in range(len(delays))]
            axes.step(delays, shares, where="post", label=kind)
        axes.set_xscale("log")
        axes.set_ylim(0, 1.02)
    return [path]


# --- a crowd --------------------------------------------------------------------------------


def _crowd(
    clock: Clock, broker: Broker, observer: Observer, folder: Path, devices: int, seconds: float
) -> Figures:
    with _processes(broker, folder, devices) as processes:
        for process in processes:
            _expect(process, "connected")
        for process in processes:
            _stdin(process).write("go\n")
            _stdin(process).flush()
        clock.sleep(2.0)  # until the last process has begun
        begun, cpu = clock.now(), _cpu_s(broker)
        clock.sleep(seconds)
        ended, used = clock.now(), _cpu_s(broker) - cpu
        for process in processes:
            _stdin(process).close()
        said = sum(int(_line(process)) for process in processes)
    wait_until(lambda: len(_finals(observer)) >= said, "all transcripts", LIMIT_S)
    finals = _finals(observer)
    transcripts = _delays(observer, "/transcript", "text", begun, ended)
    telemetry = _delays(observer, "/telemetry", "said_at", begun, ended)
    return {
        "devices": devices,
        "transcript_every_s": TRANSCRIPT_EVERY_S,
        "telemetry_every_s": TELEMETRY_EVERY_S,
        "seconds": ended - begun,
        "messages_per_s": (len(transcripts) + len(telemetry)) / (ended - begun),
        "transcript_ms": _spread(transcripts),
        "telemetry_ms": _spread(telemetry),
        "transcript_delays_ms": [round(ms, 2) for ms in transcripts],
        "telemetry_delays_ms": [round(ms, 2) for ms in telemetry],
        "said": said,
        "lost": said - len(set(finals)),
        "twice": len(finals) - len(set(finals)),
        "broker_cpu_percent": 100 * used / (ended - begun),
    }


@contextmanager
def _processes(broker: Broker, folder: Path, devices: int) -> Iterator[list[subprocess.Popen[str]]]:
    """The crowd, in ``PROCESSES`` parts; ended at the end."""
    each = -(-devices // PROCESSES)
    parts = [(first, min(each, devices - first)) for first in range(0, devices, each)]
    command = [sys.executable, "-m", "tests.bench.crowd", str(broker.port), str(folder)]
    processes = [
        subprocess.Popen(
            [*command, str(first), str(count)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for first, count in parts
    ]
    try:
        yield processes
        for process in processes:
            process.wait(LIMIT_S)
    finally:
        for process in processes:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe:
                    pipe.close()


def _stdin(process: subprocess.Popen[str]) -> IO[str]:
    assert process.stdin is not None
    return process.stdin


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _expect(process: subprocess.Popen[str], word: str) -> None:
    line = _line(process)
    if line != word:
        raise RuntimeError(f"the crowd said {line!r} instead of {word!r}")


def _finals(observer: Observer) -> list[tuple[str, str]]:
    """Device and id of every transcript delivered."""
    return [
        (message.topic, json.loads(message.payload)["id"])
        for message in list(observer.messages)
        if message.topic.endswith("/transcript")
    ]


def _delays(observer: Observer, topic: str, key: str, begun: float, ended: float) -> list[float]:
    """Ms from being said to being delivered, ascending, of what was delivered in that time."""
    return sorted(
        1000 * (message.timestamp - float(json.loads(message.payload)[key]))
        for message in list(observer.messages)
        if message.topic.endswith(topic) and begun <= message.timestamp < ended
    )


def _cpu_s(broker: Broker) -> float:
    assert broker._process is not None
    return cpu_s(broker._process.pid)


# --- one device ------------------------------------------------------------------------------


def _one(
    clock: Clock, broker: Broker, observer: Observer, folder: Path, finals: int, paced: int
) -> Figures:
    device = Device("alone", broker.port, folder, clock)
    device.reporter.start()
    try:
        wait_until(lambda: device.reporter.connected, "the reporter to connect")
        begun = clock.now()
        for _ in range(finals):
            device.say()
        wait_until(lambda: len(_finals(observer)) == finals, "all finals", LIMIT_S)
        wait_until(lambda: not device.reporter.waiting, "the last PUBACK", LIMIT_S)
        took, quiet = clock.now() - begun, clock.now()
        for _ in range(paced):
            device.say()
            clock.sleep(0.05)
        wait_until(lambda: len(_finals(observer)) == finals + paced, "all finals", LIMIT_S)
        said = _delays(observer, "/transcript", "text", quiet, clock.now())
    finally:
        device.reporter.stop()
        device.reporter.join(5)
    return {"finals": finals, "finals_per_s": finals / took, "said_ms": _spread(said)}


def _commits(clock: Clock, path: Path) -> Figures:
    """Ms that the outbox takes to have one final safe on the disk."""
    outbox = Outbox(path, 10_000, clock)
    taken = []
    for _ in range(200):
        begun = clock.now()
        outbox.append("dragoman/alone/transcript", bytes(300))
        taken.append(1000 * (clock.now() - begun))
    outbox.close()
    return _spread(sorted(taken))


@contextmanager
def _broker(folder: Path) -> Iterator[tuple[Broker, Observer]]:
    broker = Broker(folder, BROKER)
    broker.start()
    try:
        observer = Observer(broker)
        try:
            yield broker, observer
        finally:
            observer.close()
    finally:
        broker.stop()


def _spread(ordered: Sequence[float]) -> Figures:
    return {
        "p50": percentile(ordered, 50),
        "p99": percentile(ordered, 99),
        "max": ordered[-1],
        "count": len(ordered),
    }
