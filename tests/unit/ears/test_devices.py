"""The wrapped devices: a microphone that gives packets and a speaker that tells what it plays."""

from __future__ import annotations

import numpy
import pytest

from agent.audio.pcm import packet_bytes
from agent.audio.ring import Ring, ring_bytes
from agent.audio.scripted import ScriptedMicrophone, ScriptedSpeaker
from agent.clock import ManualClock
from agent.ears.devices import CancelledMicrophone, ReferencedSpeaker
from agent.ears.reference import LEAD_S, Reference, Samples
from agent.ears.tap import TappedRing
from agent.errors import DeviceError, EndOfAudio, Overrun

RATE = 16000
PACKET = packet_bytes(RATE)


class Subtracting:
    """A canceller for a loop without a room: what is left is the difference."""

    def __init__(self) -> None:
        self.fars: list[Samples] = []

    def hear(self, near: Samples, far: Samples) -> Samples:
        self.fars.append(far)
        return near - far


class Loop:
    def __init__(self) -> None:
        self.clock = ManualClock(5.0)
        self.reference = Reference(RATE)
        self.source = ScriptedMicrophone(rate=RATE, clock=self.clock, paced=True)
        self.sink = ScriptedSpeaker(rate=RATE, clock=self.clock)
        self.hearing = Subtracting()
        self.microphone = CancelledMicrophone(
            self.source, self.reference, self.hearing, RATE, self.clock
        )
        self.speaker = ReferencedSpeaker(self.sink, self.reference, RATE, self.clock)
        self.microphone.open()
        self.speaker.open()

    def say(self, pcm: bytes) -> None:
        self.clock.advance(LEAD_S)
        self.speaker.write(pcm)

    def packets(self, count: int) -> list[bytes]:
        found: list[bytes] = []
        while len(found) < count:
            data = self.microphone.read()
            found += [data] if data else []
        return found


def sound(value: int, packets: int) -> bytes:
    return numpy.full(packets * PACKET // 2, value, "<i2").tobytes()


def test_it_gives_whole_packets_and_loses_nothing() -> None:
    loop = Loop()
    said = numpy.arange(3 * PACKET // 2 + 100, dtype="<i2").tobytes()
    loop.source.feed(said)
    loop.source.end()
    heard = b"".join(loop.packets(4))
    assert heard == said.ljust(4 * PACKET, b"\0")
    with pytest.raises(EndOfAudio):
        loop.microphone.read()


def test_what_the_speaker_plays_is_given_to_the_canceller_when_it_is_heard() -> None:
    loop = Loop()
    loop.source.feed(sound(7, 10))
    loop.packets(2)
    loop.say(sound(7, 1))
    left = numpy.frombuffer(b"".join(loop.packets(4)), "<i2")
    assert (left == 0).sum() == PACKET // 2
    assert [bool(far.any()) for far in loop.hearing.fars].count(True) in (1, 2)


def test_a_dropped_speech_is_not_expected_any_more() -> None:
    loop = Loop()
    loop.source.feed(sound(7, 20))
    loop.packets(2)
    loop.say(sound(7, 1))
    loop.speaker.drop()
    assert loop.sink.drops
    assert set(loop.packets(3)) == {sound(7, 1)}


def test_an_overrun_is_told_and_the_far_end_stays_in_step() -> None:
    loop = Loop()
    loop.source.feed(sound(7, 3))
    loop.source.overrun()
    loop.source.feed(sound(7, 10))
    loop.packets(3)
    loop.clock.advance(1.0)  # of sound that was lost
    with pytest.raises(Overrun):
        loop.microphone.read()
    loop.packets(1)
    loop.say(sound(7, 1))
    assert b"\0" * PACKET in b"".join(loop.packets(4))


def test_a_lost_device_is_opened_anew() -> None:
    loop = Loop()
    loop.source.feed(sound(7, 1)[:100])
    loop.microphone.read()
    loop.source.vanish()
    with pytest.raises(DeviceError):
        loop.microphone.read()
    loop.source.come_back()
    loop.microphone.open()
    loop.source.feed(sound(9, 1))
    assert loop.packets(1) == [sound(9, 1)]


@pytest.mark.parametrize("before", [0, 5], ids=["opened", "opened anew"])
def test_a_microphone_that_takes_time_to_begin_brings_no_echo_before_its_sound(before: int) -> None:
    """A sound server wakes up in a second or two; the first samples are from after that."""
    loop = Loop()
    if before:
        loop.source.feed(sound(7, before))
        loop.packets(before)
        loop.microphone.open()
    for _ in range(15):
        loop.clock.advance(0.1)
        assert loop.microphone.read() == b""
    loop.source.feed(sound(7, 10))
    loop.packets(2)
    loop.say(sound(7, 1))
    left = numpy.frombuffer(b"".join(loop.packets(4)), "<i2")
    assert (left == 0).sum() == PACKET // 2


def test_the_seams_are_passed_through() -> None:
    loop = Loop()
    assert loop.microphone.realtime
    assert "scripted" in loop.microphone.description
    assert "scripted" in loop.speaker.description
    loop.speaker.write(sound(1, 1))
    assert loop.speaker.delay == loop.sink.delay > 0
    loop.speaker.drain()
    loop.speaker.close()
    loop.microphone.close()
    assert loop.sink.drains
    assert not loop.sink.is_open
    assert not loop.source.is_open
    loop.speaker.open()
    assert loop.sink.opened == 2
    loop.sink.vanish()
    with pytest.raises(DeviceError):
        loop.speaker.check()


def test_the_tap_has_the_same_numbers_and_is_written_first() -> None:
    linear: list[bytes | None] = [b"ab", None, b"ef"]
    ring = TappedRing(2, 10, lambda: linear.pop(0))
    seen: list[tuple[int, int]] = []
    ring.on_write(lambda: seen.append((ring.head, ring.tap.head)))
    for number, packet in enumerate((b"AB", b"CD", b"EF")):
        assert ring.write(packet, float(number), number) == number
    found = [ring.tap.read(seq) for seq in range(3)]
    assert [p.data for p in found if p] == [b"ab", b"CD", b"ef"]
    assert [(p.at, p.flags) for p in found if p] == [(0.0, 0), (1.0, 1), (2.0, 2)]
    assert seen == [(1, 1), (2, 2), (3, 3)]
    assert isinstance(ring, Ring)


def test_a_tapped_ring_goes_on_with_what_a_crash_left() -> None:
    memory = memoryview(bytearray(ring_bytes(2, 10)))
    before = TappedRing(2, 10, lambda: b"ll", memory)
    for number in range(3):
        before.write(b"ab", number)
    after = TappedRing(2, 10, lambda: b"ll", memory)
    assert after.head == after.tap.head == 3
    assert after.write(b"cd", 3.0) == 3
    read = after.read(2), after.read(3), after.tap.read(3)
    assert [packet.data for packet in read if packet] == [b"ab", b"cd", b"ll"]
