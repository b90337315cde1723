"""What only ffmpeg can do, where it is installed: every format but plain WAV."""

from __future__ import annotations

import shutil
import subprocess
from tempfile import NamedTemporaryFile

_TIMEOUT_S = 30
_LONGEST_S = 3600  # of sound; 25 MB of MP3 are less


def installed() -> bool:
    """Whether the program is there."""
    return shutil.which("ffmpeg") is not None


def decode(data: bytes, demuxer: str) -> bytes | None:
    """The sound as WAV of 16 bits, or None when it is not what it looks like.

    The demuxer is named so that no sound can pass for a playlist that makes ffmpeg open others.
    """
    with NamedTemporaryFile() as source:  # MP4 has its index at the end and cannot come by pipe
        source.write(data)
        source.flush()
        options = ["-protocol_whitelist", "file", "-f", demuxer, "-i", source.name, "-vn"]
        return _run([*options, "-t", str(_LONGEST_S), "-f", "wav", "pipe:1"], b"")


def encode_mp3(pcm: bytes, rate: int) -> bytes | None:
    """Mono s16le of this rate as MP3, or None when ffmpeg cannot."""
    source = ["-f", "s16le", "-ar", str(rate), "-ac", "1", "-i", "pipe:0"]
    return _run([*source, "-f", "mp3", "-b:a", "48k", "pipe:1"], pcm)


def _run(options: list[str], data: bytes) -> bytes | None:
    command = ["ffmpeg", "-nostdin", "-hide_banner", "-v", "error", *options]
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=_TIMEOUT_S)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout if done.returncode == 0 and done.stdout else None
