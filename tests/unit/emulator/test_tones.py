"""Tone words: what is played is heard, whatever happens to packets and levels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.emulator.engines.hops import Hops
from agent.emulator.engines.tones import (
    ToneDetector,
    decode_tones,
    silence,
    tone,
    tone_number,
    tone_words,
)

words = st.lists(st.integers(0, 99), max_size=6)
rates = st.sampled_from([8_000, 16_000])


@pytest.mark.parametrize("rate", [8_000, 16_000])
@pytest.mark.parametrize("amplitude", [0.1, 0.9])
def test_every_word_is_heard_at_the_shortest_length_and_gap(rate: int, amplitude: float) -> None:
    pcm = tone_words(range(100), rate, burst_ms=120, gap_ms=40, amplitude=amplitude)
    assert decode_tones(pcm, rate) == list(range(100))


@settings(max_examples=40, deadline=None)
@given(words, rates, st.floats(0.1, 0.9), st.integers(0, 700))
def test_words_are_heard_wherever_they_begin(
    numbers: list[int], rate: int, amplitude: float, shift: int
) -> None:
    pcm = bytes(2 * shift) + tone_words(numbers, rate, amplitude=amplitude)
    assert decode_tones(pcm, rate) == numbers


@settings(max_examples=40, deadline=None)
@given(words, rates, st.lists(st.integers(1, 999), min_size=1, max_size=20))
def test_packets_may_be_split_anywhere(numbers: list[int], rate: int, sizes: list[int]) -> None:
    pcm = tone_words(numbers, rate)
    hops, detector, heard, at, turn = Hops(rate), ToneDetector(), [], 0, 0
    while at < len(pcm):
        size = sizes[turn % len(sizes)]
        heard += [detector.look(hop) for hop in hops.feed(pcm[at : at + size])]
        at, turn = at + size, turn + 1
    assert [number for number in heard if number is not None] == numbers


@pytest.mark.parametrize("rate", [8_000, 16_000])
def test_a_lost_packet_loses_no_word_and_repeats_none(rate: int) -> None:
    packet = rate // 25 * 2
    pcm = tone_words([3, 70, 3, 99, 0], rate)
    for lost in range(len(pcm) // packet):
        holed = pcm[: lost * packet] + pcm[(lost + 1) * packet :]
        assert decode_tones(holed, rate) == [3, 70, 3, 99, 0]


def test_a_lost_word_is_missing_and_a_repeated_one_is_heard_twice() -> None:
    one, two = tone_words([1], 16_000), tone_words([2], 16_000)
    assert decode_tones(one + one + two, 16_000) == [1, 1, 2]
    assert decode_tones(one + silence(16_000, 300) + two, 16_000) == [1, 2]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 99), st.integers(0, 99), st.integers(80, 160), st.integers(80, 160))
def test_words_cut_and_joined_without_a_gap_are_told_apart(
    first: int, second: int, before_ms: int, after_ms: int
) -> None:
    joined = (
        tone(first, 16_000, 200)[: 32 * before_ms] + tone(second, 16_000, 200)[-32 * after_ms :]
    )
    expected = [first] if first == second else [first, second]
    assert decode_tones(joined + silence(16_000, 80), 16_000) == expected


def test_a_chord_is_no_word() -> None:
    low, high = (np.frombuffer(tone(n, 16_000, 500, 0.4), "<i2") for n in (8, 20))
    assert decode_tones((low + high).astype("<i2").tobytes(), 16_000) == []


def test_noise_clicks_and_other_tones_are_no_words() -> None:
    random = np.random.default_rng(1)
    noise = random.normal(0, 6_000, 32_000).clip(-32_768, 32_767).astype("<i2").tobytes()
    click = tone(5, 16_000, 40) + silence(16_000, 200)
    between = (9_000 * np.sin(2 * np.pi * 1_012.5 * np.arange(16_000) / 16_000)).astype("<i2")
    assert decode_tones(noise, 16_000) == []
    assert decode_tones(click, 16_000) == []
    assert decode_tones(between.tobytes(), 16_000) == []


def test_words_have_numbers() -> None:
    assert tone_number("w17") == 17
    assert tone_number("hello") == tone_number("hello")
    assert 0 <= tone_number("你好") < 100


def test_a_number_out_of_range_is_an_error() -> None:
    with pytest.raises(ValueError, match="0 to 99"):
        tone_words([100], 16_000)
