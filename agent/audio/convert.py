"""Sample formats, channels and rates: from what a card or a file gives to s16le mono and back.

Both directions are streams: input may be split at any byte and the output is the
same.  ``audioop`` does the work; numpy and soxr are imported only when the rates
differ (numpy also for float samples and for mixing more than two channels), which
keeps them out of the memory of a device that captures in its own format.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any, Literal

from agent.audio.pcm import FULL_SCALE, SAMPLE_BYTES, audioop

SampleFormat = Literal["s8", "u8", "s16", "s24_3", "s24", "s32", "float", "float64"]
"""Little-endian; ``s24_3`` is packed in 3 bytes, ``s24`` the low 3 bytes of 4; float is ±1.0."""

FORMAT_BYTES = MappingProxyType(
    {"s8": 1, "u8": 1, "s16": 2, "s24_3": 3, "s24": 4, "s32": 4, "float": 4, "float64": 8}
)

QUALITY = "HQ"  # the lower ones cost the same time and save at most 20 ms of delay


class Converter:
    """To s16le mono at ``to_rate``: picks ``channel`` (0 is the first) or mixes them all.

    ``from_rate`` and ``to_rate`` are samples per second.  A mix is the mean, so it
    cannot clip.  Changing the rate delays the sound by about 40 ms until :meth:`flush`.
    Raises ValueError when ``channel`` is not one of ``channels``.
    """

    def __init__(
        self,
        from_rate: int,
        channels: int,
        sample_format: SampleFormat,
        to_rate: int,
        channel: int | Literal["mix"] = "mix",
    ) -> None:
        if channel != "mix" and not 0 <= channel < channels:
            raise ValueError(f"channel {channel} is not one of 0 to {channels - 1}")
        self._frame = FORMAT_BYTES[sample_format] * channels
        self._to_s16 = _TO_S16[sample_format]
        self._channels, self._channel = channels, channel
        self._resampler = None if from_rate == to_rate else _Resampler(from_rate, to_rate)
        self._as_it_is = (from_rate, channels, sample_format) == (to_rate, 1, "s16")
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        """Convert ``data`` (any length); return the samples that are ready."""
        if self._as_it_is and not self._rest and len(data) % SAMPLE_BYTES == 0:
            return data
        if self._rest:
            data = self._rest + data
        cut = len(data) - len(data) % self._frame
        self._rest = data[cut:]
        if self._rest:
            data = data[:cut]
        mono = _to_mono(self._to_s16(data), self._channels, self._channel)
        return self._resampler.feed(mono) if self._resampler else mono

    def flush(self) -> bytes:
        """The samples still inside; part of a frame is dropped.  Ready for a new stream."""
        self._rest = b""
        return self._resampler.flush() if self._resampler else b""


class Spreader:
    """From s16le mono at ``from_rate`` to what a card takes: the same sound on all channels.

    ``sample_format`` is any of :data:`SampleFormat` but the float ones.
    """

    def __init__(
        self, from_rate: int, to_rate: int, channels: int, sample_format: SampleFormat
    ) -> None:
        self._from_s16 = _FROM_S16[sample_format]
        self._width = FORMAT_BYTES[sample_format]
        self._channels = channels
        self._resampler = None if from_rate == to_rate else _Resampler(from_rate, to_rate)

    def feed(self, pcm: bytes) -> bytes:
        """Convert whole samples; return whole frames."""
        return self._spread(self._resampler.feed(pcm) if self._resampler else pcm)

    def flush(self) -> bytes:
        """The frames still inside; ready for a new stream."""
        return self._spread(self._resampler.flush()) if self._resampler else b""

    def _spread(self, mono: bytes) -> bytes:
        return _to_channels(self._from_s16(mono), self._width, self._channels)


class _Resampler:
    """One soxr stream; in float, because its 16-bit output is dithered by how it is fed."""

    def __init__(self, from_rate: int, to_rate: int) -> None:
        import numpy
        import soxr

        self._numpy: Any = numpy
        self._new: Callable[[], Any] = lambda: soxr.ResampleStream(
            from_rate, to_rate, 1, dtype="float32", quality=QUALITY
        )
        self._stream = self._new()

    def feed(self, mono: bytes) -> bytes:
        return self._run(mono, last=False)

    def flush(self) -> bytes:
        tail = self._run(b"", last=True)
        self._stream = self._new()
        return tail

    def _run(self, mono: bytes, *, last: bool) -> bytes:
        samples = self._numpy.frombuffer(mono, "<i2").astype("float32")
        return _rounded(self._stream.resample_chunk(samples, last=last))


def _rounded(samples: Any) -> bytes:
    """Floats in units of a 16-bit step to s16le; what is louder than full scale is clipped."""
    clipped = samples.clip(-FULL_SCALE, FULL_SCALE - 1)
    return bytes(clipped.round().astype("<i2").tobytes())


def _to_mono(pcm: bytes, channels: int, channel: int | Literal["mix"]) -> bytes:
    if channels == 1:
        return pcm
    if channel != "mix":
        return _pick(pcm, channels, channel)
    if channels == 2:
        return audioop.tomono(pcm, SAMPLE_BYTES, 0.5, 0.5)
    import numpy

    return _rounded(numpy.frombuffer(pcm, "<i2").reshape(-1, channels).mean(axis=1))


def _pick(pcm: bytes, channels: int, channel: int) -> bytes:
    if channels == 2:
        return audioop.tomono(pcm, SAMPLE_BYTES, 1 - channel, channel)
    frame, first = SAMPLE_BYTES * channels, SAMPLE_BYTES * channel
    mono = bytearray(len(pcm) // channels)
    mono[0::2] = pcm[first::frame]
    mono[1::2] = pcm[first + 1 :: frame]
    return bytes(mono)


def _to_channels(samples: bytes, width: int, channels: int) -> bytes:
    if channels == 1:
        return samples
    if channels == 2:
        return audioop.tostereo(samples, width, 1, 1)
    frames = bytearray(len(samples) * channels)
    for byte in range(width):
        for channel in range(channels):
            frames[channel * width + byte :: channels * width] = samples[byte::width]
    return bytes(frames)


def _same(data: bytes) -> bytes:
    return data


def _s24_to_s16(data: bytes) -> bytes:
    """The two upper of the three bytes that count; the fourth may hold anything."""
    out = bytearray(len(data) // 2)
    out[0::2] = data[1::4]
    out[1::2] = data[2::4]
    return bytes(out)


def _float_to_s16(data: bytes, dtype: str) -> bytes:
    import numpy

    samples = numpy.nan_to_num(numpy.frombuffer(data, dtype), nan=0.0, posinf=1.0, neginf=-1.0)
    return _rounded(samples.clip(-1.0, 1.0) * FULL_SCALE)


_TO_S16: MappingProxyType[str, Callable[[bytes], bytes]] = MappingProxyType(
    {
        "s8": lambda data: audioop.lin2lin(data, 1, SAMPLE_BYTES),
        "u8": lambda data: audioop.lin2lin(audioop.bias(data, 1, 128), 1, SAMPLE_BYTES),
        "s16": _same,
        "s24_3": lambda data: audioop.lin2lin(data, 3, SAMPLE_BYTES),
        "s24": _s24_to_s16,
        "s32": lambda data: audioop.lin2lin(data, 4, SAMPLE_BYTES),
        "float": lambda data: _float_to_s16(data, "<f4"),
        "float64": lambda data: _float_to_s16(data, "<f8"),
    }
)

_FROM_S16: MappingProxyType[str, Callable[[bytes], bytes]] = MappingProxyType(
    {
        "s8": lambda pcm: audioop.lin2lin(pcm, SAMPLE_BYTES, 1),
        "u8": lambda pcm: audioop.bias(audioop.lin2lin(pcm, SAMPLE_BYTES, 1), 1, 128),
        "s16": _same,
        "s24_3": lambda pcm: audioop.lin2lin(pcm, SAMPLE_BYTES, 3),
        "s24": lambda pcm: audioop.mul(audioop.lin2lin(pcm, SAMPLE_BYTES, 4), 4, 1 / 256),
        "s32": lambda pcm: audioop.lin2lin(pcm, SAMPLE_BYTES, 4),
    }
)
