"""What Whisper is fed and what its tokens spell; how often it is asked while somebody speaks."""

from __future__ import annotations

import numpy as np
import pytest

from agent.emulator.engines import whisper
from agent.emulator.engines.sentences import RATE
from agent.emulator.engines.whisper import BANDS, FRAMES, WhisperDecoder, features, filters, text


def tone(hertz: float, seconds: float = 1.0, peak: float = 0.5) -> bytes:
    at = np.arange(round(seconds * RATE)) / RATE
    return bytes((np.sin(2 * np.pi * hertz * at) * peak * 32_767).astype("<i2").tobytes())


def test_sound_of_any_length_becomes_as_many_frames() -> None:
    for seconds in (0.0, 0.01, 1.0, 15.9, 40.0):
        made = features(tone(440, seconds))
        assert made.shape == (BANDS, FRAMES)
        assert made.dtype == np.float32
        assert made.flags.c_contiguous


def test_what_follows_the_sound_is_the_floor_eight_decades_down() -> None:
    made = features(tone(440))
    assert made[:, 110:].max() == pytest.approx(made.min())
    assert made.max() - made.min() == pytest.approx(2.0), "eight decades, a quarter each"


@pytest.mark.parametrize(("hertz", "band"), [(200, 4), (500, 12), (1000, 26), (4000, 62)])
def test_a_tone_is_in_its_band(hertz: float, band: int) -> None:
    loudest = features(tone(hertz))[:, 20:80].mean(axis=1).argmax()
    assert abs(int(loudest) - band) <= 1


def test_the_bands_are_triangles_of_equal_area() -> None:
    shapes = filters()
    assert shapes.shape == (BANDS, 201)
    assert (shapes >= 0).all()
    areas = shapes[40:].sum(axis=1) * RATE / 400  # the lower ones are narrower than two bins
    assert areas == pytest.approx(1.0, abs=0.08)


def test_ten_times_as_loud_is_two_decades_of_power() -> None:
    soft, loud = (features(tone(1000, 15.9, peak)).max() for peak in (0.05, 0.5))
    assert loud - soft == pytest.approx(2 / 4, abs=0.01)


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        ([], ""),
        (["ĠFront", "ĠCenter", "."], "Front Center."),
        (["<|startoftranscript|>", "ĠSide", "Ġleft", "<|endoftext|>"], "Side left."[:-1]),
        (["Ġcaf", "Ã©"], "café"),
        (["Ġä½", "łå¥½"], "你好"),
        (["Ã"], "\N{REPLACEMENT CHARACTER}"),
        (["ĠĠa", "ĉ", "b"], "a b"),
    ],
)
def test_tokens_spell_text(tokens: list[str], said: str) -> None:
    assert text(tokens) == said


class Reader:
    """A model that takes ``cost`` seconds and says how much it was given."""

    def __init__(self, cost: float, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cost, self.now = cost, 100.0
        self.asked: list[int] = []
        monkeypatch.setattr(whisper, "monotonic", lambda: self.now)

    def read(self, pcm: bytes) -> str:
        self.now += self.cost
        self.asked.append(len(pcm))
        return f"{len(pcm)} bytes"


def decoder(reader: Reader) -> WhisperDecoder:
    made = WhisperDecoder(reader)  # type: ignore[arg-type]
    made.begin()
    return made


def test_partial_results_take_a_quarter_of_the_time_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reader = Reader(0.5, monkeypatch)
    sentence = decoder(reader)
    said = set()
    for _ in range(100):
        sentence.decode(bytes(3200))
        reader.now += 0.1
        said.add(sentence.so_far())
    assert 4 <= len(reader.asked) <= 6
    assert len(reader.asked) * reader.cost <= (reader.now - 100.0) / 4
    assert said == {"", *(f"{size} bytes" for size in reader.asked)}


def test_the_end_is_read_whole_and_the_next_begins_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    sentence = decoder(Reader(0.0, monkeypatch))
    sentence.decode(bytes(100))
    sentence.decode(bytes(20))
    assert sentence.end() == "120 bytes"
    sentence.begin()
    assert sentence.so_far() == ""
    sentence.decode(bytes(4))
    assert sentence.end() == "4 bytes"


def test_what_is_not_installed_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whisper, "find_spec", lambda name: None)
    assert whisper.model_folder() is None
