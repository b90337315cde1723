"""What ``audio.echo`` builds, in which talk modes, and that it is built whole."""

from __future__ import annotations

import sys
from typing import Literal

import numpy
import pytest

from agent import assembly
from agent.audio.ring import GUARDED, VOICED
from agent.audio.scripted import ScriptedMicrophone, ScriptedSpeaker
from agent.clock import ManualClock
from agent.config.schema import Audio, Config, Network, Talk
from agent.ears.echo import EchoCancellation
from agent.ears.tap import TappedRing
from agent.errors import UsageError
from agent.events import Event, VoiceStarted
from agent.pipeline.player import Player
from agent.report.telemetry import Telemetry

RATE: Literal[16000] = 16000
Mode = Literal["hold", "toggle", "open", "vad", "wake"]


def config(mode: Mode, echo: Literal["guard", "cancel", "off"] = "cancel") -> Config:
    return Config(
        audio=Audio(rate=RATE, echo=echo), talk=Talk(mode=mode), network=Network(memory_s=5)
    )


def voice(packets: int) -> bytes:
    """Something webrtcvad takes for a voice: harmonics in syllables."""
    at = numpy.arange(packets * 640) / RATE
    sound = sum(numpy.sin(2 * numpy.pi * 140 * n * at) / n for n in range(1, 20))
    return (sound * abs(numpy.sin(at * 9)) * 4000).astype("<i2").tobytes()


class Assembled:
    """Capture and player as the daemon has them, on devices that are scripted."""

    def __init__(self, mode: Mode) -> None:
        self.clock, self.events = ManualClock(1.0), list[Event]()
        made = config(mode)
        echo = assembly.echo(made, self.events.append, self.clock)
        assert echo is not None
        self.echo: EchoCancellation = echo
        self.source = ScriptedMicrophone(rate=RATE, clock=self.clock, paced=True)
        self.sink = ScriptedSpeaker(rate=RATE, clock=self.clock)
        self.ring = assembly.ring(made, echo)
        telemetry = Telemetry(0.0)
        speaker = echo.speaker(self.sink)
        self.player: Player = assembly.player(
            speaker, RATE, made.audio.playback, telemetry, self.events.append, self.clock
        )
        self.capture = assembly.capture(
            made,
            echo.microphone(self.source),
            self.ring,
            self.player,
            self.events.append,
            self.clock,
            echo,
        )

    def hear(self, pcm: bytes) -> None:
        self.source.feed(pcm)
        self.source.end()
        self.capture.open()
        self.capture.run()

    def flags(self, flag: int) -> int:
        packets = (self.ring.read(seq) for seq in range(self.ring.head))
        return sum(bool(packet and packet.flags & flag) for packet in packets)


@pytest.mark.parametrize(
    ("mode", "built"),
    [("hold", False), ("toggle", False), ("open", True), ("vad", True), ("wake", True)],
)
def test_it_is_built_where_somebody_may_talk_over_the_speaker(mode: Mode, built: bool) -> None:
    made = assembly.echo(config(mode), lambda event: None, ManualClock())
    assert (made is not None) == built
    if made is not None:
        assert isinstance(assembly.ring(config(mode), made), TappedRing) == (mode == "wake")


@pytest.mark.parametrize("echo", ["guard", "off"])
def test_it_is_not_built_unless_it_is_asked_for(echo: Literal["guard", "off"]) -> None:
    assert assembly.echo(config("vad", echo), lambda event: None, ManualClock()) is None


def test_a_library_that_is_missing_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "agent.ears.echo")
    monkeypatch.delitem(sys.modules, "agent.ears.canceller")
    monkeypatch.setitem(sys.modules, "pywebrtc_audio", None)
    with pytest.raises(UsageError, match=r"^audio\.echo: cancel needs pywebrtc-audio: pip install"):
        assembly.echo(config("vad"), lambda event: None, ManualClock())


@pytest.mark.parametrize("mode", ["open", "vad"])
def test_a_voice_is_found_and_nothing_is_guarded(mode: Literal["open", "vad"]) -> None:
    device = Assembled(mode)
    device.player.speaking = True
    device.hear(bytes(1280 * 25) + voice(50) + bytes(1280 * 25))
    assert [type(event) for event in device.events].count(VoiceStarted) == 1
    assert device.flags(VOICED) > 20
    assert device.flags(GUARDED) == 0


def test_where_the_canceller_is_out_the_guard_stands_in(monkeypatch: pytest.MonkeyPatch) -> None:
    device = Assembled("vad")
    device.player.speaking = True

    def fails(near: object, far: object) -> None:
        raise ValueError("no")

    monkeypatch.setattr(device.echo._stage._canceller, "process", fails)
    device.hear(voice(50))
    assert device.echo.out
    assert device.flags(GUARDED) >= 49
    assert not any(isinstance(event, VoiceStarted) for event in device.events)


def test_a_chime_is_never_sent() -> None:
    device = Assembled("open")
    device.player.chime(voice(10))
    device.hear(bytes(1280 * 5))
    assert device.flags(GUARDED) == 5
