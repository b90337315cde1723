"""A sound file as pieces for uploading: as it is where the service takes it, else decoded
and, where it is too long, cut at silences."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from agent.audio.convert import Converter
from agent.audio.decode import decode_file
from agent.audio.pcm import PACKET_MS, SAMPLE_BYTES, packet_bytes
from agent.audio.ring import VOICED, Packet
from agent.audio.segment import Segment, Segmenter
from agent.audio.vad import Vad
from agent.audio.wav import WavReader
from agent.errors import DeviceError, UsageError
from agent.services.entry import Entry, Limits, check
from agent.services.shapes import Clip
from agent.transcribe.original import DECODED, original

RATE = 16000
WAV_HEADER = 44  # bytes


@dataclass(frozen=True, slots=True)
class Piece:
    """A clip that begins ``offset_ms`` into the file; ``span`` is where in the file its
    speech lies (ms, first and last), None where it could not be decoded."""

    clip: Clip
    offset_ms: int
    span: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Sound:
    """A file ready for uploading; ``duration_ms`` is None where it could not be decoded."""

    duration_ms: int | None
    pieces: Iterable[Piece]


def prepare(path: Path, entry: Entry) -> Sound:
    """What to upload of the file at ``path``; UsageError where nothing of it can be."""
    own = original(path, entry.limits)
    try:
        pcm = decoded(path, RATE)
    except UsageError:
        if own is None or own.format in DECODED:
            raise
        check(entry, own)  # too large, and not to be cut without decoding
        return Sound(None, [Piece(own, 0, None)])
    duration = len(pcm) * 1000 // (SAMPLE_BYTES * RATE)
    if own is not None and _allowed(entry, own := replace(own, duration_ms=duration)):
        return Sound(duration, [Piece(own, 0, _span(0, _voiced(pcm)))])
    return Sound(duration, cut(pcm, entry.limits))


def decoded(path: Path, rate: int) -> bytes:
    """The file as s16le mono at ``rate``; UsageError names the file, also where it is empty."""
    pcm = _from_wav(path, rate) or decode_file(path, rate)
    if not pcm:
        raise UsageError(f"{path}: holds no sound")
    return pcm


def _from_wav(path: Path, rate: int) -> bytes:
    """As a microphone would hear it; nothing where it is no plain WAV file.

    Its mix of many channels cannot clip, and it resamples better than what decodes the rest.
    """
    try:
        reader = WavReader(path)
    except DeviceError:
        return b""
    try:
        converter = Converter(reader.rate, reader.channels, reader.sample_format, rate)
        return converter.feed(reader.read(reader.frames)) + converter.flush()
    except DeviceError as error:
        raise UsageError(str(error)) from error
    finally:
        reader.close()


def cut(pcm: bytes, limits: Limits) -> Iterator[Piece]:
    """s16le mono at ``RATE`` in pieces within ``limits``; those without speech are left out,
    unless it is the whole."""
    limit = most_packets(limits)
    if limit is None or len(pcm) <= limit * packet_bytes(RATE):
        yield _piece(Segment(0, pcm, True), _voiced(pcm))
        return
    flags: list[bool] = []
    for segment in _segments(pcm, limit, flags):
        if segment.heard:
            yield _piece(segment, flags)


def most_packets(limits: Limits) -> int | None:
    """Packets in the longest WAV file the service takes; None where it sets no limit."""
    most = []
    if limits.seconds is not None:
        most.append(limits.seconds * 1000 // PACKET_MS)
    if limits.bytes is not None:
        size = limits.bytes // 4 * 3 if limits.encoded else limits.bytes
        most.append((size - WAV_HEADER) // packet_bytes(RATE))
    return max(1, min(most)) if most else None


def _segments(pcm: bytes, limit: int, flags: list[bool]) -> Iterator[Segment]:
    """Cuts at silences; ``flags`` grows by each packet's voice activity."""
    segmenter, vad = Segmenter(limit), Vad(RATE)
    for seq, data in enumerate(_packets(pcm)):
        judged = vad.judge(data.ljust(packet_bytes(RATE), b"\0"))
        flags.append(bool(judged & VOICED))
        segment = segmenter.feed(Packet(seq, 0.0, judged, data))
        if segment is not None:
            yield segment
    if (rest := segmenter.finish()) is not None:
        yield rest


def _piece(segment: Segment, flags: list[bool]) -> Piece:
    count = -(-len(segment.pcm) // packet_bytes(RATE))
    duration = len(segment.pcm) * 1000 // (SAMPLE_BYTES * RATE)
    clip = Clip(wav(segment.pcm), "wav", duration, RATE, 1)
    span = _span(segment.start, flags[segment.start : segment.start + count])
    return Piece(clip, segment.start * PACKET_MS, span)


def _span(start: int, flags: list[bool]) -> tuple[int, int]:
    """From the first voiced packet to the last; from end to end where there is none."""
    voiced = [seq for seq, flag in enumerate(flags, start) if flag]
    first, last = (voiced[0], voiced[-1] + 1) if voiced else (start, start + len(flags))
    return first * PACKET_MS, last * PACKET_MS


def _voiced(pcm: bytes) -> list[bool]:
    vad = Vad(RATE)
    return [_is_voiced(vad, data) for data in _packets(pcm)]


def _is_voiced(vad: Vad, data: bytes) -> bool:
    return vad.voiced(data.ljust(packet_bytes(RATE), b"\0"))


def _packets(pcm: bytes) -> Iterator[bytes]:
    size = packet_bytes(RATE)
    return (pcm[at : at + size] for at in range(0, len(pcm), size))


def wav(pcm: bytes) -> bytes:
    """s16le mono at ``RATE`` as a whole WAV file."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, SAMPLE_BYTES, RATE, 0, "NONE", ""))
        file.writeframes(pcm)
    return out.getvalue()


def _allowed(entry: Entry, clip: Clip) -> bool:
    try:
        check(entry, clip)
    except UsageError:
        return False
    return True
