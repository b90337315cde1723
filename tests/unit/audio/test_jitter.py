"""The jitter buffer: prebuffer, patience, whole samples wherever messages are cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.audio.jitter import JitterBuffer


def make(prebuffer: int = 8, limit: int = 1000, patience: float = 0.12) -> JitterBuffer:
    return JitterBuffer(prebuffer, limit, patience)


def test_it_waits_for_the_prebuffer_and_then_gives_until_it_is_dry() -> None:
    buffer = make()
    buffer.put(b"aabb", 0.0)
    assert buffer.take(4, 0.0) == b""
    buffer.put(b"ccdd", 0.01)
    assert [buffer.take(4, 0.01) for _ in range(3)] == [b"aabb", b"ccdd", b""]
    buffer.put(b"ee", 0.02)
    assert buffer.take(4, 0.02) == b"", "after running dry it prebuffers again"


def test_a_short_word_is_given_when_it_has_waited() -> None:
    buffer = make()
    buffer.put(b"aa", 1.0)
    assert buffer.ready_at() == 1.12
    assert buffer.take(4, 1.11) == b""
    assert buffer.take(4, 1.12) == b"aa"
    assert buffer.ready_at() is None


def test_what_has_no_room_is_counted_and_what_is_kept_stays_whole() -> None:
    buffer = make(prebuffer=2, limit=5)
    assert buffer.put(b"aabbccd", 0.0) == 2
    assert buffer.overflow == 2
    assert buffer.put(b"dee", 0.0) == 4, "the carried half sample belongs to a dropped one"
    assert buffer.take(100, 0.0) == b"aabb"
    buffer.put(b"ff", 0.0)
    assert buffer.take(100, 0.0) == b"ff"


def test_barge_in_keeps_the_alignment_of_what_still_comes() -> None:
    buffer = make(prebuffer=2)
    buffer.put(b"aab", 0.0)
    assert buffer.clear() == 2
    buffer.put(b"bcc", 0.0)
    assert buffer.take(100, 0.0) == b"bbcc"


def test_a_new_stream_forgets_half_a_sample() -> None:
    buffer = make(prebuffer=2)
    buffer.put(b"a", 0.0)
    buffer.new_stream()
    buffer.put(b"bb", 0.0)
    assert buffer.take(100, 0.0) == b"bb"


@given(st.binary(max_size=400), st.lists(st.integers(1, 37), min_size=1), st.integers(2, 50))
def test_any_cutting_of_messages_gives_the_same_samples(
    pcm: bytes, cuts: list[int], portion: int
) -> None:
    buffer = make(prebuffer=6)
    out, at, turn = b"", 0, 0
    while at < len(pcm):
        size = cuts[turn % len(cuts)]
        buffer.put(pcm[at : at + size], 0.0)
        at, turn = at + size, turn + 1
        taken = buffer.take(portion, 0.0)
        assert len(taken) % 2 == 0
        out += taken
    while taken := buffer.take(portion, 9.0):
        out += taken
    assert out == pcm[: len(pcm) & ~1]
