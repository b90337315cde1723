"""Samples (s16le mono, 16 kHz): of files, and whether some are among others unchanged."""

from __future__ import annotations

import wave
from array import array
from pathlib import Path

BYTES_PER_S = 32_000
_PROBE = BYTES_PER_S // 50  # so much of the beginning says where to compare


def samples(path: Path) -> bytes:
    """The samples of a WAV file, without the silence around them."""
    with wave.open(str(path)) as file:
        pcm: bytes = file.readframes(file.getnframes())
    return trimmed(pcm)


def trimmed(pcm: bytes) -> bytes:
    """Without the whole silent samples at both ends."""
    start = (len(pcm) - len(pcm.lstrip(b"\0"))) // 2 * 2
    end = (len(pcm.rstrip(b"\0")) + 1) // 2 * 2
    return pcm[start:end]


def compared(sent: bytes, heard: bytes, start: int = 0) -> tuple[int, str]:
    """Compare ``sent`` with where it begins in ``heard``, at ``start`` or later.

    Returns where to look for what comes next, and what was made of ``sent``: empty when
    it is there in one piece.
    """
    begin = _found(sent[:_PROBE], heard, start)
    if begin < 0:
        return start, f"not in the {(len(heard) - start) / BYTES_PER_S:.1f} s heard"
    if heard[begin : begin + len(sent)] == sent:
        return begin + len(sent), ""
    return begin + _PROBE, _difference(sent, heard, begin)


def _difference(sent: bytes, heard: bytes, begin: int) -> str:
    pairs = list(zip(_values(sent), _values(heard[begin:]), strict=False))
    same = 2 * next((n for n, (ours, theirs) in enumerate(pairs) if ours != theirs), len(pairs))
    after = f"after {same / BYTES_PER_S:.2f} s"
    goes_on = _found(sent[same : same + _PROBE], heard, begin + same)
    put_in = heard[begin + same : max(0, goes_on)]
    if not put_in or any(put_in):
        return f"another {after}"
    return f"{len(put_in) / BYTES_PER_S * 1000:.0f} ms of silence {after}"


def _found(sent: bytes, heard: bytes, start: int) -> int:
    at = heard.find(sent, start)
    while at > 0 and at % 2:  # between two samples: not what was sent
        at = heard.find(sent, at + 1)
    return at


def _values(pcm: bytes) -> array[int]:
    return array("h", pcm[: len(pcm) // 2 * 2])
