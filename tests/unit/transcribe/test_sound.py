"""What is uploaded of a file: itself, the whole of it decoded, or pieces cut at silences."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import UsageError
from agent.services.catalog import SERVICES, entry
from agent.services.entry import Limits, check
from agent.transcribe.original import MOST, original
from agent.transcribe.sound import RATE, Piece, cut, most_packets, prepare

WHISPER, FAST, YOUDAO = (entry(n) for n in ("maas-whisper", "maas-fast-asr", "youdao"))
LONG_ASR = entry("tencent-long-asr")
MP3_FRAME = (b"\xff\xfb\x90\x00" + bytes(413)) * 3  # 44.1 kHz stereo, 128 kbit/s
AAC_FRAME = (b"\xff\xf1\x50\x80\x01\x1f\xfc" + b"\0") * 3


class Pcm:
    """Sound that is at hand, in pieces of any length."""

    description = "PCM"

    def __init__(self, pcm: bytes, step: int = 9999) -> None:
        self.duration_ms = len(pcm) * 1000 // (2 * RATE)
        self.closed = False
        self._pieces = (pcm[at : at + step] for at in range(0, len(pcm), step))

    def read(self) -> bytes:
        return next(self._pieces, b"")

    def close(self) -> None:
        self.closed = True


def pieces_of(pcm: bytes, limits: Limits) -> list[Piece]:
    sound = Pcm(pcm)
    pieces = list(cut(sound, limits, "a.wav"))
    assert sound.closed
    return pieces


def speech(seconds: float) -> bytes:
    """Loud noise: speech to any detector."""
    samples = numpy.random.default_rng(1).normal(0, 6000, round(seconds * RATE))
    return bytes(samples.clip(-32768, 32767).astype("<i2").tobytes())


def silence(seconds: float) -> bytes:
    return bytes(round(seconds * RATE) * 2)


def pcm_of(piece: Piece) -> bytes:
    with wave.open(io.BytesIO(piece.clip.data)) as file:
        assert (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (RATE, 2, 1)
        return bytes(file.readframes(file.getnframes()))


# Cutting


def test_what_is_short_enough_is_one_piece_with_the_span_of_its_speech() -> None:
    sound = silence(0.4) + speech(0.8) + silence(0.41)
    (piece,) = pieces_of(sound, Limits(seconds=2))
    assert pcm_of(piece) == sound
    assert (piece.offset_ms, piece.clip.duration_ms) == (0, 1610)
    assert piece.span == (400, 1200)


def test_a_long_one_is_cut_in_its_pauses() -> None:
    sound = speech(1.6) + silence(0.4) + speech(1.2) + silence(0.4) + speech(1.0)
    pieces = pieces_of(sound, Limits(seconds=2))
    # each cut is in the middle of the last pause before the limit
    assert [piece.offset_ms for piece in pieces] == [0, 1800, 3400]
    assert b"".join(map(pcm_of, pieces)) == sound
    assert [piece.span for piece in pieces] == [(0, 1600), (2000, 3200), (3600, 4600)]


def test_pieces_without_speech_are_left_out_and_the_others_keep_their_place() -> None:
    sound = speech(0.8) + silence(8.0) + speech(0.8)
    pieces = pieces_of(sound, Limits(seconds=2))
    spans = [piece.span for piece in pieces]
    assert spans[0] == (0, 800)
    assert spans[-1] == (8800, 9600)
    assert all(pcm_of(piece).strip(b"\0") for piece in pieces)


def test_silence_alone_is_sent_when_it_is_the_whole_and_not_in_pieces() -> None:
    (piece,) = pieces_of(silence(1), Limits(seconds=2))
    assert piece.span == (0, 1000)
    assert pieces_of(silence(5), Limits(seconds=2)) == []


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 1500)), min_size=1, max_size=6))
def test_pieces_are_within_the_limit_and_where_they_say(parts: list[tuple[bool, int]]) -> None:
    sound = b"".join((speech if loud else silence)(ms / 1000) for loud, ms in parts)
    for piece in pieces_of(sound, Limits(seconds=1)):
        at = piece.offset_ms * RATE // 1000 * 2
        data = pcm_of(piece)
        assert data == sound[at : at + len(data)]
        assert len(data) <= RATE * 2
        assert piece.span is not None
        first, last = piece.span
        assert piece.offset_ms <= first < last <= piece.offset_ms + 1000


LIMITED = [n for n in SERVICES if most_packets(entry(n).limits) < most_packets(Limits())]


@pytest.mark.parametrize("name", LIMITED)
def test_the_longest_piece_is_what_the_service_just_takes(name: str) -> None:
    packets = most_packets(entry(name).limits)
    (longest,) = pieces_of(bytes(packets * 1280), Limits())
    check(entry(name), longest.clip)
    (longer,) = pieces_of(bytes(packets * 1280 + 1280), Limits())
    with pytest.raises(UsageError, match="takes at most"):
        check(entry(name), longer.clip)


def test_a_piece_is_small_enough_to_be_held_whatever_the_service_takes() -> None:
    assert most_packets(WHISPER.limits) * 1280 < 8 * 2**20


def test_sound_without_samples_is_refused() -> None:
    with pytest.raises(UsageError, match=r"a\.wav: holds no sound"):
        pieces_of(b"", Limits())


def test_bytes_count_with_the_header_and_as_base64() -> None:
    assert most_packets(Limits(bytes=44 + 2 * 1280)) == 2
    assert most_packets(Limits(bytes=44 + 2 * 1280 - 1)) == 1
    assert most_packets(Limits(bytes=4 * 1280, encoded=True)) == 2
    assert most_packets(Limits(seconds=1, bytes=2**20)) == 25


# Files as they are


@pytest.mark.parametrize(
    ("name", "data", "format"),
    [
        ("a.mp3", b"ID3\x04\0\0\0\0\0\0" + MP3_FRAME, "mp3"),
        ("a.MP3", MP3_FRAME, "mp3"),
        ("a.mpga", MP3_FRAME, "mpga"),
        ("a.m4a", MP3_FRAME, "mp3"),  # what it is counts, not what it is called
        ("a", MP3_FRAME, "mp3"),
        ("a.mp3", b"RIFF....WAVE", None),
        ("a.mp3", b"\xff\xfb\x90\x00", None),
        ("a.mp3", AAC_FRAME, None),  # not of Whisper's list
        ("a.m4a", b"\0\0\0\x20ftypM4A ", "m4a"),
        ("a.mp4", b"\0\0\0\x20ftypisom", "mp4"),
        ("a.webm", b"\x1aE\xdf\xa3", "webm"),
        ("a.flac", b"fLaC", None),
        ("a.wav", b"RIFF....WAVE", None),  # converted: smaller, and every service's
        ("a.mp3", MP3_FRAME + bytes(MOST), None),  # too large to be held whole: cut
    ],
)
def test_what_a_file_is_decides(tmp_path: Path, name: str, data: bytes, format: str | None) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    clip = original(path, WHISPER.limits)
    assert (clip and clip.format) == format
    assert clip is None or clip.data == data


def test_the_rate_of_an_mp3_file_decides_where_the_service_has_rates(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(MP3_FRAME)
    assert original(path, YOUDAO.limits) is None
    mono = (b"\xff\xf3\x48\xc4" + bytes(140)) * 3  # MPEG-2, 16 kHz, one channel, 32 kbit/s
    path.write_bytes(mono)
    clip = original(path, YOUDAO.limits)
    assert clip is not None
    assert (clip.rate, clip.channels) == (16000, 1)


@pytest.mark.parametrize(("data", "rate"), [(b"#!AMR\n", 8000), (b"#!AMR-WB\n", 16000)])
def test_amr_says_its_rate(tmp_path: Path, data: bytes, rate: int) -> None:
    path = tmp_path / "a.amr"
    path.write_bytes(data)
    clip = original(path, LONG_ASR.limits)
    assert clip is not None
    assert clip.rate == rate


def test_a_file_nobody_here_can_decode_goes_to_a_service_that_can(tmp_path: Path) -> None:
    path = tmp_path / "a.amr"  # as WeChat calls them
    path.write_bytes(b"\x02#!SILK_V3" + bytes(100))
    upload = prepare(path, LONG_ASR)
    (piece,) = upload.pieces
    assert (upload.duration_ms(), piece.span, piece.clip.format) == (None, None, "silk")
    with pytest.raises(UsageError, match=r"a\.amr: SILK cannot be decoded here"):
        prepare(path, WHISPER)


def test_a_file_that_cannot_be_cut_names_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "a.silk"
    path.write_bytes(b"#!SILK_V3" + bytes(5 * 2**20))
    with pytest.raises(UsageError, match="takes at most 5 MB"):
        prepare(path, LONG_ASR)


@pytest.mark.parametrize("data", [b"", b"no sound", MP3_FRAME[:4] * 99])
def test_what_is_no_sound_is_refused_by_name(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(data)
    for service in (YOUDAO, WHISPER):
        with pytest.raises(UsageError, match=r"a\.mp3: "):
            prepare(path, service)
    with pytest.raises(UsageError, match="nowhere"):
        prepare(tmp_path / "nowhere.mp3", FAST)
    with pytest.raises(UsageError, match="directory"):
        prepare(tmp_path, FAST)


def test_a_wav_without_samples_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
    with pytest.raises(UsageError, match=r"a\.wav"):
        prepare(path, FAST)


def test_six_channels_of_one_sound_are_that_sound(tmp_path: Path) -> None:
    path, samples = tmp_path / "a.wav", numpy.frombuffer(speech(0.4), "<i2")
    with wave.open(str(path), "wb") as file:
        file.setparams((6, 2, RATE, 0, "NONE", ""))
        file.writeframes(numpy.repeat(samples, 6).tobytes())
    (piece,) = prepare(path, FAST).pieces
    heard = numpy.frombuffer(pcm_of(piece), "<i2").astype(int)
    assert abs(heard - samples.astype(int)).max() <= 1
