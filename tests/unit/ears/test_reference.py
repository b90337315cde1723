"""The far end: what was played is found where the microphone hears it, whatever the clocks do."""

from __future__ import annotations

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.ears.reference import GAP_S, LEAD_S, MEMORY_S, SLACK_S, Reference, Samples, Timeline

RATE = 16000
PACKET, PORTION = 640, 320
PACKET_S, PORTION_S = 0.04, 0.02
MARKS = 32_000  # so many samples can be told apart


class Cards:
    """A microphone read each 40 ms and a speaker written each 20 ms, in virtual time.

    The speaker sounds 20 ms after it was given something.

    ``ppm`` is by how much the microphone's clock is fast.
    """

    def __init__(self, ppm: float = 0.0) -> None:
        self.reference = Reference(RATE)
        self.speed = 1 + ppm * 1e-6
        self.now = 0.0
        self.captured = 0
        self.said = 0
        self.until = 0.0

    def listen(self, packets: int = 1, late: float = 0.0) -> Samples:
        heard = []
        for _ in range(packets):
            self.captured += PACKET
            self.now = self.captured / RATE / self.speed
            self.reference.captured(PACKET, self.now + late)
            heard.append(self.reference.read(PACKET))
        return numpy.concatenate(heard)

    def say(self, portions: int = 1) -> None:
        """The next samples, each of its own number."""
        self.until = max(self.until, self.now + LEAD_S)
        for _ in range(portions):
            sound = (numpy.arange(self.said, self.said + PORTION) % MARKS + 1).astype(numpy.int16)
            self.said += PORTION
            self.until += PORTION_S
            self.reference.played(sound, self.until)

    def talk(self, packets: int) -> Samples:
        heard = []
        for _ in range(packets):
            while self.until < self.now + 0.1:
                self.say()
            heard.append(self.listen())
        return numpy.concatenate(heard)


def test_nothing_was_played() -> None:
    assert not Cards().listen(10).any()


def test_what_is_played_is_heard_once_and_in_order() -> None:
    cards = Cards()
    cards.listen(5)
    cards.say(4)
    heard = cards.listen(5)
    assert heard[:1280].tolist() == list(range(1, 1281))
    assert not heard[1280:].any()


def test_what_sounds_at_once_lacks_no_more_than_its_lead() -> None:
    cards = Cards()
    cards.listen()
    cards.until = cards.now
    for _ in range(4):
        cards.until += PORTION_S
        cards.reference.played(numpy.full(PORTION, 5, numpy.int16), cards.until)
    assert (cards.listen(3) == 5).sum() == 4 * PORTION - LEAD_S * RATE


def test_what_is_played_before_the_microphone_gives_sound_is_no_matter() -> None:
    cards = Cards()
    cards.say(2)
    assert not cards.listen(4).any()


def test_late_reads_shift_nothing() -> None:
    cards = Cards()
    for late in (0.0, 0.03, 0.01, 0.025, 0.0):
        cards.listen(late=late)
    cards.say(2)
    assert cards.listen()[:640].tolist() == list(range(1, 641))


def test_two_speeches_lie_as_far_apart_as_they_were_heard() -> None:
    cards = Cards()
    cards.listen(2)
    cards.say(2)
    first = cards.listen(10)
    cards.say(2)
    second = cards.listen(2)
    assert first[0] == 1
    assert second[0] == 641


def test_a_silenced_speaker_has_no_echo_of_the_rest() -> None:
    cards = Cards()
    cards.listen(2)
    cards.say(4)
    heard = cards.listen()
    cards.reference.silenced(cards.now + LEAD_S)
    assert heard.all()
    assert not cards.listen(5).any()
    cards.until = 0.0
    cards.say(2)
    assert cards.listen()[0] == 4 * PORTION + 1


@pytest.mark.parametrize("gap", [0.1, 1.0, MEMORY_S + 1, 60.0])
def test_lost_samples_of_the_microphone_are_made_up_by_the_clock(gap: float) -> None:
    cards = Cards()
    cards.listen(5)
    cards.say(2)
    cards.captured += round(gap * RATE)
    cards.reference.torn()
    assert not cards.listen(2).any(), "the sound of the gap is over"
    cards.until = 0.0
    cards.say(2)
    assert cards.listen()[0] == 2 * PORTION + 1


@pytest.mark.parametrize("ppm", [-100, 100])
def test_cards_that_drift_apart_are_brought_together_sample_by_sample(ppm: int) -> None:
    cards = Cards(ppm)
    heard = cards.talk(25 * 600)
    steps = numpy.diff(heard[numpy.flatnonzero(heard)[0] :].astype(int)) % MARKS
    assert set(numpy.unique(steps)) <= {0, 1, 2}, "never read before it was written"
    moved = 600 * RATE * 100e-6
    least = moved - SLACK_S * RATE - 10  # so much needs no moving
    assert least <= (steps != 1).sum() <= moved + 10


@pytest.mark.parametrize("ppm", [-100, 100])
def test_one_card_for_both_is_never_moved_for_a_speech_of_a_minute(ppm: int) -> None:
    """Both sides of a card have one clock, which is not the system's."""
    cards = Cards(ppm)
    heard = cards.talk(25 * 60)
    assert set(numpy.unique(numpy.diff(heard[heard != 0].astype(int)) % MARKS)) == {1}


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 8), st.booleans()), max_size=30))
def test_whatever_happens_no_sample_is_heard_twice(script: list[tuple[int, int, bool]]) -> None:
    cards = Cards()
    cards.listen()
    heard = []
    for listened, said, cut in script:
        heard.append(cards.listen(listened) if listened else numpy.zeros(0, numpy.int16))
        if cards.said + said * PORTION < MARKS:
            cards.say(said)
        if cut:
            cards.reference.silenced(cards.now + LEAD_S)
            cards.until = 0.0
    heard.append(cards.listen(25 * int(MEMORY_S)))
    sound = numpy.concatenate(heard)
    sound = sound[sound != 0]
    twice = len(sound) - len(set(sound.tolist()))
    assert twice <= cards.said / PORTION, "but one a portion, where clocks are brought together"


def test_the_earliest_read_tells_the_time() -> None:
    timeline = Timeline(RATE)
    for number, late in enumerate((0.02, 0.0, 0.03), 1):
        timeline.captured(PACKET, 100 + number * PACKET_S + late)
    assert timeline.at(100 + 3 * PACKET_S) == 3 * PACKET


def test_a_slow_microphone_is_followed_within_seconds() -> None:
    timeline, now = Timeline(RATE), 0.0
    for _ in range(25 * 60):
        now += PACKET_S * (1 + 100e-6)
        timeline.captured(PACKET, now)
    off = (timeline.at(now) or 0) - timeline.count
    assert abs(off) < RATE * 100e-6 * 6
    assert abs(off) < GAP_S * RATE
