"""What a sound file is, by its bytes: a name promises nothing.

MP3 and AAC without a header of the file's own are known by frames that follow one
another exactly; a single frame's sync word occurs in anything.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import BinaryIO

FRAMES = 3  # that must follow one another
SEARCH = 4096  # bytes looked through for the first of them: a recording may be cut anywhere


@dataclass(frozen=True, slots=True)
class Kind:
    """A format: its ``name`` for people, the words providers have for it, and ffmpeg's
    ``demuxer``, None where nothing here decodes it.  ``rate`` (Hz) and ``channels`` are
    None where the first bytes do not say."""

    name: str
    formats: tuple[str, ...]
    demuxer: str | None
    rate: int | None = None
    channels: int | None = None


WAV = Kind("WAV", ("wav",), "wav")
MP3 = Kind("MP3", ("mp3", "mpga", "mpeg"), "mp3")
AAC = Kind("AAC", ("aac",), "aac")
FLAC = Kind("FLAC", ("flac",), "flac")
MP4 = Kind("MP4", ("m4a", "mp4"), "mov")
SILK = Kind("SILK", ("silk",), None)

#: What a file begins with: offset, bytes.
_MAGIC: tuple[tuple[int, bytes, Kind], ...] = (
    (0, b"fLaC", FLAC),
    (0, b"OggS", Kind("Ogg", ("ogg", "opus", "spx"), "ogg")),
    (4, b"ftyp", MP4),
    (0, b"\x1aE\xdf\xa3", Kind("WebM", ("webm",), "matroska")),
    (0, b"#!AMR\n", Kind("AMR", ("amr",), "amr", 8000, 1)),
    (0, b"#!AMR-WB\n", Kind("AMR", ("amr",), "amr", 16000, 1)),
    (0, b"#!SILK_V3", SILK),
    (0, b"\x02#!SILK_V3", SILK),  # WeChat's, often in a file named .amr
    (0, b"0&\xb2u\x8ef\xcf\x11", Kind("WMA", ("wma",), "asf")),
    (0, b"caff", Kind("CAF", ("caf",), "caf")),
    (0, b".snd", Kind("AU", ("au",), "au")),
)


def kind_of(file: BinaryIO) -> Kind | None:
    """What ``file`` (seekable) is, None where that is nothing known; it is left anywhere."""
    start = _after_tags(file)
    head = _read(file, start, 16)
    if head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:12] == b"WAVE":
        return WAV
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return Kind("AIFF", ("aiff",), "aiff")
    for at, magic, kind in _MAGIC:
        if head[at : at + len(magic)] == magic:
            return kind
    return _framed(file, start)


def _after_tags(file: BinaryIO) -> int:
    """Where the sound begins: after ID3 (id3.org, v2.4.0 section 3.1), of which there may be
    several."""
    at = 0
    for _ in range(4):
        head = _read(file, at, 10)
        if head[:3] != b"ID3" or len(head) < 10 or any(byte & 0x80 for byte in head[6:]):
            break
        size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        at += 10 + size + (10 if head[5] & 0x10 else 0)
    return at


def _framed(file: BinaryIO, start: int) -> Kind | None:
    head = _read(file, start, SEARCH + 4)
    for at in range(max(0, len(head) - 3)):
        if head[at] != 0xFF or head[at + 1] & 0xE0 != 0xE0:
            continue
        for read, kind in ((_mpeg, MP3), (_adts, AAC)):
            first = read(head[at : at + 8])
            if first is not None and _goes_on(file, start + at, read, whole=at == 0):
                _, rate, channels = first
                return replace(kind, rate=rate, channels=channels)
    return None


#: A frame's header read: bytes of the frame, Hz, channels.
_Frame = tuple[int, int, int]


def _goes_on(
    file: BinaryIO, at: int, read: Callable[[bytes], _Frame | None], *, whole: bool
) -> bool:
    """Whether frames of one rate follow one another from ``at`` on; fewer will do where the
    file is ``whole`` and ends with them."""
    rate = None
    for count in range(FRAMES):
        head = _read(file, at, 8)
        frame = read(head)
        if frame is None or rate not in (None, frame[1]):
            return whole and count > 0 and (head[:3] == b"TAG" or at == file.seek(0, os.SEEK_END))
        at, rate = at + frame[0], frame[1]
    return True


_BITRATES = {  # kbit/s by layer, ISO 11172-3 section 2.4.2.3 and 13818-3 section 2.4.2.3
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_MPEG_RATES = (44100, 48000, 32000)


def _mpeg(head: bytes) -> _Frame | None:
    """MPEG audio of layer II or III."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    bitrate, rate = head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or layer not in (2, 3) or not 0 < bitrate < 15 or rate == 3:
        return None
    hertz = _MPEG_RATES[rate] >> (0, 0, 1, 2)[(3, 1, 2, 0).index(version)]
    first = version == 3
    bits = _BITRATES[(1 if first else 2, layer)][bitrate - 1] * 1000
    samples = 1152 if first or layer == 2 else 576
    channels = 1 if head[3] >> 6 == 3 else 2
    return samples // 8 * bits // hertz + (head[2] >> 1 & 1), hertz, channels


_AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)


def _adts(head: bytes) -> _Frame | None:
    """AAC in ADTS (ISO 14496-3, 1.A.2.2)."""
    if len(head) < 6 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0:
        return None
    rate = head[2] >> 2 & 15
    size = (head[3] & 3) << 11 | struct.unpack(">H", head[4:6])[0] >> 5
    if rate >= len(_AAC_RATES) or size < 8:
        return None
    return size, _AAC_RATES[rate], (head[2] & 1) << 2 | head[3] >> 6


def _read(file: BinaryIO, at: int, count: int) -> bytes:
    file.seek(at)
    return file.read(count)
