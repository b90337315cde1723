"""A device on the guest's hardware, with an emulator and a broker around it."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.hardware.checks.machine import MICROPHONE, SPEAKER
from tests.system.broker import Broker, Observer
from tests.system.device import recording, silence, write_config, write_wav

BASE = "dragoman/kitchen-1"
SLOW_S = 60  # what takes so long never comes
_WORDS = ("Front_Center", "Front_Left", "Front_Right", "Rear_Left", "Rear_Right", "Side_Left")


class Bench:
    """Emulator, broker, an observer of all topics, and a folder for their files."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="bench-", dir="/out"))
        self.broker = Broker(self.folder / "broker")
        self.broker.start()
        self.observer = Observer(self.broker)
        self.cloud = Cloud(self.folder / "cloud")

    def close(self) -> None:
        """End all of it; what was published stays in a file."""
        self.cloud.stop()
        self.observer.close()
        self.broker.stop()
        lines = [f"{m.topic} {bytes(m.payload).decode()}\n" for m in self.observer.messages]
        (self.folder / "mqtt.log").write_text("".join(lines))

    def config(self, **sections: Any) -> Path:
        """A configuration of the device on this hardware."""
        mine: dict[str, Any] = {
            "audio": {"capture": {"device": MICROPHONE}, "playback": {"device": SPEAKER}},
            "mqtt": {"host": "127.0.0.1", "port": self.broker.port, "discovery": None},
        }
        for name, values in sections.items():
            mine[name] = mine.get(name, {}) | values
        return write_config(self.folder, self.cloud.url, **mine)

    @contextmanager
    def device(self, **sections: Any) -> Iterator[None]:
        """Run ``dragoman run`` with such a configuration until the end of the block."""
        before = len(self.states())
        command = [sys.executable, "-m", "agent", "run", "--config", str(self.config(**sections))]
        process = subprocess.Popen(command)
        try:
            self.wait(lambda: len(self.states()) > before, "the device to be up")
            yield
        finally:
            process.terminate()
            process.wait(SLOW_S)

    def states(self) -> list[tuple[float, str]]:
        """All states so far: (since, wall clock; name)."""
        return [(moment(s["since"]), s["state"]) for s in self.observer.objects(f"{BASE}/state")]

    def next_state(self, name: str, after: float) -> float:
        """Wait for the device to say ``name``; when it was so (s, wall clock)."""

        def found() -> list[float]:
            # Times are published to the millisecond, rounded down.
            return [at for at, state in self.states() if state == name and at >= after - 0.001]

        self.wait(found, f"state {name}")
        return found()[0]

    def event(self, name: str, after: float = 0.0) -> float:
        """Wait for an event on MQTT; when it was (s, wall clock)."""
        self.wait(lambda: self.events(name, after), f"event {name}")
        return self.events(name, after)[0]

    def events(self, name: str, after: float = 0.0) -> list[float]:
        """When the events of that name were, so far (s, wall clock)."""
        events = self.observer.objects(f"{BASE}/event")
        times = [moment(e["time"]) for e in events if e["event"] == name]
        return [at for at in times if at >= after - 0.001]

    def telemetry(self) -> dict[str, Any]:
        """Wait for the next telemetry; all of it."""
        before = len(self.observer.on(f"{BASE}/telemetry"))
        self.wait(lambda: len(self.observer.on(f"{BASE}/telemetry")) > before, "telemetry")
        newest: dict[str, Any] = self.observer.objects(f"{BASE}/telemetry")[-1]
        return newest

    def wait(self, condition: Any, what: str, seconds: float = SLOW_S) -> None:
        self.observer.wait(condition, what, seconds)

    def speech(self, words: int = len(_WORDS)) -> Path:
        """Recorded human speech as a WAV file, pauses short, with silence after it.

        The card gives what it is fed in steps of 4 ms and loses what is left of the last.
        """
        pcm = b"".join(recording(word).strip(b"\0") + silence(0.2) for word in _WORDS[:words])
        return write_wav(self.folder / "speech.wav", pcm + silence(0.5))


class Cloud:
    """``dragoman emulate`` as a process, keeping what it gets in files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = ""
        self.start()

    def start(self, script: Path | None = None) -> None:
        """Start it, at the same port as before; ``script`` says what it hears."""
        port = self.url.rpartition(":")[2] or "0"
        options = ["--port", port, "--record", str(self.folder)]
        options += ["--script", str(script)] if script else []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "agent", "emulate", *options], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().split()[2]

    def stop(self) -> None:
        """End it; every connection goes down with it."""
        self._process.terminate()
        self._process.communicate(timeout=SLOW_S)

    def heard(self) -> bytes:
        """What came in on the newest connection (s16le), also while it is open."""
        path = max(self.folder.glob("*.wav"), key=lambda path: path.name)
        return path.read_bytes()[44:]

    def arrivals(self) -> list[float]:
        """When each packet of the newest connection came (ms of its time)."""
        lines = [line for line in self._lines() if line.get("what") == "received"]
        return [line["at_ms"] for line in lines if line["text"] is None]

    def finals(self) -> list[str]:
        """The final texts given on the newest connection."""
        texts = [line["text"] for line in self._lines() if line.get("what") == "result"]
        details = [json.loads(text)["original_detail"] for text in texts]
        return [each["voice_text_str"] for each in details if each["slice_type"] == 2]

    def spoken(self) -> int:
        """Bytes of speech sent on the newest connection."""
        return sum(line["bytes"] for line in self._lines() if line.get("what") == "speech")

    def _lines(self) -> list[dict[str, Any]]:
        path = max(self.folder.glob("*.jsonl"), key=lambda path: path.name)
        return [json.loads(line) for line in path.read_text().splitlines()]


def moment(text: str) -> float:
    """RFC 3339 as seconds of the wall clock."""
    return datetime.fromisoformat(text).timestamp()
