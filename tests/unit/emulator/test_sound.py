"""Sound that comes as a file."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.emulator import ffmpeg
from agent.emulator.engines.tones import decode_tones
from agent.emulator.sound import NoSound, kind_of, read_pcm, read_sound
from tests.unit.emulator.calls import speech, wav

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no ffmpeg")


@pytest.mark.parametrize("width", [1, 2, 3, 4])
@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (16_000, 2), (44_100, 1), (48_000, 6)])
def test_wav_of_any_rate_width_and_channels(rate: int, width: int, channels: int) -> None:
    sound = read_sound(wav(speech(3, 14, rate=rate), rate=rate, channels=channels, width=width))
    assert (sound.kind, sound.rate, sound.bits) == ("wav", rate, 8 * width)
    assert len(sound.channels) == channels
    assert sound.ms == pytest.approx(680, abs=1)
    assert decode_tones(sound.mono, 16_000) == [3, 14]
    assert decode_tones(sound.channel(channels - 1), 16_000) == [3, 14]


def test_channels_are_kept_apart() -> None:
    left, right = (np.frombuffer(speech(word), "<i2") for word in (5, 9))
    both = np.stack([left, right], axis=1).reshape(-1).tobytes()
    stereo = bytearray(wav(both))
    stereo[22], stereo[32] = 2, 4  # channels, and bytes of a frame
    sound = read_sound(bytes(stereo))
    assert [decode_tones(sound.channel(n), 16_000) for n in (0, 1)] == [[5], [9]]


@needs_ffmpeg
@pytest.mark.parametrize(
    ("ending", "kind", "codec"),
    [
        ("mp3", "mp3", "libmp3lame"), ("flac", "flac", "flac"), ("ogg", "ogg", "libvorbis"),
        ("wav", "wav", "pcm_alaw"), ("opus", "ogg", "libopus"), ("m4a", "m4a", "aac"),
        ("webm", "webm", "libopus"), ("aac", "aac", "aac"), ("wma", "wma", "wmav2"),
    ],
)  # fmt: skip
def test_compressed_sound(tmp_path: Path, ending: str, kind: str, codec: str) -> None:
    target = tmp_path / f"speech.{ending}"
    source = ["-f", "s16le", "-ar", "16000", "-ac", "1", "-i", "pipe:0"]
    command = ["ffmpeg", "-v", "error", *source, "-c:a", codec, str(target)]
    if subprocess.run(command, input=speech(7, 21), check=False).returncode:
        pytest.skip(f"this ffmpeg cannot write {codec}")
    sound = read_sound(target.read_bytes())
    assert sound.kind == kind
    assert decode_tones(sound.mono, 16_000) == [7, 21]


@needs_ffmpeg
def test_mp3_is_encoded() -> None:
    mp3 = ffmpeg.encode_mp3(speech(4), 16_000)
    assert mp3 is not None
    assert kind_of(mp3) == "mp3"
    assert decode_tones(read_sound(mp3).mono, 16_000) == [4]


def test_without_ffmpeg_some_formats_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(NoSound, match="M4A needs ffmpeg"):
        read_sound(b"\x00\x00\x00\x1cftypM4A ")


@needs_ffmpeg
def test_a_playlist_is_no_sound() -> None:
    with pytest.raises(NoSound, match="known format"):
        read_sound(b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n")
    with pytest.raises(NoSound, match="readable M4A"):
        read_sound(b"\x00\x00\x00\x1cftypM4A #EXTM3U\nhttp://127.0.0.1:9/x.ts\n")


@given(st.binary(max_size=400) | st.binary(max_size=200).map(lambda b: wav(speech(1))[:44] + b))
def test_any_bytes_are_sound_or_none(data: bytes) -> None:
    with suppress(NoSound):
        assert read_sound(data).channels


def test_pcm_has_no_header() -> None:
    assert decode_tones(read_pcm(speech(8, rate=8_000), 8_000).mono, 16_000) == [8]
    for data in (b"", b"\x00", wav(speech(1)), b"#!AMR\n", b"#!SILK_V3.."):
        with pytest.raises(NoSound):
            read_pcm(data, 16_000)
