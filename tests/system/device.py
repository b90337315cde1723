"""A whole device in this process, run by a thread of the test, against real parts."""

from __future__ import annotations

import threading
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy
import yaml

from agent.app import App
from agent.audio.convert import Converter
from agent.config import loader
from agent.errors import DragomanError
from agent.events import Event
from tests.patience import HANG_S
from tests.system.broker import wait_until

RATE = 16000
RECORDINGS = Path("/usr/share/sounds/alsa")


def recording(name: str, rate: int = RATE) -> bytes:
    """Recorded human speech (Debian's alsa-utils) as s16le mono."""
    with wave.open(str(RECORDINGS / f"{name}.wav")) as file:
        converter = Converter(file.getframerate(), file.getnchannels(), "s16", rate, "mix")
        return converter.feed(file.readframes(file.getnframes())) + converter.flush()


def silence(seconds: float, rate: int = RATE) -> bytes:
    return bytes(round(seconds * rate) * 2)


def noise(seconds: float, rate: int = RATE) -> bytes:
    """Loud noise: speech to any detector."""
    samples = numpy.random.default_rng(1).normal(0, 6000, round(seconds * rate))
    return bytes(samples.clip(-32768, 32767).astype("<i2").tobytes())


def write_wav(path: Path, pcm: bytes, rate: int = RATE) -> Path:
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, rate, 0, "NONE", ""))
        out.writeframes(pcm)
    return path


def read_wav(path: Path) -> bytes:
    with wave.open(str(path)) as file:
        pcm: bytes = file.readframes(file.getnframes())
    return pcm


def write_config(folder: Path, cloud: str, **sections: Any) -> Path:
    """A configuration for tests: files for sound, no broker unless one is given."""
    data: dict[str, Any] = {
        "device": {"id": "kitchen-1"},
        "service": {"token": "demo", "source": "en", "target": "es", "url": cloud},
        "audio": {
            "capture": {"device": f"file:{folder}/speech.wav"},
            "playback": {"device": f"file:{folder}/spoken.wav", "volume": 100},
            "echo": "off",
        },
        "talk": {"mode": "open"},
        "mqtt": {"host": None, "outbox": str(folder / "outbox.db")},
    }
    for name, values in sections.items():
        data[name] = _merged(data.get(name, {}), values)
    path = folder / "dragoman.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


def _merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    merged = dict(old)
    for key, value in new.items():
        is_mapping = isinstance(value, dict) and isinstance(old.get(key), dict)
        merged[key] = _merged(old[key], value) if is_mapping else value
    return merged


class Running:
    """An app in a thread; ``exit_code`` and ``error`` once it has ended."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.exit_code: int | None = None
        self.error = ""
        self._thread = threading.Thread(target=self._run, name="device")

    def _run(self) -> None:
        try:
            self.exit_code = self.app.run()
        except DragomanError as error:
            self.exit_code, self.error = error.exit_code, str(error)

    def start(self) -> Running:
        self._thread.start()
        return self

    def finish(self, seconds: float = HANG_S) -> int:
        """Wait for its end; the exit code."""
        self._thread.join(seconds)
        assert not self._thread.is_alive(), f"still {self.state} after {seconds} s"
        assert self.exit_code is not None
        return self.exit_code

    @property
    def state(self) -> str:
        return self.app.controller.machine.state

    def wait_for(self, state: str, seconds: float = HANG_S) -> None:
        wait_until(lambda: self.state == state, f"state {state}, it is {self.state}", seconds)


@contextmanager
def running(
    config: Path, watch: Callable[[Event], None] | None = None, **options: Any
) -> Iterator[Running]:
    """Run the device of ``config``; it is stopped at the end.  ``watch`` sees its first event."""
    app = App(loader.load(str(config)), **options)
    if watch is not None:
        app.watch(watch)
    device = Running(app).start()
    try:
        yield device
    finally:
        device.app.stop("the test is over")
        device.finish()
