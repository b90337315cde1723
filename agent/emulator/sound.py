"""Sound that comes as a file: what it is, and its samples at the engine's rate."""

from __future__ import annotations

import io
import wave
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from agent.emulator import ffmpeg

RATE = 16_000
"""Samples per second of everything decoded."""

_miniaudio: Any = import_module("miniaudio")  # it has no type information
_MOST_BYTES = 512_000_000
_RATES = range(4_000, 192_001)
_SIZES = {"UNSIGNED8": 8, "SIGNED16": 16, "SIGNED24": 24, "SIGNED32": 32, "FLOAT32": 32}
_MAGIC = (
    (0, b"fLaC", "flac"), (0, b"OggS", "ogg"), (0, b"ID3", "mp3"), (4, b"ftyp", "m4a"),
    (0, b"\x1aE\xdf\xa3", "webm"), (0, b"#!AMR", "amr"), (0, b"0&\xb2u\x8ef\xcf\x11", "wma"),
    (0, b"#!SILK_V3", "silk"), (0, b"\x02#!SILK_V3", "silk"),
)  # fmt: skip
_DEMUXERS = {
    "ogg": "ogg",
    "m4a": "mov",
    "webm": "matroska",
    "amr": "amr",
    "wma": "asf",
    "aac": "aac",
}


class NoSound(Exception):
    """The bytes are no sound that can be decoded; the text is fit for the client to read."""


@dataclass(frozen=True)
class Sound:
    """Decoded sound: `channels` of 16 kHz s16le samples, and how the file had it.

    `bits` is 0 where the format has no such thing.
    """

    kind: str
    rate: int
    bits: int
    channels: tuple[NDArray[np.int16], ...]

    @property
    def ms(self) -> float:
        """How long it is, in milliseconds."""
        return len(self.channels[0]) * 1_000 / RATE

    @property
    def mono(self) -> bytes:
        """All channels mixed, as s16le."""
        mixed = np.mean(self.channels, axis=0) if len(self.channels) > 1 else self.channels[0]
        return mixed.astype("<i2").tobytes()

    def channel(self, number: int) -> bytes:
        """One channel as s16le."""
        return self.channels[number].astype("<i2").tobytes()


def kind_of(data: bytes) -> str:
    """The format by its first bytes (`wav`, `mp3` …), or an empty text."""
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        return "wav"
    for at, magic, kind in _MAGIC:
        if data[at : at + len(magic)] == magic:
            return kind
    if len(data) > 1 and data[0] == 0xFF and data[1] & 0xE0 == 0xE0:
        return "aac" if data[1] & 0xF6 == 0xF0 else "mp3"  # the layer bits tell them apart
    return ""


def read_sound(data: bytes) -> Sound:
    """Decode WAV of any rate, width and channels, MP3, FLAC, Ogg; more where ffmpeg is installed.

    `NoSound` when that cannot be done.
    """
    kind = kind_of(data)
    readers: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
        "wav": (_miniaudio.wav_get_info, _miniaudio.wav_read_s16),
        "mp3": (_miniaudio.mp3_get_info, _miniaudio.mp3_read_s16),
        "flac": (_miniaudio.flac_get_info, _miniaudio.flac_read_s16),
        "ogg": (_miniaudio.vorbis_get_info, _miniaudio.vorbis_read),
    }
    try:
        return _with_library(data, kind, *readers[kind])
    except (KeyError, _miniaudio.DecodeError):  # Ogg may also be Opus or Speex
        return _with_program(data, kind)


def wav_bytes(pcm: bytes, rate: int) -> bytes:
    """Mono s16le of this rate as a WAV file."""
    out = io.BytesIO()
    with wave.open(out, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(pcm)
    return out.getvalue()


def read_pcm(data: bytes, rate: int) -> Sound:
    """Sound without a header: mono s16le of this rate; `NoSound` for anything else."""
    if not data or len(data) % 2 or kind_of(data) in ("wav", "flac", "ogg", "amr", "silk"):
        raise NoSound("not 16-bit PCM without a header")
    return Sound("pcm", rate, 16, (_at_rate(np.frombuffer(data, "<i2"), rate),))


def _with_library(
    data: bytes, kind: str, inspect: Callable[..., Any], read: Callable[..., Any]
) -> Sound:
    info = inspect(data)
    if info.sample_rate not in _RATES or not info.num_frames:
        raise NoSound(f"the {kind.upper()} file has no samples of a usual rate")
    if info.num_frames * info.nchannels * 2 > _MOST_BYTES:
        raise NoSound(f"the {kind.upper()} file is too long to be decoded")
    decoded = read(data)
    samples = np.frombuffer(decoded.samples, np.int16).reshape(-1, decoded.nchannels)
    channels = tuple(_at_rate(samples[:, at], info.sample_rate) for at in range(decoded.nchannels))
    bits = _SIZES.get(info.sample_format.name, 0) if kind == "wav" else 0
    return Sound(kind, info.sample_rate, bits, channels)


def _with_program(data: bytes, kind: str) -> Sound:
    if kind not in _DEMUXERS:
        raise NoSound(
            "not a sound file of a known format" if kind != "silk" else "SILK has no decoder here"
        )
    if not ffmpeg.installed():
        raise NoSound(f"decoding {kind.upper()} needs ffmpeg, which is not installed")
    pcm = ffmpeg.decode(data, _DEMUXERS[kind], RATE)
    if pcm is None:
        raise NoSound(f"not a readable {kind.upper()} file")
    return Sound(kind, RATE, 0, (np.frombuffer(pcm[: len(pcm) // 2 * 2], np.int16),))


def _at_rate(samples: NDArray[np.int16], rate: int) -> NDArray[np.int16]:
    if rate == RATE:
        return samples
    return np.asarray(soxr.resample(np.ascontiguousarray(samples), rate, RATE), np.int16)
