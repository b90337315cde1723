"""A spoken translation that came as a WAV file: its samples."""

from __future__ import annotations

import struct

from agent.services.base import SPEECH_RATE
from agent.services.reading import Malformed

_PCM, _EXTENSIBLE = 1, 0xFFFE


def samples(data: bytes) -> bytes:
    """The samples of a WAV file, 16 kHz s16le mono; Malformed (``bad-audio``) for any other.

    A length that is wrong (streams do not know theirs) is that of what is there.
    """
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise Malformed("bad-audio", "no WAV file")
    at, described = 12, False
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        body = data[at + 8 : at + 8 + size]
        if name == b"fmt ":
            _check(body)
            described = True
        elif name == b"data" and described:
            return body[: len(body) & ~1]
        at += 8 + size + (size & 1)
    raise Malformed("bad-audio", "a WAV file without samples")


def _check(fmt: bytes) -> None:
    if len(fmt) < 16:
        raise Malformed("bad-audio", "a WAV file that does not say what it is")
    kind, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", fmt)
    if kind not in (_PCM, _EXTENSIBLE) or (channels, rate, bits) != (1, SPEECH_RATE, 16):
        raise Malformed("bad-audio", f"format {kind}, {channels} channels, {rate} Hz, {bits} bits")
