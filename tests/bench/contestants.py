"""Who is measured, and how each is started."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.bench.workshop import HERE, MICROPHONE, SPEAKER, Workshop

PATH = "/v2/ws-voice-translate"
STOP_S = 10


@dataclass(frozen=True)
class Contestant:
    """``command`` gives its command line for a service on a port."""

    name: str
    command: Callable[[int], list[str]]


@dataclass(frozen=True)
class Started:
    """A running contestant; ``at`` (ns of CLOCK_MONOTONIC) is just before it was started."""

    name: str
    process: subprocess.Popen[bytes]
    at: int
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def check(self) -> None:
        """RuntimeError with what it said when it has ended."""
        if self.process.poll() is not None:
            said = self.log.read_text(errors="replace")
            raise RuntimeError(f"{self.name} ended by itself:\n{said}")


def contestants(workshop: Workshop, broker_port: int) -> tuple[Contestant, ...]:
    """In the order in which they take turns."""
    naive = [sys.executable, str(HERE / "naive.py"), MICROPHONE]
    authority = str(workshop.certificate)
    return (
        Contestant("floor", lambda port: [str(workshop.floor), MICROPHONE, str(port)]),
        Contestant("naive", lambda port: [*naive, f"ws://127.0.0.1:{port}{PATH}"]),
        dragoman(workshop, broker_port),
        Contestant("naive, wss", lambda port: [*naive, f"wss://127.0.0.1:{port}{PATH}", authority]),
        dragoman(workshop, broker_port, secure=True),
    )


def dragoman(
    workshop: Workshop, broker_port: int, *front: str, secure: bool = False, mode: str = "open"
) -> Contestant:
    """The daemon with MQTT and a sound card; ``front`` stands in the place of ``-m agent``."""

    def command(port: int) -> list[str]:
        ca_file = workshop.certificate if secure else None
        config = configuration(workshop.folder, port, broker_port, ca_file, mode)
        return [sys.executable, *(front or ("-m", "agent")), "run", "--config", str(config)]

    return Contestant("dragoman, wss" if secure else "dragoman", command)


def configuration(
    folder: Path, port: int, broker_port: int, ca_file: Path | None = None, mode: str = "open"
) -> Path:
    """A daemon that always listens in ``mode`` open, with the defaults wherever they can be."""
    scheme = "ws" if ca_file is None else "wss"
    data = {
        "device": {"id": "bench"},
        "service": {"token": "demo", "url": f"{scheme}://127.0.0.1:{port}"},
        "network": {"ca_file": None if ca_file is None else str(ca_file)},
        "audio": {"capture": {"device": MICROPHONE}, "playback": {"device": SPEAKER}},
        "talk": {"mode": mode},
        "mqtt": {"host": "127.0.0.1", "port": broker_port, "outbox": str(folder / "outbox.db")},
    }
    path = folder / "dragoman.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


@contextmanager
def running(contestant: Contestant, workshop: Workshop, port: int) -> Iterator[Started]:
    """Start ``contestant`` and end it afterwards; RuntimeError when it ended by itself."""
    log = workshop.folder / f"{contestant.name.replace(', ', '-')}.log"
    with log.open("wb") as stderr:
        begun = time.monotonic_ns()
        process = subprocess.Popen(
            contestant.command(port),
            cwd=workshop.folder,
            env=workshop.environment,
            stdin=subprocess.DEVNULL,
            stdout=stderr,
            stderr=stderr,
        )
    try:
        started = Started(contestant.name, process, begun, log)
        yield started
        started.check()
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_S)
