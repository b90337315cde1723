"""Synthesised speech on its way out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.emulator.speech import LEAD_MS, early_ms, slices

PCM = bytes(range(256)) * 400


@given(st.integers(0, 1_000), st.integers(0, len(PCM)))
def test_slices_lose_nothing(seed: int, length: int) -> None:
    assert b"".join(slices(PCM[:length], seed)) == PCM[:length]


def test_slices_vary_and_some_are_odd() -> None:
    sizes = [len(piece) for piece in slices(PCM, 1)]
    assert len(set(sizes)) > 10
    assert any(size % 2 for size in sizes)
    assert sizes == [len(piece) for piece in slices(PCM, 1)]


def test_speech_runs_a_little_ahead_of_real_time() -> None:
    second = 32_000
    assert early_ms(0, 0) == 0
    assert early_ms(second, 0) == 1_000 - LEAD_MS
    assert early_ms(second, 700) == 0
