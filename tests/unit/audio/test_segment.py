"""Clips of speech: nothing lost, nothing doubled, no word cut in two if that can be helped."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.audio.ring import GUARDED, SOUND, VOICED, Packet
from agent.audio.segment import PAUSE, Segment, Segmenter

SIZE = 4


def packet(seq: int, flags: int = VOICED) -> Packet:
    return Packet(seq, seq * 0.04, flags, (seq + 1).to_bytes(SIZE, "big"))


def packets(pattern: str, start: int = 0) -> list[Packet]:
    """``x`` is speech, ``.`` is silence, ``g`` is our own speaker."""
    flags = {"x": VOICED, ".": 0, "g": VOICED | GUARDED}
    return [packet(start + place, flags[letter]) for place, letter in enumerate(pattern)]


def cut(segmenter: Segmenter, given: list[Packet]) -> list[Segment]:
    """All clips of ``given``, the unfinished one last."""
    done = [segmenter.feed(each) for each in given] + [segmenter.finish()]
    return [segment for segment in done if segment is not None]


def held(segment: Segment) -> list[int]:
    """The packets in a clip, by the numbers in their sound."""
    pcm = segment.pcm
    return [int.from_bytes(pcm[i : i + SIZE], "big") - 1 for i in range(0, len(pcm), SIZE)]


patterns = st.text("x.", max_size=200)
limits = st.integers(2, 60)


@given(patterns, limits)
def test_with_a_button_every_packet_is_in_exactly_one_clip(pattern: str, limit: int) -> None:
    clips = cut(Segmenter(limit), packets(pattern))
    assert [seq for clip in clips for seq in held(clip)] == list(range(len(pattern)))
    assert all(held(clip)[0] == clip.start for clip in clips)
    assert all(0 < len(held(clip)) <= limit for clip in clips)
    assert all(clip.heard == ("x" in pattern[clip.start :][: len(held(clip))]) for clip in clips)


@given(patterns, limits, st.integers(1, 25))
def test_without_a_button_only_silence_before_speech_is_left_out(
    pattern: str, limit: int, pause: int
) -> None:
    clips = cut(Segmenter(limit, pause), packets(pattern))
    seqs = [seq for clip in clips for seq in held(clip)]
    assert seqs == sorted(set(seqs))
    assert {n for n, letter in enumerate(pattern) if letter == "x"} <= set(seqs)
    assert all(len(held(clip)) <= limit for clip in clips)


@given(st.lists(st.integers(0, 5), max_size=80), limits)
def test_a_gap_is_never_glued_over(gaps: list[int], limit: int) -> None:
    seq, given = 0, []
    for gap in gaps:
        seq += gap + 1
        given.append(packet(seq))
    clips = cut(Segmenter(limit), given)
    assert [n for clip in clips for n in held(clip)] == [each.seq for each in given]
    for clip in clips:
        assert held(clip) == list(range(clip.start, clip.start + len(held(clip))))


@given(patterns, limits)
def test_a_clip_cut_by_the_limit_keeps_at_least_half_of_it(pattern: str, limit: int) -> None:
    segmenter = Segmenter(limit)
    for each in packets(pattern):
        segment = segmenter.feed(each)
        assert segment is None or len(held(segment)) >= limit // 2


def test_the_cut_is_in_the_middle_of_the_longest_pause_of_the_later_half() -> None:
    [first, _] = cut(Segmenter(20), packets("x..." + "x" * 7 + "xx..x....x" + "x"))[:2]
    assert len(held(first)) == 18


def test_a_single_silent_packet_is_no_pause_to_cut_in() -> None:
    first = cut(Segmenter(10), packets("xxxxxxx.xxx"))[0]
    assert len(held(first)) == 10


def test_a_pause_ends_a_clip_and_the_next_begins_with_speech() -> None:
    pattern = "." * 5 + "x" * 4 + "." * PAUSE + "." * 30 + "x" * 3
    clips = cut(Segmenter(None, PAUSE), packets(pattern))
    assert [(clip.start, len(held(clip))) for clip in clips] == [(5, 4 + PAUSE), (59, 3)]


def test_a_pause_that_is_too_short_ends_nothing() -> None:
    pattern = "xx" + "." * (PAUSE - 1) + "xx"
    assert len(cut(Segmenter(None, PAUSE), packets(pattern))) == 1


def test_our_own_speaker_is_silence_in_a_clip() -> None:
    [clip] = cut(Segmenter(None), packets("xgx"))
    assert held(clip) == [0, -1, 2]
    [silent] = cut(Segmenter(None), packets("gg"))
    assert not silent.heard


def test_what_may_be_speech_is_heard_though_no_voice_was_found() -> None:
    segmenter = Segmenter(None)
    for seq in range(5):
        segmenter.feed(Packet(seq, 0.0, SOUND if seq == 3 else 0, b"\0\0"))
    rest = segmenter.finish()
    assert rest is not None
    assert rest.heard


def test_pending_is_what_is_in_no_clip_yet() -> None:
    segmenter = Segmenter(None)
    assert segmenter.finish() is None
    for each in packets("xxx"):
        segmenter.feed(each)
    assert segmenter.pending == 3
    segmenter.finish()
    assert segmenter.pending == 0
