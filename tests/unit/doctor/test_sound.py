"""Levels to verdicts, on sound made here."""

from __future__ import annotations

import math
from array import array
from random import Random

import pytest

from agent.audio.pcm import level_dbfs, scale
from agent.doctor import sound
from agent.doctor.sound import Heard

RATE = 16000


def noise(seconds: float, dbfs: float) -> bytes:
    """Noise of that RMS level, s16le mono at 16 kHz."""
    random, sigma = Random(1), 32768 * 10 ** (dbfs / 20)
    samples = (round(random.gauss(0, sigma)) for _ in range(round(seconds * RATE)))
    return array("h", [max(-32768, min(32767, sample)) for sample in samples]).tobytes()


@pytest.mark.parametrize(
    ("heard", "outcome", "word"),
    [
        (Heard(-96.0, -96.0, 0.0), "fail", "silent"),
        (Heard(-80.0, -90.0, 0.0), "fail", "silent"),
        (Heard(-51.0, -70.0, 0.0), "warn", "too quiet"),
        (Heard(-49.0, -70.0, 0.0), "pass", "good"),
        (Heard(-20.0, -60.0, 0.0009), "pass", "good"),
        (Heard(-2.0, -40.0, 0.001), "warn", "clipping"),
        (Heard(-60.0, -70.0, 0.5), "warn", "clipping"),
    ],
)
def test_a_verdict(heard: Heard, outcome: str, word: str) -> None:
    check = sound.microphone(heard)
    assert (check.name, check.outcome) == ("microphone", outcome)
    assert check.text.startswith(word)
    assert bool(check.mend) == (outcome != "pass")


@pytest.mark.parametrize("value", [0, 2320, -32768])
def test_a_dead_microphone_is_not_loud(value: int) -> None:
    pcm = array("h", [value, min(32767, value + 1)] * RATE).tobytes()
    check = sound.microphone(sound.measure(pcm, RATE))
    assert check.outcome == "fail"
    assert check.text.startswith(f"dead: every sample is {value}")


@pytest.mark.parametrize(
    ("gain_db", "mixer", "mend"),
    [
        (0.0, None, "alsamixer (F4); where there is none, set audio.capture.gain_db: auto"),
        (0.0, True, "turn its gain up: alsamixer (F4)"),
        (0.0, False, "set audio.capture.gain_db: auto (the card has no gain of its own)"),
        (3.0, False, "go nearer, or use a microphone with an amplifier"),
    ],
)
def test_the_mend_of_a_quiet_one(gain_db: float, mixer: bool | None, mend: str) -> None:
    check = sound.microphone(Heard(-60.0, -84.0, 0.0), gain_db, mixer)
    assert check.text == "too quiet: -60 dBFS at most"
    assert check.mend.endswith(mend)


@pytest.mark.parametrize("gain_db", ["auto", 20.0])
def test_one_that_is_turned_up_is_good(gain_db: float | str) -> None:
    check = sound.microphone(Heard(-60.0, -84.0, 0.0), gain_db, False)
    assert check.outcome == "pass"
    assert check.text == f"good: -60 dBFS, turned up ({gain_db}), background -84 dBFS"


def test_speech_between_pauses_is_measured_by_its_loud_and_quiet_parts() -> None:
    heard = sound.measure(noise(1.0, -60) + noise(1.0, -25), RATE)
    assert heard.loudest == pytest.approx(-25, abs=1)
    assert heard.quietest == pytest.approx(-60, abs=1)
    assert heard.clipped == 0


def test_one_click_is_neither_speech_nor_clipping() -> None:
    quiet = bytearray(noise(2.0, -60))
    quiet[1000:1004] = array("h", [32767, -32768]).tobytes()
    heard = sound.measure(bytes(quiet), RATE)
    assert heard.loudest < -55
    assert sound.microphone(heard).text.startswith("too quiet")


def test_what_is_cut_off_is_counted() -> None:
    assert sound.measure(noise(1.0, -3), RATE).clipped > 0.05


@pytest.mark.parametrize("pcm", [b"", b"\0", bytes(640)])
def test_less_than_a_packet_counts_as_silence(pcm: bytes) -> None:
    assert sound.microphone(sound.measure(pcm, RATE)).outcome == "fail"


@pytest.mark.parametrize("rate", [8000, 16000])
def test_a_tone_is_found_at_its_level(rate: int) -> None:
    tone = sound.tone(rate, 0.4)
    assert len(tone) == rate * 2 * 4 // 10
    [level] = {round(level, 1) for level in sound.tone_levels(tone, rate)}
    assert level == pytest.approx(level_dbfs(tone), abs=0.1)
    assert level == pytest.approx(20 * math.log10(8000 / 32768 / math.sqrt(2)), abs=0.1)


def test_the_tone_is_found_in_noise_and_noise_is_no_tone() -> None:
    room = noise(0.8, -45)
    faint = scale(sound.tone(RATE, 0.8), 50)  # -33 dBFS
    both = array("h", (a + b for a, b in zip(array("h", room), array("h", faint), strict=True)))
    before = sound.tone_levels(noise(0.4, -45), RATE)
    assert sound.speaker(before, sound.tone_levels(both.tobytes(), RATE)).outcome == "pass"
    louder = sound.tone_levels(noise(0.8, -40), RATE)
    assert sound.speaker(before, louder).outcome == "warn"


def test_nothing_heard_is_no_tone() -> None:
    assert sound.speaker([], []).outcome == "warn"
    silence = sound.tone_levels(bytes(RATE), RATE)
    assert sound.speaker(silence, silence).outcome == "warn"
