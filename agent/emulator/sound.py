"""Sound that comes as a file: what it is, and its samples at the engine's rate."""

from __future__ import annotations

import io
import struct
import wave
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import soxr
from numpy.typing import NDArray

from agent.emulator import ffmpeg

RATE = 16_000
"""Samples per second of everything decoded."""

_RATES = range(4_000, 192_001)
_MOST_CHANNELS = 64
_EXTENSIBLE = 0xFFFE
_MAGIC = (
    (0, b"fLaC", "flac"), (0, b"OggS", "ogg"), (0, b"ID3", "mp3"), (4, b"ftyp", "m4a"),
    (0, b"\x1aE\xdf\xa3", "webm"), (0, b"#!AMR", "amr"), (0, b"0&\xb2u\x8ef\xcf\x11", "wma"),
    (0, b"#!SILK_V3", "silk"), (0, b"\x02#!SILK_V3", "silk"),
)  # fmt: skip
_DEMUXERS = {
    "wav": "wav",
    "mp3": "mp3",
    "flac": "flac",
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
    """Decode WAV of any rate, width and channels; all else where ffmpeg is installed.

    `NoSound` when that cannot be done.
    """
    kind = kind_of(data)
    sound = _plain_wav(data) if kind == "wav" else None
    return sound or _with_program(data, kind)


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


_Samples = NDArray[np.int16]


def _from_24(data: bytes) -> _Samples:
    upper = np.frombuffer(data, np.uint8).reshape(-1, 3)[:, 1:]
    return np.frombuffer(upper.tobytes(), "<i2")


def _from_float(data: bytes, dtype: str) -> _Samples:
    samples = np.nan_to_num(np.frombuffer(data, dtype), nan=0.0, posinf=1.0, neginf=-1.0)
    return np.asarray((samples.clip(-1, 1) * 32767).round(), np.int16)


_TO_S16: Mapping[tuple[int, int], Callable[[bytes], _Samples]] = {  # by format tag and bits
    (1, 8): lambda data: (np.frombuffer(data, np.uint8).astype(np.int16) - 128) << 8,
    (1, 16): lambda data: np.frombuffer(data, "<i2"),
    (1, 24): _from_24,
    (1, 32): lambda data: (np.frombuffer(data, "<i4") >> 16).astype(np.int16),
    (3, 32): lambda data: _from_float(data, "<f4"),
    (3, 64): lambda data: _from_float(data, "<f8"),
}


def _plain_wav(data: bytes) -> Sound | None:
    """A WAV file; None where its samples are compressed."""
    fmt, sound = _chunks(data)
    if len(fmt) < 16:
        raise NoSound("the WAV file has no samples of a usual rate")
    tag, channels, rate, _, _, bits = struct.unpack("<HHIIHH", fmt[:16])
    if tag == _EXTENSIBLE and len(fmt) >= 26:
        tag = struct.unpack("<H", fmt[24:26])[0]
    if (tag, bits) not in _TO_S16:
        return None
    frame = channels * bits // 8
    if rate not in _RATES or not 0 < channels <= _MOST_CHANNELS or len(sound) < frame:
        raise NoSound("the WAV file has no samples of a usual rate")
    samples = _TO_S16[tag, bits](sound[: len(sound) - len(sound) % frame]).reshape(-1, channels)
    return Sound("wav", rate, bits, tuple(_at_rate(samples[:, n], rate) for n in range(channels)))


def _chunks(data: bytes) -> tuple[bytes, bytes]:
    """The format and the samples; one written to a pipe does not know how many there are."""
    at, fmt = 12, b""
    while at + 8 <= len(data):
        name, size = struct.unpack("<4sI", data[at : at + 8])
        at += 8
        if name == b"data":
            return fmt, data[at : at + size] if size else data[at:]
        if name == b"fmt ":
            fmt = data[at : at + size]
        at += size + size % 2
    return fmt, b""


def _with_program(data: bytes, kind: str) -> Sound:
    if kind not in _DEMUXERS:
        raise NoSound(
            "not a sound file of a known format" if kind != "silk" else "SILK has no decoder here"
        )
    if not ffmpeg.installed():
        raise NoSound(f"decoding {kind.upper()} needs ffmpeg, which is not installed")
    decoded = ffmpeg.decode(data, _DEMUXERS[kind])
    sound = _plain_wav(decoded) if decoded else None
    if sound is None:
        raise NoSound(f"not a readable {kind.upper()} file")
    return Sound(kind, sound.rate, 0, sound.channels)


def _at_rate(samples: NDArray[np.int16], rate: int) -> NDArray[np.int16]:
    if rate == RATE:
        return samples
    return np.asarray(soxr.resample(np.ascontiguousarray(samples), rate, RATE), np.int16)
