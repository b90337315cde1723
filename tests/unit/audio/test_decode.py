"""Sound files to samples: common formats at once, others by ffmpeg, words for the rest."""

from __future__ import annotations

import io
import math
import shutil
import subprocess
import wave
from array import array
from itertools import pairwise
from pathlib import Path

import pytest

from agent.audio.decode import decode, decode_file
from agent.audio.pcm import level_dbfs
from agent.errors import UsageError
from tests.patience import HANG_S

RATE = 16000
FFMPEG = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


def tone(rate: int, seconds: float = 1.0) -> bytes:
    """440 Hz at half of full scale."""
    step = 2 * math.pi * 440 / rate
    return array(
        "h", [round(16000 * math.sin(n * step)) for n in range(int(rate * seconds))]
    ).tobytes()


def wav(rate: int = RATE, channels: int = 1, seconds: float = 1.0) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((channels, 2, rate, 0, "NONE", ""))
        samples = array("h", tone(rate, seconds))
        file.writeframes(array("h", [s for s in samples for _ in range(channels)]).tobytes())
    return out.getvalue()


def frequency(pcm: bytes) -> int:
    """How often the wave rises through zero in a second, seen in the middle of it."""
    samples = array("h", pcm)[RATE // 4 : RATE * 3 // 4]
    return 2 * sum(a < 0 <= b for a, b in pairwise(samples))


def test_what_is_right_already_comes_back_as_it_is() -> None:
    assert decode(wav(), RATE) == tone(RATE)


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (44100, 2), (48000, 1), (16000, 2)])
def test_any_rate_and_channels_become_mono_at_the_rate_asked_for(rate: int, channels: int) -> None:
    pcm = decode(wav(rate, channels), RATE)
    assert len(pcm) == pytest.approx(2 * RATE, abs=200)
    assert frequency(pcm) == pytest.approx(440, abs=3)
    assert level_dbfs(pcm) == pytest.approx(level_dbfs(tone(RATE)), abs=1)


@pytest.mark.parametrize("data", [b"", b"<html>Log in</html>", b"RIFF\0\0\0\0WAVE", bytes(5000)])
def test_what_is_no_sound_is_refused(data: bytes) -> None:
    with pytest.raises(UsageError, match="not a sound file that can be decoded"):
        decode(data, RATE)


def test_a_file_that_is_missing_or_empty_is_named(tmp_path: Path) -> None:
    path = tmp_path / "speech.wav"
    with pytest.raises(UsageError, match=r"speech\.wav: No such file"):
        decode_file(path, RATE)
    path.touch()
    with pytest.raises(UsageError, match=r"speech\.wav: the file is empty"):
        decode_file(path, RATE)


def test_without_ffmpeg_the_mend_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "speech.aac"
    path.write_bytes(b"no sound")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UsageError, match=r"speech\.aac: not WAV, .* install ffmpeg"):
        decode_file(path, RATE)


@FFMPEG
@pytest.mark.parametrize("suffix", ["mp3", "flac", "ogg", "m4a"])
def test_files_of_other_formats(tmp_path: Path, suffix: str) -> None:
    source, path = tmp_path / "a.wav", tmp_path / f"a.{suffix}"
    source.write_bytes(wav())
    subprocess.run(["ffmpeg", "-v", "error", "-i", source, path], check=True, timeout=HANG_S)
    pcm = decode_file(path, RATE)
    assert len(pcm) == pytest.approx(2 * RATE, rel=0.15)
    assert frequency(pcm) == pytest.approx(440, abs=10)


@FFMPEG
def test_what_even_ffmpeg_cannot_read_is_refused_with_its_reason(tmp_path: Path) -> None:
    path = tmp_path / "speech.aac"
    path.write_bytes(b"no sound" * 100)
    with pytest.raises(UsageError, match=r"speech\.aac: cannot be decoded \(.+\)"):
        decode_file(path, RATE)
