"""Where utterances begin and end."""

from __future__ import annotations

import pytest

from agent.audio.vad import Vad
from agent.link.cutter import BLANK, LEAD, LONG, MOST, Cut, Cutter
from tests.system.device import noise

RATE, PACKET = 16000, 1280
ZERO = bytes(PACKET)
SPOKEN = noise(40)  # loud noise is speech to any detector
SPEECH = [SPOKEN[at : at + PACKET] for at in range(0, len(SPOKEN), PACKET)]


def hum(n: int) -> bytes:
    """A quiet microphone: not zero, and certainly no speech."""
    return bytes(2 * n) + b"\1\0" + bytes(PACKET - 2 - 2 * n)


HUM = [hum(0), hum(1)]


class Packets:
    def __init__(self, *, pauses: bool) -> None:
        self.cutter = Cutter(Vad(RATE), pauses=pauses)
        self.played = False
        self.feed(*[HUM[n % 2] for n in range(50)])  # it knows the room

    def feed(self, *packets: bytes) -> list[Cut]:
        return [self.cutter.feed(packet, lambda: self.played) for packet in packets]

    def begin(self) -> list[Cut]:
        return [cut for cut in self.feed(*SPEECH[:20]) if cut.data]


def ends(cuts: list[Cut]) -> list[int]:
    return [n for n, cut in enumerate(cuts) if cut.ends]


@pytest.mark.parametrize("pauses", [False, True])
def test_it_begins_with_speech_and_what_was_before_it(pauses: bool) -> None:
    first, *rest = Packets(pauses=pauses).begin()
    assert first.begins
    assert first.lead == LEAD
    assert len(first.data) == (LEAD + 1) * PACKET
    assert not any(cut.begins or cut.lead for cut in rest)


@pytest.mark.parametrize("pauses", [False, True])
def test_nothing_is_sent_while_nobody_speaks(pauses: bool) -> None:
    packets = Packets(pauses=pauses)
    assert not any(cut.data or cut.begins for cut in packets.feed(*HUM * 100, *[ZERO] * 100))


def test_made_silence_is_no_lead() -> None:
    packets = Packets(pauses=False)
    packets.feed(ZERO)
    assert packets.begin()[0].lead == 0


@pytest.mark.parametrize("pauses", [False, True])
def test_the_end_of_what_was_said_ends_it_at_once(pauses: bool) -> None:
    packets = Packets(pauses=pauses)
    packets.begin()
    packets.played = True
    assert ends(packets.feed(ZERO)) == [0]
    assert not packets.feed(ZERO)[0].data


def test_a_press_may_have_pauses() -> None:
    packets = Packets(pauses=False)
    packets.begin()
    assert not ends(packets.feed(*HUM * 50))
    assert packets.feed(SPEECH[0])[0].data


def test_without_a_button_a_pause_ends_it() -> None:
    packets = Packets(pauses=True)
    packets.begin()
    assert ends(packets.feed(*HUM * 12))


def test_silence_that_is_made_for_long_ends_it_in_any_mode() -> None:
    """The uplink waits for an end before it changes the language."""
    packets = Packets(pauses=False)
    packets.begin()
    assert ends(packets.feed(*[ZERO] * 50))[0] == BLANK - 1


def test_a_long_one_ends_at_a_short_pause() -> None:
    packets = Packets(pauses=False)
    assert not ends(packets.feed(*SPEECH[:LONG]))
    assert ends(packets.feed(*HUM * 10))


def test_no_utterance_is_longer_than_memory() -> None:
    packets = Packets(pauses=False)
    cuts = packets.feed(*(SPEECH * 2)[: MOST + 10])
    assert len(ends(cuts)) == 1
    assert cuts[ends(cuts)[0] + 1].begins  # what follows is the next


def test_whoever_ends_it_the_next_begins_anew() -> None:
    packets = Packets(pauses=False)
    packets.begin()
    packets.cutter.reset()
    assert packets.feed(SPEECH[0])[0].begins
