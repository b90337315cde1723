"""Who talks: voices of espeak-ng, and the people recorded for Debian's alsa-utils."""

from __future__ import annotations

import io
import subprocess
import wave
from collections.abc import Iterator
from functools import cache
from itertools import cycle
from pathlib import Path

import numpy
import soxr

from tests.bench.hearing.rooms import Floats

RECORDINGS = Path("/usr/share/sounds/alsa")
DEVICE = ("en-us", "en-gb+f3", "en-us+f2", "en-gb-scotland")  # the device answers in these
PEOPLE = ("en-us+m3", "en-gb+f4", "en-us+f5", "en-029", "en-gb+m7", "en-gb-x-rp+f1")
SENTENCES = (
    "The train to the city leaves at half past seven from platform four.",
    "I would like a room with two beds for three nights, please.",
    "It will be cloudy in the morning, with some rain in the afternoon.",
    "Could you tell me how to get to the nearest pharmacy?",
    "We have sold the last of them, but more will arrive on Thursday.",
    "My brother works in a hospital and my sister teaches history.",
    "Please turn the music down a little, the children are asleep.",
    "The meeting was moved to Monday because nobody could come on Friday.",
    "You should drink a glass of water and lie down for a while.",
    "He asked whether the museum is open on public holidays.",
)
COMMANDS = (
    "Stop, that is enough.",
    "Wait a moment, please.",
    "No, I meant the other one.",
    "Excuse me, what did you say?",
    "Tell me something else instead.",
)


def speech(rate: int, seconds: float, voices: tuple[str, ...] = DEVICE) -> Floats:
    """Sentences one after the other with short pauses, an RMS of 1 while they sound."""
    pieces, length = [], 0
    for sentence, voice in zip(cycle(SENTENCES), _each(voices, len(SENTENCES) + 1), strict=False):
        pieces += [spoken(sentence, voice, rate), numpy.zeros(round(0.3 * rate))]
        length += len(pieces[-2]) + len(pieces[-1])
        if length >= seconds * rate:
            break
    return numpy.concatenate(pieces)[: round(seconds * rate)]


def interruptions(rate: int) -> Iterator[Floats]:
    """What people say over the device, without end: recorded words and spoken commands in turn."""
    recorded = cycle(sorted(RECORDINGS.glob("*_*.wav")))
    said = zip(cycle(COMMANDS), cycle(PEOPLE), strict=False)
    while True:
        yield levelled(recording(next(recorded), rate), rate)
        yield spoken(*next(said), rate)


@cache
def spoken(text: str, voice: str, rate: int) -> Floats:
    """``text`` by a voice of espeak-ng, an RMS of 1 while it sounds, without silence around it."""
    command = ["espeak-ng", "-v", voice, "-s", "165", "--stdout", text]
    wav = subprocess.run(command, capture_output=True, check=True).stdout
    with wave.open(io.BytesIO(wav)) as file:
        sound = numpy.frombuffer(file.readframes(10**9), "<i2")  # its header has no true length
        return levelled(soxr.resample(sound.astype(float), file.getframerate(), rate), rate)


def recording(path: Path, rate: int) -> Floats:
    """A WAV file of 16 bits, its first channel, at another rate."""
    with wave.open(str(path)) as file:
        sound = numpy.frombuffer(file.readframes(file.getnframes()), "<i2")
        mono = sound.reshape(-1, file.getnchannels())[:, 0].astype(float)
        there: Floats = soxr.resample(mono, file.getframerate(), rate)
        return there


def levelled(sound: Floats, rate: int) -> Floats:
    """``sound`` without silence at its ends, an RMS of 1 in the 10 ms within 30 dB of the loudest.

    So its beginning is that of the first word.
    """
    size = rate // 100
    frames = sound[: len(sound) // size * size].reshape(-1, size)
    power = (frames**2).mean(axis=1)
    loud = numpy.flatnonzero(power > power.max() / 1000)
    kept = frames[loud[0] : loud[-1] + 1].ravel()
    return numpy.asarray(kept / numpy.sqrt(power[loud].mean()))


def _each(voices: tuple[str, ...], times: int) -> Iterator[str]:
    """Each voice ``times`` times in a row, for ever."""
    while True:
        for voice in voices:
            yield from [voice] * times
