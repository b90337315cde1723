"""The short sounds: ours, as the script makes them, and one's own."""

from __future__ import annotations

import runpy
import sys
import wave
from pathlib import Path

import pytest

from agent.audio.pcm import level_dbfs
from agent.audio.sounds import LONGEST_S, NAMES, load
from agent.errors import UsageError

SCRIPT = Path(__file__).parents[3] / "scripts/make-sounds"


def write(path: Path, pcm: bytes, rate: int = 16000) -> None:
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, rate, 0, "NONE", ""))
        out.writeframes(pcm)


@pytest.mark.parametrize("rate", [8000, 16000])
def test_ours_are_short_and_not_loud(rate: int) -> None:
    sounds = load("default", rate)
    assert tuple(sounds) == NAMES
    for name, pcm in sounds.items():
        assert 0.1 < len(pcm) / 2 / rate < 0.5, name
        assert -40 < level_dbfs(pcm) < -12, name
    assert len(set(sounds.values())) == len(NAMES)


def test_the_script_makes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), str(tmp_path)])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    made, ours = load(str(tmp_path), 16000), load("default", 16000)
    for name in NAMES:  # the last bit of a sine may depend on the C library
        pairs = zip(memoryview(made[name]).cast("h"), memoryview(ours[name]).cast("h"), strict=True)
        assert max(abs(a - b) for a, b in pairs) <= 1, name


def test_ones_own_in_any_rate_and_the_others_silent(tmp_path: Path) -> None:
    write(tmp_path / "wake.wav", b"\1\1" * 48000, 48000)
    sounds = load(str(tmp_path), 16000)
    assert list(sounds) == ["wake"]
    assert len(sounds["wake"]) == pytest.approx(32000, abs=4)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"ID3" + bytes(100)])
def test_a_broken_one_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "done.wav").write_bytes(content)
    with pytest.raises(UsageError, match=r"audio\.sounds: .*done\.wav") as caught:
        load(str(tmp_path), 16000)
    assert "\n" not in str(caught.value)


def test_a_long_one_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "error.wav", bytes(round(32000 * (LONGEST_S + 0.5))))
    with pytest.raises(UsageError, match=r"error\.wav lasts 3\.5 s; expected 3 s at most"):
        load(str(tmp_path), 16000)


def test_a_folder_without_any_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(UsageError, match=r"has none of wake\.wav, done\.wav, error\.wav"):
            load(str(folder), 16000)
