"""A sound file as pieces for uploading: as it is where the service takes it, else decoded
and, where it is too long, cut at silences.  No more than a piece is held in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from agent.audio.decode import NoDecoder, Sound, open_sound
from agent.audio.pcm import PACKET_MS, SAMPLE_BYTES, packet_bytes
from agent.audio.ring import Packet
from agent.audio.segment import Segment, Segmenter
from agent.audio.vad import Vad
from agent.audio.wav import HEADER_BYTES, wav_file
from agent.errors import UsageError
from agent.services.entry import Entry, Limits, check
from agent.services.shapes import Clip
from agent.transcribe.original import original

RATE = 16000
MOST = 90 * 1000 // PACKET_MS  # packets of a piece, whatever a provider would take: 2.9 MB


@dataclass(frozen=True, slots=True)
class Piece:
    """A clip that begins ``offset_ms`` into the file; ``span`` is where in the file its
    speech lies (ms, first and last), None where it could not be decoded."""

    clip: Clip
    offset_ms: int
    span: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Upload:
    """A file ready for uploading; ``duration_ms()`` is what is known of it, for sure when
    all pieces are out; None where it could not be decoded.  To be closed."""

    duration_ms: Callable[[], int | None]
    pieces: Iterable[Piece]
    close: Callable[[], None] = lambda: None


def prepare(path: Path, entry: Entry) -> Upload:
    """What to upload of the file at ``path``; UsageError where nothing of it can be."""
    own = original(path, entry.limits)
    if own is None:
        return _decoded(path, entry.limits)
    try:
        duration, span = _heard(open_sound(path, RATE), path)
    except NoDecoder:
        check(entry, own)  # too large, and not to be cut without decoding
        return Upload(lambda: None, [Piece(own, 0, None)])
    if _allowed(entry, own := replace(own, duration_ms=duration)):
        return Upload(lambda: duration, [Piece(own, 0, span)])
    return _decoded(path, entry.limits)


def _decoded(path: Path, limits: Limits) -> Upload:
    sound = open_sound(path, RATE)
    return Upload(lambda: sound.duration_ms, cut(sound, limits, path), sound.close)


def _heard(sound: Sound, path: Path) -> tuple[int, tuple[int, int]]:
    """How long a sound is (ms), and where in it speech lies."""
    with closing(sound):
        flags = bytearray(packet.voiced for packet in _packets(sound, path))
        return sound.duration_ms or 0, _span(0, flags)


def cut(sound: Sound, limits: Limits, name: str | Path) -> Iterator[Piece]:
    """``sound``, of the file ``name``, in pieces within ``limits``; those without speech are
    left out, unless it is the whole.  UsageError where it is damaged or empty."""
    segmenter, flags = Segmenter(most_packets(limits)), bytearray()
    with closing(sound):
        for packet in _packets(sound, name):
            flags.append(packet.voiced)
            segment = segmenter.feed(packet)
            if segment is not None and segment.heard:
                yield _piece(segment, flags)
        rest = segmenter.finish()
        if rest is not None and (rest.heard or rest.start == 0):
            yield _piece(rest, flags)


def most_packets(limits: Limits) -> int:
    """Packets in the longest WAV file the service takes and we hold."""
    most = [MOST]
    if limits.seconds is not None:
        most.append(limits.seconds * 1000 // PACKET_MS)
    if limits.bytes is not None:
        size = limits.bytes // 4 * 3 if limits.encoded else limits.bytes
        most.append((size - HEADER_BYTES) // packet_bytes(RATE))
    return max(1, min(most))


def _piece(segment: Segment, flags: bytearray) -> Piece:
    count = -(-len(segment.pcm) // packet_bytes(RATE))
    duration = len(segment.pcm) * 1000 // (SAMPLE_BYTES * RATE)
    clip = Clip(wav_file(segment.pcm, RATE), "wav", duration, RATE, 1)
    span = _span(segment.start, flags[segment.start : segment.start + count])
    return Piece(clip, segment.start * PACKET_MS, span)


def _span(start: int, flags: bytearray) -> tuple[int, int]:
    """From the first voiced packet to the last; from end to end where there is none."""
    voiced = [seq for seq, flag in enumerate(flags, start) if flag]
    first, last = (voiced[0], voiced[-1] + 1) if voiced else (start, start + len(flags))
    return first * PACKET_MS, last * PACKET_MS


def _packets(sound: Sound, name: str | Path) -> Iterator[Packet]:
    """The sound as a ring would hold it; the last packet is as long as it is."""
    vad, size, rest, seq = Vad(RATE), packet_bytes(RATE), b"", 0
    ended = False
    while not ended:
        data = sound.read()
        ended = not data
        rest += data
        whole = len(rest) if ended else len(rest) - len(rest) % size
        for at in range(0, whole, size):
            packet = rest[at : at + size]
            yield Packet(seq, 0.0, vad.judge(packet.ljust(size, b"\0")), packet)
            seq += 1
        rest = rest[whole:]
    if not seq:
        raise UsageError(f"{name}: holds no sound")


def _allowed(entry: Entry, clip: Clip) -> bool:
    try:
        check(entry, clip)
    except UsageError:
        return False
    return True
