"""Voices that say something: espeak-ng's, whose words begin and end where one can tell."""

from __future__ import annotations

import io
import shutil
import subprocess
import wave
from collections.abc import Mapping

from agent.audio.convert import Converter
from agent.audio.pcm import SAMPLE_BYTES, audioop

RATE = 16000
VOICES = (
    "en-us", "en-gb", "en-gb-scotland+f2", "en-gb-x-rp+m3", "en-us+m7", "en-gb+m1", "en-029",
    "en-us+f3",
)  # fmt: skip

#: How to write a wake word so that espeak-ng says it as people do.
SPOKEN: Mapping[str, str] = {"okay_nabu": "okay nah boo", "hey_mycroft": "hey mycroft"}

QUIET = 200  # RMS of 10 ms: less is the silence around a word
BLOCK = RATE // 100 * SAMPLE_BYTES


def installed() -> bool:
    return shutil.which("espeak-ng") is not None


def say(text: str, voice: str = "en-us", speed: int = 165, rate: int = RATE) -> bytes:
    """``text`` as s16le mono, from its first sound to its last; ``speed``: words a minute."""
    command = ["espeak-ng", "-v", voice, "-s", str(speed), "--stdout", text]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    with wave.open(io.BytesIO(done.stdout)) as file:
        converter = Converter(file.getframerate(), 1, "s16", rate)
        pcm = converter.feed(file.readframes(file.getnframes())) + converter.flush()
    return trimmed(pcm)


def trimmed(pcm: bytes) -> bytes:
    """``pcm`` without the silence before and after."""
    blocks = range(0, len(pcm) - BLOCK + 1, BLOCK)
    loud = [at for at in blocks if audioop.rms(pcm[at : at + BLOCK], SAMPLE_BYTES) > QUIET]
    return pcm[loud[0] : loud[-1] + BLOCK]
