"""The loop in words, and the loop itself measured with devices that are computed."""

from __future__ import annotations

import numpy
import pytest

from agent import assembly
from agent.audio.device import Microphone, Speaker
from agent.audio.scripted import ScriptedMicrophone, ScriptedSpeaker
from agent.clock import ManualClock
from agent.config.schema import Audio, Capture, Playback
from agent.doctor.echo import echo, verdict
from agent.ears.devices import samples
from agent.ears.loop import Loop, measure, signal

RATE = 16000
CARDS = Audio(capture=Capture(device="hw:1"), playback=Playback(device="hw:1"), echo="cancel")


@pytest.mark.parametrize(
    ("loop", "outcome", "word"),
    [
        (Loop(0.062, -30.0, -66.0), "pass", "62 ms late at -30 dBFS, 36 dB of it taken out"),
        (Loop(0.062, -30.0, -42.0), "warn", "12 dB of it taken out, -42 dBFS left"),
        (Loop(0.062, -30.0, -37.0), "fail", "7 dB"),
        (Loop(0.01, -8.0, -40.0), "warn", "10 ms late at -8 dBFS"),
        (Loop(None, -70.0, -72.0), "warn", "does not hear the speaker"),
    ],
)
def test_a_verdict(loop: Loop, outcome: str, word: str) -> None:
    check = verdict(loop)
    assert (check.name, check.outcome) == ("echo", outcome)
    assert word in check.text
    assert bool(check.mend) == (outcome != "pass")


@pytest.mark.parametrize("rate", [16000, 8000])
def test_a_loop_is_found_in_its_sound(rate: int) -> None:
    far = signal(rate)
    late = round(0.12 * rate)
    dice = numpy.random.default_rng(1)
    near = numpy.concatenate((numpy.zeros(late), far / 4))[: len(far)]
    near += dice.normal(size=len(far)) * 5
    found = measure(samples(near.astype("<i2").tobytes()), far, rate)
    assert found.delay_s == pytest.approx(0.12, abs=0.001)
    assert found.echo - found.left > 15


class Room:
    """A speaker whose sound is given to a microphone, ``late`` packets later and softer."""

    def __init__(self, clock: ManualClock, late: int) -> None:
        self.speaker = ScriptedSpeaker(rate=RATE, clock=clock)
        self.microphone = ScriptedMicrophone(rate=RATE, clock=clock, paced=True)
        self._late, self._read = late, self.microphone.read
        self._heard = 0
        self.microphone.read = self._hear  # type: ignore[method-assign]

    def _hear(self) -> bytes:
        if not self.microphone.pending:
            at = (self._heard - self._late) * 640
            whole = numpy.frombuffer(self.speaker.pcm, "<i2")
            part = numpy.zeros(640)
            if at >= 0:
                part[: len(whole[at : at + 640])] = whole[at : at + 640] / 3
            noise = numpy.random.default_rng(self._heard).normal(size=640) * 5
            self.microphone.feed((part + noise).astype("<i2").tobytes())
            self._heard += 1
        return self._read()


def test_the_device_is_measured_as_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ManualClock(10.0)
    room = Room(clock, late=8)  # five before it plays, so three late

    def microphone(*_: object) -> Microphone:
        return room.microphone

    def speaker(*_: object) -> Speaker:
        return room.speaker

    monkeypatch.setattr(assembly, "microphone", microphone)
    monkeypatch.setattr(assembly, "speaker", speaker)
    check = echo(CARDS, clock)
    assert check.outcome == "pass", check
    assert "120 ms late" in check.text
    assert not room.speaker.is_open
    assert not room.microphone.is_open


def test_there_is_no_loop_without_two_cards() -> None:
    quiet = Audio(capture=Capture(device="hw:1"), playback=Playback(device="null"))
    assert echo(quiet, ManualClock()).outcome == "skip"
