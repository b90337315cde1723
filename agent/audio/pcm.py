"""Sound as dragoman keeps it: signed 16-bit little-endian mono ("s16le"), and pure helpers for it.

Everything behind the devices is ``bytes`` of whole samples at the configured
rate, cut into packets of 40 ms: 1280 bytes at 16 kHz, 640 at 8 kHz.
"""

from __future__ import annotations

import math
import warnings

with warnings.catch_warnings():
    # Deprecated in the standard library up to 3.12; from 3.13 on audioop-lts provides it.
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

__all__ = [
    "FULL_SCALE",
    "PACKET_MS",
    "SAMPLE_BYTES",
    "SILENCE_DBFS",
    "Assembler",
    "Centre",
    "audioop",
    "gain",
    "level_dbfs",
    "packet_bytes",
    "scale",
    "without_dc",
]

PACKET_MS = 40
SAMPLE_BYTES = 2
FULL_SCALE = 32768
SILENCE_DBFS = -96.0
"""What :func:`level_dbfs` says of digital silence (there is no minus infinity in JSON)."""


def packet_bytes(rate: int) -> int:
    """Bytes of one 40 ms packet at ``rate`` samples per second."""
    return rate * PACKET_MS // 1000 * SAMPLE_BYTES


def level_dbfs(pcm: bytes) -> float:
    """RMS level of whole samples in dB, without DC: it is no sound, and some cards have much.

    0 is a full-scale square wave, -96 is silence.
    """
    rms = audioop.rms(without_dc(pcm, audioop.avg(pcm, SAMPLE_BYTES)), SAMPLE_BYTES)
    return 20.0 * math.log10(rms / FULL_SCALE) if rms else SILENCE_DBFS


def without_dc(pcm: bytes, offset: int) -> bytes:
    """Whole samples less ``offset`` (in steps); what would leave the range is clipped."""
    if not offset:
        return pcm
    least, most = audioop.minmax(pcm, SAMPLE_BYTES)
    if least - offset >= -FULL_SCALE and most - offset < FULL_SCALE:
        return audioop.bias(pcm, SAMPLE_BYTES, -offset)
    shift = min(-offset, FULL_SCALE - 1).to_bytes(SAMPLE_BYTES, "little", signed=True)
    return audioop.add(pcm, shift * (len(pcm) // SAMPLE_BYTES), SAMPLE_BYTES)


class Centre:
    """Takes the DC offset out of a stream, slowly, so that it makes no steps."""

    EVERY = 8  # packets between two looks
    SHARE = 0.25

    def __init__(self) -> None:
        self._dc: float | None = None
        self._count = 0
        self._offset = 0

    def feed(self, pcm: bytes) -> bytes:
        """One packet of whole samples, without it."""
        if self._count % self.EVERY == 0:
            now = audioop.avg(pcm, SAMPLE_BYTES)
            self._dc = now if self._dc is None else self._dc + self.SHARE * (now - self._dc)
            if abs(self._dc - self._offset) > 1:
                self._offset = round(self._dc)
        self._count += 1
        return without_dc(pcm, self._offset)


def gain(volume_percent: float) -> float:
    """Linear factor of a volume of 0–100: its cube, the curve PulseAudio and most mixers use.

    Hearing is roughly logarithmic and the cube is close to that over the useful
    range: 100 is 0 dB, 80 is -5.8 dB, 50 is -18 dB, 10 is -60 dB, 0 is silence.
    """
    return min(max(volume_percent / 100.0, 0.0), 1.0) ** 3


def scale(pcm: bytes, volume_percent: float) -> bytes:
    """Whole samples at a volume of 0–100 (see :func:`gain`); 100 gives back ``pcm`` itself."""
    if volume_percent >= 100:
        return pcm
    return audioop.mul(pcm, SAMPLE_BYTES, gain(volume_percent))


class Assembler:
    """Makes packets of ``packet_bytes`` bytes of reads of any length, odd ones too.

    Bytes come out in the order they came in, none lost and none added, so half
    a sample at the end of a read is completed by the next one and nothing shifts.
    """

    def __init__(self, packet_bytes: int) -> None:
        if packet_bytes <= 0 or packet_bytes % SAMPLE_BYTES:
            raise ValueError(f"a packet is a positive even number of bytes, not {packet_bytes}")
        self._size = packet_bytes
        self.rest = bytearray()  #: what is pending

    def feed(self, data: bytes) -> list[bytes]:
        """Add ``data``; return the packets that are complete now, oldest first."""
        self.rest += data
        whole = len(self.rest) - len(self.rest) % self._size
        packets = [bytes(self.rest[i : i + self._size]) for i in range(0, whole, self._size)]
        del self.rest[:whole]
        return packets

    def flush(self) -> bytes | None:
        """The last, unfinished packet filled with silence, if it holds at least one sample."""
        whole_samples = len(self.rest) - len(self.rest) % SAMPLE_BYTES
        packet = bytes(self.rest[:whole_samples]).ljust(self._size, b"\0")
        self.rest.clear()
        return packet if whole_samples else None

    def reset(self) -> None:
        """Forget what is pending, for instance after samples were lost."""
        self.rest.clear()
