"""Whether a card has a gain of its own."""

from __future__ import annotations

import sys
from typing import ClassVar

import pytest

from agent.audio.mixer import has_capture_volume
from tests.unit.audio.fake_alsa import ALSAAudioError, FakeCard, fake_module


class Mixer:
    caps: ClassVar[list[str]] = []

    def __init__(self, control: str, device: str) -> None:
        assert device in ("hw:Headset", "hw:1")

    def volumecap(self) -> list[str]:
        return self.caps


@pytest.mark.parametrize(
    ("caps", "has"),
    [(["Capture Volume"], True), (["Joined Capture Volume"], True), (["Playback Volume"], False)],
)
@pytest.mark.parametrize("device", ["plughw:CARD=Headset,DEV=0", "hw:1,0"])
def test_a_card(monkeypatch: pytest.MonkeyPatch, device: str, caps: list[str], has: bool) -> None:
    alsa = fake_module(FakeCard())
    alsa.__dict__.update(mixers=lambda device: ["Mic"], Mixer=Mixer)
    monkeypatch.setattr(Mixer, "caps", caps)
    monkeypatch.setitem(sys.modules, "alsaaudio", alsa)
    assert has_capture_volume(device) is has


def test_what_cannot_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(device: str) -> list[str]:
        raise ALSAAudioError("no such card [hw:9]")

    alsa = fake_module(FakeCard())
    alsa.__dict__.update(mixers=refuse)
    monkeypatch.setitem(sys.modules, "alsaaudio", alsa)
    assert has_capture_volume("default") is None
    assert has_capture_volume("hw:9,0") is None
