"""Talking over the device, with real parts: a speaker, a microphone and a room between them.

On a busy machine the room has gaps, and a gap moves an echo by its length, as no room does.  So
there are some attempts, and where there were gaps nothing is proven by failing.  What must never
happen is counted in virtual time (``tests/bench/hearing``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agent.app import App
from agent.config import loader
from agent.emulator import Emulator
from agent.emulator.stream import Rules
from agent.events import Event, SpeakerStopped, Transcript, VoiceStarted
from tests.system import voices
from tests.system.broker import wait_until
from tests.system.device import (
    Running,
    noise,
    read_wav,
    recording,
    silence,
    write_config,
    write_wav,
)
from tests.system.pulse import Pulse, pulse

__all__ = ["pulse"]

pytest.importorskip("pywebrtc_audio")
pytestmark = pytest.mark.skipif(not voices.installed(), reason="espeak-ng is not installed")

TALK = "the train to the city leaves at half past seven from platform four and " * 5
ATTEMPTS = 5
QUICK_S = 1.5  # with pacat's start, and what PulseAudio holds on the way


class Device(Running):
    """A device in the room; ``events`` is all that happened to it."""

    def __init__(self, app: App) -> None:
        super().__init__(app)
        self.events: list[Event] = []
        self.told: list[str] = []
        app.watch(self.events.append)
        app.controller.on_notice.append(lambda notice: self.told.append(notice.event))

    def count(self, kind: type[Event]) -> int:
        return sum(isinstance(event, kind) for event in list(self.events))

    @property
    def finals(self) -> int:
        return sum(isinstance(e, Transcript) and e.final for e in list(self.events))

    @property
    def strained(self) -> bool:
        """Whether the device itself was too late for its own sound."""
        told = {"overrun", "underrun", "echo_canceller_lost"}
        return not told.isdisjoint(self.told)

    def talk(self) -> int:
        """Let it begin to talk for some 20 s; how often it had stopped before."""
        stopped = self.count(SpeakerStopped)
        self.app.player.sentence()
        self.app.player.speech(voices.say(TALK, "en-gb+f3"))
        wait_until(lambda: self.app.player.speaking, "the device talks")
        time.sleep(3.0)  # of speech, in which the canceller gets to know the room
        return stopped


@contextmanager
def in_a_room(folder: Path, pulse: Pulse, cloud: str, **sections: Any) -> Iterator[Device]:
    """A device with ``audio.echo: cancel`` that is up."""
    audio = {"capture": {"device": "ear"}, "playback": {"device": "speaker"}, "echo": "cancel"}
    config = write_config(folder, cloud, audio=audio, **sections)
    with pulse.room():
        device = Device(App(loader.load(str(config))))
        device.start()
        try:
            device.wait_for("idle")
            yield device
        finally:
            device.app.stop("the test is over")
            device.finish()


def test_a_voice_over_the_speaker_silences_it_and_is_heard(tmp_path: Path, pulse: Pulse) -> None:
    sections = {"talk": {"mode": "vad"}, "service": {"tts": False}}
    with Emulator() as cloud, in_a_room(tmp_path, pulse, cloud.url, **sections) as device:
        reached = _attempts(pulse, device, lambda: _talked_over(device, pulse))
    assert "heard" in reached, reached


@pytest.mark.parametrize("mode", ["open", "vad"])
@pytest.mark.parametrize("rate", [16000, 8000])
def test_a_voice_is_barge_in_where_the_microphone_hears_no_speaker(
    tmp_path: Path, mode: str, rate: int
) -> None:
    """The whole device without a room, on files: no machine is too busy for it."""
    said = recording("Front_Center", rate)
    write_wav(tmp_path / "speech.wav", silence(8.0, rate) + said + silence(4.0, rate), rate)
    audio = {"echo": "cancel", "rate": rate}
    with Emulator(rules=Rules(rate=rate)) as cloud:
        sections = {"talk": {"mode": mode}, "service": {"tts": False}, "audio": audio}
        device = Device(App(loader.load(str(write_config(tmp_path, cloud.url, **sections)))))
        device.app.player.sentence()
        device.app.player.speech(noise(30.0, rate))
        assert device.start().finish() == 0
    assert device.count(VoiceStarted) == 1
    spoken = len(read_wav(tmp_path / "spoken.wav")) / 2 / rate
    assert 7.0 < spoken < 12.0, "silenced by the voice, and not before"
    assert device.finals


def test_the_name_is_heard_over_the_speaker_and_a_follow_up_without_it(tmp_path: Path) -> None:
    """The whole device without a room, on files: no machine is too busy for it."""
    pytest.importorskip("pymicro_wakeword")
    asked = voices.say("turn on the lights in the kitchen")
    called = silence(6) + voices.say(voices.SPOKEN["okay_nabu"]) + asked + silence(4)
    # The second sentence is said where the window is open, however slow this machine is.
    write_wav(tmp_path / "speech.wav", called + (silence(4) + asked) * 8 + silence(4))
    sections = {"talk": {"mode": "wake", "wake": {"follow_up_s": 10}}, "audio": {"echo": "cancel"}}
    with Emulator() as cloud:
        device = Device(App(loader.load(str(write_config(tmp_path, cloud.url, **sections)))))
        device.app.player.sentence()
        device.app.player.speech(noise(60.0))
        device.start()
        wait_until(lambda: "wake" in device.told, "its name")
        wait_until(lambda: device.count(SpeakerStopped), "silence")
        wait_until(lambda: "follow_up" in device.told and device.finals > 1, "a follow-up as text")
        device.app.stop("enough")
        device.finish()
    assert device.told.count("wake") == 1


def test_it_is_called_by_name_while_it_talks_and_heard_without_it(
    tmp_path: Path, pulse: Pulse
) -> None:
    pytest.importorskip("pymicro_wakeword")
    talk = {"mode": "wake", "wake": {"follow_up_s": 20}}
    with Emulator() as cloud, in_a_room(tmp_path, pulse, cloud.url, talk=talk) as device:
        reached = _attempts(pulse, device, lambda: _conversation(device, pulse))
    assert "heard" in reached, reached


def _attempts(pulse: Pulse, device: Device, attempt: Callable[[], str]) -> list[str]:
    """What became of attempts, until one was heard."""
    reached: list[str] = []
    while "heard" not in reached and len(reached) < ATTEMPTS:
        reached.append(attempt())
    if "heard" not in reached and (pulse.gaps or device.strained):
        pytest.skip(f"this machine is too busy for a room, its sound has gaps: {reached}")
    return reached


def _talked_over(device: Device, pulse: Pulse) -> str:
    """Talk over it; how far that went."""
    heard, stopped, finals = device.count(VoiceStarted), device.talk(), device.finals
    if device.count(VoiceStarted) > heard:
        device.app.player.barge_in()
        return "heard itself"
    begun = time.monotonic()
    pulse.say(recording("Front_Center"))
    took = within(lambda: device.count(SpeakerStopped) > stopped, 5)
    late = time.monotonic() - begun
    device.app.player.barge_in()
    if not took or late > QUICK_S:
        return f"silent after {late:.2f} s"
    return "heard" if within(lambda: device.finals > finals, 20) else "silent, no text"


def _conversation(device: Device, pulse: Pulse) -> str:
    """Call it while it talks, ask, and ask again without its name; how far that went."""
    asked = voices.say("turn on the lights in the kitchen")
    called, finals, stopped = device.told.count("wake"), device.finals, device.talk()
    pulse.say(voices.say(voices.SPOKEN["okay_nabu"], "en-gb") + asked)
    within(lambda: device.count(SpeakerStopped) > stopped, 20)
    if device.told.count("wake") == called:
        return "not called"
    if not within(lambda: device.finals > finals, 20):
        return "called, not understood"
    if not within(lambda: device.state == "idle", 20):
        return "understood, no end of its answer"
    followed, finals = device.told.count("follow_up"), device.finals
    pulse.say(asked)
    if not within(lambda: device.told.count("follow_up") > followed, 5):
        return "answered, no follow-up"
    return "heard" if within(lambda: device.finals > finals, 20) else "follow-up, no text"


def within(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether it comes true in time: another attempt is made where it does not."""
    limit = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > limit:
            return False
        time.sleep(0.02)
    return True
