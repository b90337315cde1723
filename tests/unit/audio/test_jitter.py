"""The jitter buffer: holding back, patience, lateness, whole samples wherever messages are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.audio.depth import GROWTH_S, STEP_S, Depth
from agent.audio.jitter import JitterBuffer

RATE = 100  # two bytes are 10 ms
DEPTH = 0.04  # 8 bytes


def make(depth: float = DEPTH, limit: float = 5.0) -> JitterBuffer:
    return JitterBuffer(Depth(depth), RATE, limit)


def test_it_waits_for_its_depth_and_then_gives_all_that_comes() -> None:
    buffer = make()
    buffer.put(b"aabb", 0.0)
    assert buffer.take(4, 0.0) == b""
    buffer.put(b"ccdd", 0.01)
    assert buffer.take(4, 0.01) == b"aabb"
    assert buffer.first
    assert buffer.take(4, 0.01) == b"ccdd"
    assert not buffer.first
    assert buffer.take(4, 0.01) == b""


def test_an_empty_buffer_gives_at_once_while_the_speaker_has_sound() -> None:
    buffer = make()
    buffer.put(b"aabbccdd", 0.0)
    assert buffer.take(8, 0.0) == b"aabbccdd"  # played until 0.04
    buffer.put(b"ee", 0.04)
    assert buffer.take(4, 0.04) == b"ee"
    assert buffer.gap == 0.0
    assert buffer.depth.seconds == DEPTH


def test_a_speaker_that_ran_dry_is_an_underrun_and_deepens_the_buffer() -> None:
    buffer = make()
    buffer.put(b"aabbccdd", 0.0)
    buffer.take(8, 0.0, stock=0.1)  # played until 0.14
    assert buffer.take(4, 0.15) == b""
    buffer.put(b"eeee", 0.17)
    assert buffer.depth.seconds == pytest.approx(DEPTH + 0.03 + STEP_S)
    assert buffer.take(4, 0.17) == b"", "it holds back again …"
    buffer.put(b"ffff", 0.18)
    assert buffer.take(4, 0.18) == b"eeee", "… as much as is configured"
    assert buffer.gap == pytest.approx(0.04)
    assert buffer.take(4, 0.18) == b"ffff"
    assert buffer.gap == 0.0, "told once"
    buffer.rest()
    buffer.put(b"gggg" * 2, 1.0)
    assert buffer.take(4, 1.0) == b"", "the next sentence is held back longer"
    assert buffer.ready_at() == pytest.approx(1.0 + DEPTH + 0.03 + STEP_S)


def test_a_silence_before_another_sentence_is_no_underrun() -> None:
    buffer = make()
    buffer.put(b"aabbccdd", 0.0)
    buffer.take(8, 0.0)
    buffer.sentence()
    buffer.put(b"ee", 0.1)
    assert buffer.take(4, 0.1) == b"", "it holds back before it"
    assert buffer.take(4, 0.14) == b"ee"
    assert buffer.gap == 0.0
    assert buffer.depth.seconds == DEPTH


def test_what_comes_after_the_speech_was_over_is_not_late() -> None:
    buffer = make()
    buffer.put(b"aabbccdd", 0.0)
    buffer.take(8, 0.0)
    buffer.rest()
    buffer.put(b"ee", 5.0)
    assert buffer.take(4, 5.0) == b""
    assert buffer.depth.seconds == DEPTH


def test_a_speaker_that_takes_late_does_not_make_the_messages_late() -> None:
    buffer = make()
    buffer.put(b"aabbccddee", 0.0)
    buffer.take(8, 0.0)
    buffer.put(b"ff", 1.0)  # and "ee" still waits
    assert buffer.depth.seconds == DEPTH


def test_sentences_with_something_to_spare_make_it_shallow_again() -> None:
    buffer = make()
    buffer.depth.late(0.2)
    grown = buffer.depth.seconds
    for turn in range(40):
        at = 10.0 * turn
        buffer.put(b"a" * 60, at)
        buffer.take(60, at)  # played for 0.3 s
        buffer.put(b"bb", at + 0.1)
        buffer.take(2, at + 0.1, stock=0.2)
        buffer.rest()
    assert DEPTH < buffer.depth.seconds < grown - 0.05


def test_a_sentence_that_came_in_one_piece_says_nothing_of_lateness() -> None:
    buffer = make()
    buffer.depth.late(0.2)
    grown = buffer.depth.seconds
    for turn in range(100):
        buffer.put(b"a" * 60, 10.0 * turn)
        buffer.take(60, 10.0 * turn)
        buffer.rest()
    assert buffer.depth.seconds == grown


def test_without_a_depth_it_gives_at_once() -> None:
    buffer = make(depth=0.0)
    assert buffer.take(4, 0.0) == b""
    buffer.put(b"aa", 0.0)
    assert buffer.ready_at() == 0.0
    assert buffer.take(4, 0.0) == b"aa"


def test_a_short_word_is_given_when_it_has_waited() -> None:
    buffer = make()
    buffer.put(b"aa", 1.0)
    assert buffer.ready_at() == 1.04
    assert buffer.take(4, 1.03) == b""
    assert buffer.take(4, 1.04) == b"aa"
    assert buffer.ready_at() is None


def test_what_has_no_room_is_counted_and_what_is_kept_stays_whole() -> None:
    buffer = make(depth=0.01, limit=0.025)  # room for two samples
    assert buffer.put(b"aabbccd", 0.0) == 2
    assert buffer.overflow == 2
    assert buffer.put(b"dee", 0.0) == 4, "the carried half sample belongs to a dropped one"
    assert buffer.take(100, 0.0) == b"aabb"
    buffer.put(b"ff", 0.0)
    assert buffer.take(100, 0.0) == b"ff"


def test_barge_in_keeps_the_alignment_of_what_still_comes() -> None:
    buffer = make(depth=0.01)
    buffer.put(b"aab", 0.0)
    assert buffer.clear() == 2
    buffer.put(b"bcc", 0.0)
    assert buffer.take(100, 0.0) == b"bbcc"


def test_a_new_stream_forgets_half_a_sample() -> None:
    buffer = make(depth=0.01)
    buffer.put(b"a", 0.0)
    buffer.new_stream()
    buffer.put(b"bb", 0.0)
    assert buffer.take(100, 0.0) == b"bb"


@given(
    st.binary(max_size=400),
    st.lists(st.integers(1, 37), min_size=1),
    st.lists(st.floats(0, 0.5), min_size=1),
    st.integers(2, 50),
    st.floats(0, 0.1),
    st.booleans(),
)
def test_any_cutting_and_any_lateness_of_messages_gives_the_same_samples(
    pcm: bytes,
    cuts: list[int],
    pauses: list[float],
    portion: int,
    depth: float,
    resting: bool,
) -> None:
    buffer = make(depth)
    out, at, turn, now, dry_at = b"", 0, 0, 0.0, 9e9
    while at < len(pcm):
        size = cuts[turn % len(cuts)]
        now += pauses[turn % len(pauses)]
        before, stored = buffer.depth.seconds, len(buffer)
        buffer.put(pcm[at : at + size], now)
        at, turn = at + size, turn + 1
        if buffer.depth.seconds > before:
            assert stored == 0, "nothing was late while something waited"
            assert now > dry_at, "nor while the speaker had sound"
        assert depth <= buffer.depth.seconds <= depth + GROWTH_S
        taken = buffer.take(portion, now)
        assert len(taken) % 2 == 0
        out += taken
        dry_at = now + len(taken) / (2 * RATE) if taken else dry_at
        if resting and not len(buffer):
            before = buffer.depth.seconds
            buffer.rest()
            assert buffer.depth.seconds <= before
    while taken := buffer.take(portion, now + 9.0):
        out += taken
    assert out == pcm[: len(pcm) & ~1]
