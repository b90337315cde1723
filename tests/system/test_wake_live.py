"""``dragoman run`` in a room: called by its name while it speaks, and followed up without it.

Two silent cards of PulseAudio are the speaker and the microphone, a process between them is the
room, in which a person talks; the cloud is the emulator, its answers are spoken by espeak-ng and
long enough to be interrupted.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice, pairwise
from pathlib import Path
from typing import Any

import pytest

from agent.audio.pcm import level_dbfs
from agent.emulator import Emulator
from agent.emulator.engines.scripted import ScriptedEngine
from tests.patience import HANG_S
from tests.system import voices
from tests.system.broker import Broker, Observer
from tests.system.device import silence, write_config
from tests.system.pulse import RATE, Pulse, pulse
from tests.system.test_device_alsa import best_match

__all__ = ["pulse"]

pytest.importorskip("pymicro_wakeword")
pytest.importorskip("pywebrtc_audio")
pytestmark = pytest.mark.skipif(not voices.installed(), reason="espeak-ng is not installed")

BASE = "dragoman/kitchen-1"
NAME = "okay nah boo"
TRIES = 8
STRAINED = ("overrun", "underrun")  # it was too late for its own sound
CALLERS = ("en-us", "en-gb", "en-gb-x-rp+m3", "en-us+m7")  # in turn, until one is heard
ASKED = ("turn on the lights in the kitchen", "what is the weather like tomorrow")
ANSWER = (
    "The train to the city leaves at half past seven from platform four. "
    "It will be cloudy in the morning, with some rain in the afternoon. "
    "The meeting was moved to Monday because nobody could come on Friday. "
    "He asked whether the museum is open on public holidays. "
)


class Talker(ScriptedEngine):
    """Answers whatever is said at length, in a voice."""

    def __init__(self) -> None:
        super().__init__()
        self.answer = voices.say(ANSWER, "en-gb-scotland+f2")

    def speak(self, text: str, language: str) -> bytes:
        return self.answer


class Watched:
    """What the device publishes."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer

    @property
    def state(self) -> dict[str, Any]:
        states: list[dict[str, Any]] = self._observer.objects(f"{BASE}/state")
        return states[-1] if states else {"state": "", "follow_up": None}

    def count(self, event: str) -> int:
        return sum(e["event"] == event for e in self._observer.objects(f"{BASE}/event"))

    @property
    def finals(self) -> int:
        return len(self._observer.on(f"{BASE}/transcript"))

    def wait(self, state: str, seconds: float = HANG_S) -> None:
        self._observer.wait(lambda: self.state["state"] == state, f"state {state}", seconds)

    def wait_final(self, number: int) -> None:
        self._observer.wait(lambda: self.finals >= number, f"final {number}")

    def wait_follow_up(self) -> None:
        self._observer.wait(lambda: self.state["follow_up"], "the follow-up window")


@contextmanager
def device(config: Path, pulse: Pulse, log: Path) -> Iterator[None]:
    """``dragoman run``, as the issue has it."""
    command = [sys.executable, "-m", "agent", "run", "--config", str(config)]
    command += ["--set", "talk.mode=wake", "--set", "audio.echo=cancel"]
    with log.open("w") as out:
        process = subprocess.Popen(
            command, env={**os.environ, **pulse.environment}, stdout=out, stderr=out
        )
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(HANG_S) == 0, log.read_text()


@dataclass(frozen=True)
class Call:
    """A call that was heard: by which voice, and how much the speaker had said before (bytes)."""

    voice: str
    begun: int


class Person:
    """Somebody in the room."""

    def __init__(self, pulse: Pulse, watched: Watched, heard: Callable[[], bytes]) -> None:
        self._pulse, self._watched, self._heard = pulse, watched, heard

    def call(self, asked: str) -> Call:
        """Say the name and the sentence until it is heard: no detector hears every voice."""
        strain = self._strain
        for voice in islice(cycle(CALLERS), TRIES):
            begun, before = len(self._heard()) & ~1, self._watched.count("wake")
            self.say(asked, voice, NAME)
            if self._watched.count("wake") > before:
                return Call(voice, begun)
        raise self._unheard("nobody was heard", strain)

    def interrupt(self, asked: str) -> Call:
        """Call it while it speaks; where it has fallen silent unheard, have it speak again."""
        strain = self._strain
        for _ in range(TRIES):
            self._watched.wait("speaking")
            self._pulse.say(silence(3.0))  # the canceller learns the room while it speaks
            for voice in CALLERS:
                begun, before = len(self._heard()) & ~1, self._watched.count("wake")
                if self._watched.state["state"] != "speaking":
                    break
                self.say(asked, voice, NAME)
                if self._watched.count("wake") > before:
                    return Call(voice, begun)
            self.ask_again()
        raise self._unheard("nobody was heard over the speaker", strain)

    @property
    def _strain(self) -> int:
        """How often this machine was too late for sound."""
        return self._pulse.gaps + sum(map(self._watched.count, STRAINED))

    def _unheard(self, why: str, strain: int) -> AssertionError:
        """What sound with gaps says of a machine, it does not say of the device."""
        if self._strain > strain:
            pytest.skip(f"this machine is too busy for a room, its sound has gaps: {why}")
        return AssertionError(why)

    def ask_again(self) -> None:
        """Have one more answer, by a question that needs no name or with it."""
        finals = self._watched.finals
        for voice in islice(cycle(CALLERS), TRIES):
            self.say(ASKED[0], voice, "" if self._watched.state["follow_up"] else NAME)
            if self._watched.finals > finals or self._watched.state["state"] == "speaking":
                return

    def say(self, asked: str, voice: str, name: str = "") -> None:
        """Say a sentence, and wait until nobody can think that more is to come."""
        called = voices.say(name, voice) if name else b""
        self._pulse.say(called + voices.say(asked, voice) + silence(1.5))


def pause(pcm: bytes) -> tuple[float, float]:
    """Seconds of sound before the longest silence in ``pcm``, and how long that is."""
    size = RATE // 50 * 2
    loud = [level_dbfs(pcm[at : at + size]) > -50 for at in range(0, len(pcm) - size, size)]
    longest, begin, run = 0, 0, 0
    for at, sounds in enumerate(loud):
        run = 0 if sounds else run + 1
        if run > longest:
            longest, begin = run, at + 1 - run
    return sum(loud[:begin]) / 50, longest / 50


def test_called_while_it_speaks_and_followed_up(
    tmp_path: Path, pulse: Pulse, broker: Broker, observer: Observer
) -> None:
    audio = {"capture": {"device": "ear"}, "playback": {"device": "speaker", "volume": 100}}
    mqtt = {"host": "127.0.0.1", "port": broker.port, "discovery": None}
    talk = {"mode": "hold", "wake": {"follow_up_s": 30}}
    watched, log, answers = Watched(observer), tmp_path / "log", Talker()
    with Emulator(engine=answers) as cloud:
        config = write_config(tmp_path, cloud.url, audio=audio, mqtt=mqtt, talk=talk)
        with pulse.room(), pulse.recording() as heard, device(config, pulse, log):
            person = Person(pulse, watched, heard)
            watched.wait("idle")
            person.call(ASKED[0])
            watched.wait_final(1)

            finals, call = watched.finals, person.interrupt(ASKED[1])
            watched.wait_final(finals + 1)
            watched.wait("speaking")
            spoken = heard()[call.begun :]

            watched.wait_follow_up()
            named, finals = watched.count("wake"), watched.finals
            for voice in islice(cycle(CALLERS), TRIES):
                person.say(ASKED[0], voice)
                if watched.finals > finals:
                    break
            watched.wait_final(finals + 1)
            assert watched.count("follow_up"), "it was heard without its name"
            assert watched.count("wake") == named
        states = [state["state"] for state in observer.objects(f"{BASE}/state")]
        sent = b"".join(connection.audio for connection in cloud.connections)
    assert ("speaking", "listening") in pairwise(states), states
    before_s, silent_s = pause(spoken)
    assert before_s < len(answers.answer) / 2 / RATE - 1, "it did not speak to the end"
    assert silent_s > 1, "but was silent while it listened"
    # The first words come while it still speaks, where a canceller takes something of a voice.
    asked = voices.say(ASKED[1], call.voice)
    pieces = [asked[at : at + RATE] for at in range(RATE, len(asked) - RATE, RATE // 2 * 2)]
    assert max(best_match(sent, piece) for piece in pieces) > 0.5, "what followed the name"
