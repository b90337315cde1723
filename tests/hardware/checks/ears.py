"""Talking over the device: a room between the two sides of the card, and somebody in it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

from agent.app import App
from agent.config import loader
from agent.events import Event, SpeakerStopped, Transcript, VoiceStarted
from tests.hardware.checks import Row, Skipped
from tests.hardware.checks.bench import SLOW_S, Bench
from tests.hardware.checks.doctor import examined
from tests.hardware.checks.machine import ECHO, FEED, MICROPHONE, SPEAKER
from tests.system.device import Running, recording, silence

TALK = ("Front_Left", "Rear_Right", "Side_Left", "Front_Right", "Rear_Left", "Side_Right")
TALK_S, KNOWN_S = 14.0, 6.0  # it talks for so long, and is talked over then
ATTEMPTS = 4  # where the guest stands still, sound has gaps
SILENT_S = 1.5

Say = Callable[[bytes], None]


def ears(bench: Bench) -> Iterator[Row]:
    """The loop is measured, the device talks alone, and then it is talked over."""
    if find_spec("pywebrtc_audio") is None:
        raise Skipped("pywebrtc-audio is not installed")
    config = _config(bench)
    with in_a_room(bench.folder) as say:
        command = [sys.executable, "-m", "agent", "doctor", "--json", "--config", str(config)]
        found = examined(command)[1]["echo"]
        yield Row("doctor: echo", "pass", found["text"], found["outcome"] == "pass")
        device = Talking(config)
        with device.up():
            yield from _talked_over(device, say)


def _config(bench: Bench) -> Path:
    devices = {"capture": {"device": MICROPHONE}, "playback": {"device": SPEAKER}}
    # Its answers are not spoken: only what it is made to say here.
    return bench.config(
        audio=devices | {"echo": "cancel"}, talk={"mode": "vad"}, service={"tts": False}
    )


def _talked_over(device: Talking, say: Say) -> Iterator[Row]:
    alone: list[int] = []
    took: list[float] = []
    while len(alone) < ATTEMPTS and not took:
        heard = device.talk()
        alone.append(heard)
        if not heard and device.app.player.speaking:
            took += device.interrupted(say)
        device.hush()
    seen = f"{min(alone)} in {KNOWN_S:g} s, at attempt {len(alone)}"
    yield Row("its own voice taken for somebody's", "0 times", seen, min(alone) == 0)
    seen = f"silent after {took[0]:.2f} s" if took else "not noticed"
    good = bool(took) and took[0] <= SILENT_S
    yield Row("talked over", f"silent ≤ {SILENT_S:g} s", seen, good)
    limit = time.monotonic() + SLOW_S
    while took and not device.finals and time.monotonic() < limit:
        time.sleep(0.1)
    seen = f"{device.finals} finals"
    yield Row("what was said over it, as text", "1 final or more", seen, device.finals > 0)


class Talking(Running):
    """The device in this process, which is made to talk."""

    def __init__(self, config: Path) -> None:
        super().__init__(App(loader.load(str(config))))
        self.events: list[Event] = []
        self.app.watch(self.events.append)

    @contextmanager
    def up(self) -> Iterator[None]:
        self.start()
        self.wait_for("idle", SLOW_S)
        try:
            yield
        finally:
            self.app.stop("the check is over")
            self.finish(SLOW_S)

    def count(self, kind: type[Event]) -> int:
        return sum(isinstance(event, kind) for event in list(self.events))

    @property
    def finals(self) -> int:
        return sum(isinstance(e, Transcript) and e.final for e in list(self.events))

    def talk(self) -> int:
        """Let it talk; how often it took its own voice for somebody's within some seconds."""
        before = self.count(VoiceStarted)
        words = b"".join(recording(word).strip(b"\0") + silence(0.1) for word in TALK)
        words = words[: len(words) & ~1]
        self.app.player.sentence()
        self.app.player.speech((words * 4)[: round(TALK_S * 32000)])
        time.sleep(KNOWN_S)
        return self.count(VoiceStarted) - before

    def interrupted(self, say: Say) -> list[float]:
        """Talk over it; seconds to its silence, nothing where it did not notice."""
        heard, stopped, begun = self.count(VoiceStarted), self.count(SpeakerStopped), time.time()
        say(recording("Front_Center") * 2)
        while time.time() < begun + TALK_S - KNOWN_S:
            if self.count(SpeakerStopped) > stopped:
                return [time.time() - begun] if self.count(VoiceStarted) > heard else []
            time.sleep(0.02)
        return []

    def hush(self) -> None:
        """Let it be silent, and forget what it said."""
        self.app.player.barge_in()
        self.wait_for("idle", SLOW_S)


@contextmanager
def in_a_room(folder: Path) -> Iterator[Say]:
    """Walls between the two sides of the card; what is given is said in there meanwhile."""
    fifo = folder / "mouth"
    os.mkfifo(fifo)
    form = "-q -t raw -f S16_LE -r 16000 -c 1 --period-size=320 --buffer-size=1280"
    walls = f"{sys.executable} -m tests.system.walls 0.25 {fifo}"
    # Where the guest stood still for long a side of the card gives up: then all begins anew.
    carry = f"while :; do arecord {form} -D {ECHO} | {walls} | aplay {form} -D {FEED}; done"
    room = subprocess.Popen(["bash", "-c", carry], start_new_session=True)

    def say(pcm: bytes) -> None:
        threading.Thread(target=fifo.write_bytes, args=(pcm,), daemon=True).start()

    try:
        yield say
    finally:
        with suppress(ProcessLookupError):
            os.killpg(room.pid, signal.SIGTERM)
        room.wait(SLOW_S)
