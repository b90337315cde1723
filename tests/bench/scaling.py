"""What a minute of audio costs: by sampling rate, number of devices and buttons configured.

Real processes (``python -m agent run``) with a file for microphone stream speech to the
emulator; their processor time is the kernel's.  Emulator and measurement share the
machine, so more devices than processors show how it gets crowded, too.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from agent.clock import SystemClock
from agent.emulator import Emulator
from agent.emulator.stream import Rules
from tests.bench.charts import chart
from tests.bench.process import cpu_s, rss_mb
from tests.system.broker import wait_until
from tests.system.device import noise, silence, write_config, write_wav

DEVICES = (1, 2, 4, 8)
RATES = (16000, 8000)
BUTTONS = (0, 1, 8)
PINS = (5, 6, 12, 13, 16, 17, 22, 27)
WARM_MS = 2000  # of audio before it is measured: imports, the handshake
START_S = 60.0

Figures = dict[str, Any]


def measure(
    seconds: float = 20.0,
    devices: Sequence[int] = DEVICES,
    rates: Sequence[int] = RATES,
    buttons: Sequence[int] = BUTTONS,
) -> Figures:
    """Each case streams for ``seconds`` once all its devices do."""
    there = find_spec("gpiod") is not None
    return {
        "seconds": seconds,
        "processors": os.cpu_count(),
        "devices": [{"devices": n, **_case(seconds, n)} for n in devices],
        "rates": [{"rate": rate, **_case(seconds, 1, rate=rate)} for rate in rates],
        # Without the library no button can be configured.
        "buttons": [
            {"buttons": n, **_case(seconds, 1, buttons=n)} for n in buttons if there or not n
        ],
    }


def rows(figures: Figures) -> list[tuple[str, ...]]:
    """A row for each case, header first."""
    table: list[tuple[str, ...]] = [
        ("case", "CPU seconds per minute of audio, each device", "dearest", "memory, MB")
    ]
    cases = [(f"{case['devices']} devices at 16 kHz", case) for case in figures["devices"]]
    cases += [(f"{case['rate'] // 1000} kHz", case) for case in figures["rates"]]
    cases += [(f"{case['buttons']} buttons (pins in memory)", case) for case in figures["buttons"]]
    for label, case in cases:
        cpu, worst = case["cpu_s_per_min"], case["cpu_s_per_min_worst"]
        table.append((label, f"{cpu:.2f}", f"{worst:.2f}", f"{case['rss_mb']:.0f}"))
    return table


def plot(figures: Figures, folder: Path) -> list[Path]:
    """Processor time over the number of devices: of one, and of all."""
    path = folder / "scaling-devices.svg"
    title = "Processor time per minute of audio"
    with chart(path, title, "devices on this machine", "CPU seconds per minute") as axes:
        count = [case["devices"] for case in figures["devices"]]
        each = [case["cpu_s_per_min"] for case in figures["devices"]]
        axes.plot(count, each, marker="o", label="each device")
        total = [n * cpu for n, cpu in zip(count, each, strict=True)]
        axes.plot(count, total, marker="o", label="all devices")
        axes.set_ylim(bottom=0)
        axes.set_xticks(count)
    return [path]


def _case(seconds: float, devices: int, *, rate: int = 16000, buttons: int = 0) -> Figures:
    clock = SystemClock()
    with (
        tempfile.TemporaryDirectory() as name,
        Emulator(rules=Rules(rate=rate), keep=False) as cloud,
        _running(Path(name), cloud.url, devices, rate, buttons) as processes,
    ):
        _streaming(cloud, processes, Path(name), WARM_MS)
        begun, before = clock.now(), [cpu_s(process.pid) for process in processes]
        clock.sleep(seconds)
        minutes = (clock.now() - begun) / 60
        used = [cpu_s(p.pid) - cpu for p, cpu in zip(processes, before, strict=True)]
        memory = [rss_mb(process.pid) for process in processes]
        _streaming(cloud, processes, Path(name), 1000 * seconds)
    return {
        "cpu_s_per_min": sum(used) / len(used) / minutes,
        "cpu_s_per_min_worst": max(used) / minutes,
        "rss_mb": sum(memory) / len(memory),
    }


@contextmanager
def _running(
    folder: Path, cloud: str, devices: int, rate: int, buttons: int
) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Daemons that stream for ever; they are ended at the end."""
    write_wav(folder / "speech.wav", noise(2.0, rate) + silence(1.0, rate), rate)
    audio = {"rate": rate, "capture": {"loop": True}, "playback": {"device": "null"}}
    talk = {"mode": "open", "buttons": [{"pin": pin} for pin in PINS[:buttons]]}
    config = write_config(folder, cloud, audio=audio, talk=talk)
    command = [sys.executable, "-m", "agent", "run", "--config", str(config)]
    surroundings = {**os.environ}
    if buttons:
        from tests.pins import environment

        surroundings |= environment()
    processes = []
    try:
        with (folder / "log").open("wb") as log:
            for _ in range(devices):
                processes.append(subprocess.Popen(command, stderr=log, env=surroundings))
        yield processes
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _streaming(
    cloud: Emulator, processes: Sequence[subprocess.Popen[bytes]], folder: Path, audio_ms: float
) -> None:
    """Wait until every device has sent so much; RuntimeError with its log when one has ended."""

    def sent() -> bool:
        for process in processes:
            if process.poll() is not None:
                raise RuntimeError(f"a device ended: {(folder / 'log').read_text()}")
        heard = [connection.audio_ms for connection in cloud.connections]
        return len(heard) == len(processes) and min(heard) >= audio_ms

    wait_until(sent, f"{audio_ms} ms of audio of every device on one connection", START_S)
