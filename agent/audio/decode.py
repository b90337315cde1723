"""Sound files of any common format to s16le mono: miniaudio, else ffmpeg."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from agent.audio.convert import Converter
from agent.errors import UsageError

FFMPEG_S = 600.0


def decode(data: bytes, rate: int) -> bytes:
    """WAV, MP3, FLAC or Ogg Vorbis as s16le mono at ``rate``; UsageError for anything else."""
    import miniaudio  # 2 MB that a device which only streams does not need

    try:
        about = _information(data)
        sound = miniaudio.decode(
            data,
            output_format=miniaudio.SampleFormat.SIGNED16,
            nchannels=about.nchannels,
            sample_rate=about.sample_rate,
        )
    except miniaudio.DecodeError as error:
        raise UsageError(f"not a sound file that can be decoded ({error})") from error
    # Our own mixing and conversion: miniaudio's mix of many channels clips.
    converter = Converter(about.sample_rate, about.nchannels, "s16", rate, "mix")
    return converter.feed(bytes(sound.samples)) + converter.flush()


def _information(data: bytes) -> Any:
    """Rate and channels of a file in any of the formats."""
    import miniaudio

    formats = ("wav", "flac", "vorbis", "mp3")  # MP3 last: it finds frames in anything
    for read in (getattr(miniaudio, f"{name}_get_info") for name in formats):
        try:
            return read(data)
        except miniaudio.DecodeError:
            continue
    raise miniaudio.DecodeError("no known format")


def decode_file(path: Path, rate: int) -> bytes:
    """A file of any format as s16le mono at ``rate``; UsageError names the file and the mend."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    if not data:
        raise UsageError(f"{path}: the file is empty")
    try:
        return decode(data, rate)
    except UsageError:
        return _ffmpeg(path, rate)


def _ffmpeg(path: Path, rate: int) -> bytes:
    if shutil.which("ffmpeg") is None:
        raise UsageError(f"{path}: not WAV, MP3, FLAC or Ogg; install ffmpeg for other formats")
    command = ["ffmpeg", "-v", "error", "-nostdin", "-i", str(path)]
    command += ["-f", "s16le", "-ac", "1", "-ar", str(rate), "-"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=FFMPEG_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UsageError(f"{path}: ffmpeg failed ({error})") from error
    if done.returncode or not done.stdout:
        reason = done.stderr.decode(errors="replace").strip().splitlines()
        raise UsageError(f"{path}: cannot be decoded ({reason[-1] if reason else 'no sound'})")
    return done.stdout
