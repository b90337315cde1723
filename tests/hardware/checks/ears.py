"""Talking over the device and calling it by name, in a room between the two sides of the card."""

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
from typing import Any

from agent.app import App
from agent.config import loader
from agent.events import Event, SpeakerStopped, Transcript, VoiceStarted
from tests.hardware.checks import Row, Skipped
from tests.hardware.checks.bench import SLOW_S, Bench
from tests.hardware.checks.doctor import examined
from tests.hardware.checks.machine import ECHO, FEED, MICROPHONE, SPEAKER
from tests.system import voices
from tests.system.device import Running, silence

TALK = "the train to the city leaves at half past seven from platform four and " * 5
ASKED = "turn on the lights in the kitchen"
KNOWN_S = 6.0  # it talks alone for so long: the canceller gets to know the room
SILENT_S = 1.5
SETTLED_S = 2.0  # both sides of the card have begun

Say = Callable[[bytes], None]


def ears(bench: Bench) -> Iterator[Row]:
    """The loop is measured; then it is talked over, and then called by its name."""
    for package in ("pywebrtc_audio", "pymicro_wakeword"):
        if find_spec(package) is None:
            raise Skipped(f"{package} is not installed")
    with in_a_room(bench.folder) as say:
        config = _config(bench, talk={"mode": "vad"}, service={"tts": False})
        command = [sys.executable, "-m", "agent", "doctor", "--json", "--config", str(config)]
        found = examined(command)[1]["echo"]
        yield Row("doctor: echo", "pass", found["text"], found["outcome"] == "pass")
        with up(config) as device:
            yield from _talked_over(device, say)
        with up(_config(bench, talk={"mode": "wake", "wake": {"follow_up_s": 20}})) as device:
            yield from _called(device, say)


def _config(bench: Bench, **sections: Any) -> Path:
    devices = {"capture": {"device": MICROPHONE}, "playback": {"device": SPEAKER}}
    return bench.config(audio=devices | {"echo": "cancel"}, **sections)


def _talked_over(device: Talking, say: Say) -> Iterator[Row]:
    alone = device.talk()
    seen = f"{alone} in {KNOWN_S:g} s"
    yield Row("its own voice taken for somebody's", "0 times", seen, alone == 0)
    heard = device.count(VoiceStarted)
    took = device.silent_after(lambda: say(voices.say(ASKED)))
    good = took is not None and took <= SILENT_S and device.count(VoiceStarted) > heard
    yield Row("talked over", f"silent ≤ {SILENT_S:g} s", _after(took), good)
    yield _understood(device, "what was said over it, as text", 0)


def _called(device: Talking, say: Say) -> Iterator[Row]:
    device.talk()
    name = voices.say(voices.SPOKEN["okay_nabu"], "en-gb")
    took = device.silent_after(lambda: say(name + voices.say(ASKED)))
    good = took is not None and device.told.count("wake") == 1
    yield Row("called by its name while it talks", "silent, listens", _after(took), good)
    yield _understood(device, "what was said after the name, as text", 0)
    answered = within(lambda: device.state == "idle")
    finals, before = device.finals, device.told.count("follow_up")
    say(voices.say(ASKED))
    good = answered and within(lambda: device.told.count("follow_up") > before)
    seen = "it listens" if good else "not noticed"
    yield Row("a follow-up without the name", "it listens", seen, good)
    yield _understood(device, "the follow-up, as text", finals)


def _understood(device: Talking, name: str, before: int) -> Row:
    within(lambda: device.finals > before)
    seen = f"{device.finals - before} finals"
    return Row(name, "1 final or more", seen, device.finals > before)


def _after(seconds: float | None) -> str:
    return "not noticed" if seconds is None else f"silent after {seconds:.2f} s"


class Talking(Running):
    """The device in this process, which is made to talk."""

    def __init__(self, config: Path) -> None:
        super().__init__(App(loader.load(str(config))))
        self.events: list[Event] = []
        self.told: list[str] = []
        self.app.watch(self.events.append)
        self.app.controller.on_notice.append(lambda notice: self.told.append(notice.event))

    def count(self, kind: type[Event]) -> int:
        return sum(isinstance(event, kind) for event in list(self.events))

    @property
    def finals(self) -> int:
        return sum(isinstance(e, Transcript) and e.final for e in list(self.events))

    def talk(self) -> int:
        """Let it talk; how often it took its own voice for somebody's within some seconds."""
        before = self.count(VoiceStarted)
        self.app.player.sentence()
        self.app.player.speech(voices.say(TALK, "en-gb+f3"))
        time.sleep(KNOWN_S)
        return self.count(VoiceStarted) - before

    def silent_after(self, say: Callable[[], object]) -> float | None:
        """Talk over it; seconds until its silence, None where it goes on."""
        stopped, begun = self.count(SpeakerStopped), time.monotonic()
        if not self.app.player.speaking:
            return None
        say()
        while self.count(SpeakerStopped) == stopped:
            if time.monotonic() > begun + KNOWN_S:
                return None
            time.sleep(0.02)
        return time.monotonic() - begun


@contextmanager
def up(config: Path) -> Iterator[Talking]:
    """A device that runs until the end of the block."""
    device = Talking(config)
    device.start()
    device.wait_for("idle", SLOW_S)
    try:
        yield device
    finally:
        device.app.stop("the check is over")
        device.finish(SLOW_S)


def within(condition: Callable[[], bool]) -> bool:
    """Whether it comes true."""
    limit = time.monotonic() + SLOW_S
    while not condition():
        if time.monotonic() > limit:
            return False
        time.sleep(0.05)
    return True


@contextmanager
def in_a_room(folder: Path) -> Iterator[Say]:
    """Walls between the two sides of the card; what is given is said in there meanwhile."""
    fifo = folder / "mouth"
    os.mkfifo(fifo)
    form = "-q -t raw -f S16_LE -r 16000 -c 1 --period-size=320 --buffer-size=1280"
    walls = f"{sys.executable} -m tests.system.walls 0.25 {fifo}"
    # Where a side of the card gives up all begins anew.
    carry = f"while :; do arecord {form} -D {ECHO} | {walls} | aplay {form} -D {FEED}; done"
    room = subprocess.Popen(["bash", "-c", carry], start_new_session=True)

    def say(pcm: bytes) -> None:
        said = pcm + silence(0.1)
        threading.Thread(target=fifo.write_bytes, args=(said,), daemon=True).start()

    fifo.write_bytes(b"")  # returns when the room is there
    time.sleep(SETTLED_S)
    try:
        yield say
    finally:
        with suppress(ProcessLookupError):
            os.killpg(room.pid, signal.SIGTERM)
        room.wait(SLOW_S)
        fifo.unlink()
