"""The benchmark of playback: what is said to have been heard was heard."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from agent.audio.scripted import Written
from tests.bench import playback
from tests.bench.listener import BYTES_PER_S, MESSAGE_S, Message, judge, listen, traffic

SECOND = bytes(BYTES_PER_S)


def test_traffic_is_in_order_late_by_the_jitter_and_the_same_for_a_seed() -> None:
    calm, rough = traffic(0.0, 3, seed=1), traffic(0.2, 3, seed=1)
    assert traffic(0.2, 3, seed=1) == rough
    assert traffic(0.2, 3, seed=2) != rough
    assert [m.pcm for m in calm] == [m.pcm for m in rough], "the same speech at any jitter"
    first = [m.at for m in calm if m.sentence == 0]
    steps = [b - a for a, b in pairwise(first)]
    assert steps == pytest.approx([MESSAGE_S] * len(steps))
    late = [m.at - (0.5 + n * MESSAGE_S) for n, m in enumerate(rough) if m.sentence == 0]
    assert 0 <= min(late) <= max(late) <= 0.2 + 1e-9
    assert [m.at for m in rough] == sorted(m.at for m in rough)


def test_silence_inside_a_sentence_is_a_break_and_between_two_it_is_none() -> None:
    messages = [Message(0.0, SECOND, 0), Message(1.0, SECOND, 0), Message(5.0, SECOND, 1)]
    written = [Written(0.1, SECOND), Written(1.3, SECOND), Written(5.2, SECOND)]
    heard = judge(messages, written, underruns=1)
    assert heard.breaks_per_min == pytest.approx(20)  # 1 in 3 s of speech
    assert heard.silence_ms_per_min == pytest.approx(200 * 20)
    assert heard.first_ms == pytest.approx(150)
    assert heard.added_ms == pytest.approx(200)
    assert heard.intact


def test_what_the_speaker_still_held_counts_as_delay() -> None:
    messages = [Message(0.0, SECOND, 0), Message(0.5, SECOND, 0)]
    heard = judge(messages, [Written(0.0, SECOND), Written(0.5, SECOND)], underruns=0)
    assert heard.added_ms == pytest.approx(250)  # the second waited for the first to end
    assert heard.breaks_per_min == 0


def test_samples_in_another_order_are_not_intact() -> None:
    messages = [Message(0.0, b"ab" * 9, 0), Message(0.1, b"cd" * 9, 0)]
    written = [Written(0.0, b"cd" * 9), Written(0.1, b"ab" * 9)]
    assert not judge(messages, written, underruns=0).intact


def test_the_adaptive_buffer_breaks_less_and_costs_nothing_in_calm() -> None:
    calm, rough = traffic(0.05, 10, seed=3), traffic(0.2, 20, seed=3)
    assert listen(calm, 120, adaptive=True) == listen(calm, 120, adaptive=False)
    adaptive, fixed = listen(rough, 120, adaptive=True), listen(rough, 120, adaptive=False)
    assert adaptive.intact
    assert fixed.intact
    assert adaptive.breaks_per_min < fixed.breaks_per_min / 3
    assert adaptive.underruns_per_min == pytest.approx(adaptive.breaks_per_min)


def test_figures_are_json_and_make_rows_and_plots(tmp_path: Path) -> None:
    figures = json.loads(json.dumps(playback.measure(sentences=2, repeats=0)))
    table = playback.rows(figures)
    assert len(table) == 1 + 2 * len(playback.JITTERS_MS)
    assert {len(row) for row in table} == {len(table[0])}
    pytest.importorskip("matplotlib")
    assert [path.read_text()[:5] for path in playback.plot(figures, tmp_path)] == ["<?xml"] * 2
