"""A quiet microphone is turned up: by a number, or slowly as its speech needs it."""

from __future__ import annotations

import random
import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.audio.gain import MOST_DB, PEAK, TARGET_DBFS, Gain
from agent.audio.pcm import audioop, level_dbfs

SECOND = 25


def noise(rms: float, seed: int = 1, dc: int = 0) -> bytes:
    """A packet."""
    dice = random.Random(seed)
    values = (max(-32768, min(32767, round(dice.gauss(dc, rms)))) for _ in range(640))
    return struct.pack("<640h", *values)


def rms_of(packet: bytes) -> float:
    return float(audioop.rms(packet, 2))


@pytest.mark.parametrize("db", [-6.0, 6.0, 20.0])
def test_a_number_is_that_many_decibels(db: float) -> None:
    packet = noise(100)
    turned = Gain(db).apply(packet, False, rms_of(packet))
    assert level_dbfs(turned) == pytest.approx(level_dbfs(packet) + db, abs=0.2)


@given(st.binary(min_size=1280, max_size=1280), st.floats(0, 40))
def test_turning_up_never_clips(packet: bytes, db: float) -> None:
    before = audioop.max(packet, 2)
    turned = Gain(db).apply(packet, True, rms_of(packet))
    assert audioop.max(turned, 2) <= max(PEAK, before) + 32768 * 0.5
    assert len(turned) == len(packet)


@pytest.mark.parametrize("level", [300, 60, 20])
def test_auto_brings_speech_to_the_target_slowly(level: int) -> None:
    gain, packet = Gain("auto"), noise(level)
    seen = [gain.db]
    for _ in range(40 * SECOND):
        turned = gain.apply(packet, True, level)
        seen.append(gain.db)
    assert all(abs(b - a) <= 2.01 / SECOND for a, b in pairwise(seen))
    wanted = min(MOST_DB, TARGET_DBFS - level_dbfs(packet))
    assert gain.db == pytest.approx(wanted, abs=2.5)
    assert level_dbfs(turned) == pytest.approx(level_dbfs(packet) + gain.db, abs=0.5)


def test_noise_is_never_turned_up() -> None:
    gain = Gain("auto")
    for _ in range(60 * SECOND):
        gain.apply(noise(5), False, 5)
    assert gain.db == 0
    for _ in range(20 * SECOND):
        gain.apply(noise(50), True, 50)
    up = gain.db
    for _ in range(600 * SECOND):
        gain.apply(b"\1\0" * 640, False, 5)
    assert gain.db == up > 20, "nor down: it does not pump in the pauses"


def test_somebody_loud_turns_it_down() -> None:
    gain = Gain("auto")
    for _ in range(20 * SECOND):
        gain.apply(noise(20), True, 20)
    assert gain.db > 20
    for _ in range(20 * SECOND):
        turned = gain.apply(noise(5000), True, 5000)
        assert audioop.max(turned, 2) <= 32767
    assert gain.db < 1


def test_dc_is_not_turned_up() -> None:
    gain = Gain(30.0)
    for seed in range(50):
        turned = gain.apply(noise(50, seed, dc=900), False, 50)
    assert abs(audioop.avg(turned, 2)) < 100
    assert level_dbfs(turned) == pytest.approx(level_dbfs(noise(50)) + 30, abs=1)
