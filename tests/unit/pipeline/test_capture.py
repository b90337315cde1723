"""The capture thread's work, in virtual time: nothing shifts, nothing stops."""

from __future__ import annotations

import pytest

from agent.audio.ring import FILLED, GUARDED, VOICED, Ring
from agent.audio.scripted import ScriptedMicrophone
from agent.audio.vad import Endpointer, Vad
from agent.errors import DeviceError
from agent.events import (
    Event,
    MicrophoneBack,
    MicrophoneEnded,
    MicrophoneLost,
    Notice,
    VoiceStarted,
    VoiceStopped,
)
from agent.pipeline.capture import Capture
from tests.unit.pipeline.timeline import Timeline

RATE, PACKET = 16000, 1280


def marked(n: int) -> bytes:
    """A quiet packet that can be told from others."""
    return n.to_bytes(2, "little") * (PACKET // 2)


class LoudIsVoice(Vad):
    """Voice activity by a mark in the packet: what webrtcvad hears is tested elsewhere."""

    def judge(self, packet: bytes) -> int:
        self.rms = 100.0
        return VOICED if packet[1] >= 0x40 else 0


VOICE = b"\x00\x40" * (PACKET // 2)


class Rig:
    def __init__(self, *, endpointer: Endpointer | None = None) -> None:
        self.clock = Timeline()
        self.microphone = ScriptedMicrophone(rate=RATE, clock=self.clock, paced=True)
        self.microphone.open()
        self.ring = Ring(PACKET, 500)
        self.events: list[Event] = []
        self.speaking = False
        self.capture = Capture(
            self.microphone,
            self.ring,
            LoudIsVoice(RATE),
            self.events.append,
            self.clock,
            echo=lambda: self.speaking,
            endpointer=endpointer,
        )

    def packets(self) -> list[bytes]:
        return [p.data for n in range(self.ring.head) if (p := self.ring.read(n))]

    def flags(self) -> list[int]:
        return [p.flags for n in range(self.ring.head) if (p := self.ring.read(n))]


def test_packets_come_in_order_and_the_last_is_filled_up() -> None:
    rig = Rig()
    sound = b"".join(marked(n) for n in range(1, 6)) + marked(6)[:100]
    rig.microphone.feed(sound)
    rig.microphone.end()
    rig.capture.run()
    assert b"".join(rig.packets()) == sound.ljust(6 * PACKET, b"\0")
    assert rig.events == [MicrophoneEnded(6)]
    assert not rig.microphone.is_open


def test_voice_and_echo_are_marked() -> None:
    rig = Rig()
    rig.microphone.feed(marked(1) + VOICE * 2)
    rig.microphone.end()
    rig.clock.at(0.1, lambda: setattr(rig, "speaking", True))
    rig.capture.run()
    assert rig.flags() == [0, VOICED, VOICED | GUARDED]


def test_an_overrun_is_counted_and_shifts_nothing() -> None:
    rig = Rig()
    rig.microphone.feed(marked(1))
    rig.microphone.overrun()
    rig.microphone.feed(marked(2))
    rig.microphone.end()
    rig.capture.run()
    assert rig.packets() == [marked(1), marked(2)]
    assert rig.events == [Notice("overrun", {"count": 1}), MicrophoneEnded(2)]


def test_overruns_without_end_are_told_in_measure() -> None:
    rig = Rig()
    for _ in range(500):
        rig.microphone.feed(marked(1))
        rig.microphone.overrun()
    rig.microphone.end()
    rig.capture.run()
    notices = [event for event in rig.events if isinstance(event, Notice)]
    assert notices[0] == Notice("overrun", {"count": 1})
    assert len(notices) <= 2 + 20 / 5
    assert sum(notice.detail["count"] for notice in notices) == rig.capture.overruns == 500


def test_a_microphone_that_comes_and_goes_is_away() -> None:
    rig = Rig()
    rig.microphone.feed(marked(1) * 4000)
    for n in range(200):
        rig.clock.at(1.0 + n * 0.3, rig.microphone.vanish)
        rig.clock.at(1.05 + n * 0.3, rig.microphone.come_back)
    rig.clock.at(120.0, rig.capture.stop)
    rig.capture.run()
    kinds = [type(event) for event in rig.events]
    assert kinds[0] is MicrophoneLost
    assert kinds[-1] is MicrophoneBack
    assert len(kinds) <= 8
    assert rig.microphone.opened < 400, "it is not opened again and again without a pause"
    assert abs(rig.ring.head - 3000) < 150, "the ring kept pace with the clock"


def test_silence_stands_in_for_an_unplugged_microphone_on_the_clock() -> None:
    rig = Rig()
    rig.microphone.feed(marked(1) * 250)
    rig.clock.at(1.0, rig.microphone.vanish)
    rig.clock.at(3.0, rig.microphone.come_back)
    rig.clock.at(5.0, rig.microphone.end)
    rig.clock.at(5.0, rig.capture.stop)
    rig.capture.run()
    kinds = [type(event) for event in rig.events]
    assert kinds == [MicrophoneLost, MicrophoneBack]
    filled = rig.flags().count(FILLED)
    assert 50 <= filled <= 75, "2 s away, found again within its backoff"
    assert abs(rig.ring.head - 125) <= 2, "the ring kept pace with the clock"


def test_a_busy_microphone_is_tried_again() -> None:
    rig = Rig()
    rig.microphone.feed(marked(1) * 400)
    rig.clock.at(1.0, rig.microphone.vanish)
    rig.clock.at(1.01, rig.microphone.come_back)
    rig.microphone.busy(2)
    rig.clock.at(10.0, rig.capture.stop)
    rig.capture.run()
    assert rig.microphone.opened == 2
    assert MicrophoneBack() in rig.events


def test_speech_opens_and_closes_in_vad_mode() -> None:
    rig = Rig(endpointer=Endpointer(open_ms=80, close_ms=400))
    rig.microphone.feed(marked(1) * 5 + VOICE * 5 + marked(1) * 15)
    rig.microphone.end()
    rig.capture.run()
    assert rig.events[:2] == [VoiceStarted(5), VoiceStopped(10)]


def test_a_microphone_that_is_away_at_the_start_is_waited_for() -> None:
    rig = Rig()
    rig.microphone.close()
    rig.microphone.vanish()
    rig.capture.open()
    [lost] = rig.events
    assert isinstance(lost, MicrophoneLost)
    rig.microphone.feed(marked(1) * 25)
    rig.clock.at(1.0, rig.microphone.come_back)
    rig.clock.at(4.0, rig.capture.stop)
    rig.capture.run()
    assert any(isinstance(event, MicrophoneBack) for event in rig.events)
    assert rig.flags()[0] == FILLED, "time goes on meanwhile"
    assert marked(1) in rig.packets()


def test_a_file_that_is_away_at_the_start_does_not_come_by_itself() -> None:
    rig = Rig()
    rig.microphone.close()
    rig.microphone.vanish()
    rig.microphone.realtime = False  # type: ignore[misc]
    with pytest.raises(DeviceError):
        rig.capture.open()
