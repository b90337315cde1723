"""Sound files to samples: WAV here, others by ffmpeg in a cage, words for the rest."""

from __future__ import annotations

import ctypes
import io
import math
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import wave
from array import array
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.audio import cage
from agent.audio.decode import SPEECH_S, Decoded, NoDecoder, decode_speech, open_sound
from agent.audio.kinds import kind_of
from agent.audio.pcm import level_dbfs
from agent.errors import UsageError

RATE = 16000
FFMPEG = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
FORMATS = ("mp3", "flac", "ogg", "m4a", "opus", "webm", "aac", "wma", "aiff", "caf", "au")


def tone(rate: int, seconds: float = 1.0) -> bytes:
    """440 Hz at half of full scale."""
    step = 2 * math.pi * 440 / rate
    return array(
        "h", [round(16000 * math.sin(n * step)) for n in range(int(rate * seconds))]
    ).tobytes()


def wav(rate: int = RATE, channels: int = 1, seconds: float = 1.0) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((channels, 2, rate, 0, "NONE", ""))
        samples = array("h", tone(rate, seconds))
        file.writeframes(array("h", [s for s in samples for _ in range(channels)]).tobytes())
    return out.getvalue()


def frequency(pcm: bytes) -> int:
    """How often the wave rises through zero in a second, seen in the middle of it."""
    samples = array("h", pcm)[RATE // 4 : RATE * 3 // 4]
    return 2 * sum(a < 0 <= b for a, b in pairwise(samples))


def decoded(path: Path, rate: int = RATE) -> bytes:
    sound = open_sound(path, rate)
    try:
        return b"".join(iter(sound.read, b""))
    finally:
        sound.close()


def encoded(folder: Path, ending: str, *options: str, seconds: float = 1.0) -> Path:
    """A tone as ffmpeg writes it."""
    path, command = folder / f"a.{ending}", ["ffmpeg", "-v", "error", "-y", "-i", "pipe:0"]
    sound = wav(seconds=seconds)
    if subprocess.run([*command, *options, path], input=sound, check=False).returncode:
        pytest.skip(f"this ffmpeg cannot write {ending}")
    return path


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("examples")
    return {ending: encoded(folder, ending).read_bytes() for ending in FORMATS}


def test_what_is_right_already_comes_back_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav())
    assert decoded(path) == tone(RATE)


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (44100, 2), (48000, 1), (16000, 2)])
def test_any_rate_and_channels_become_mono_at_the_rate_asked_for(
    tmp_path: Path, rate: int, channels: int
) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav(rate, channels))
    pcm = decoded(path)
    assert len(pcm) == pytest.approx(2 * RATE, abs=200)
    assert frequency(pcm) == pytest.approx(440, abs=3)
    assert level_dbfs(pcm) == pytest.approx(level_dbfs(tone(RATE)), abs=1)


@FFMPEG
@pytest.mark.parametrize("ending", FORMATS)
def test_files_of_other_formats(tmp_path: Path, ending: str) -> None:
    path = encoded(tmp_path, ending)
    sound = open_sound(path, RATE)
    pieces = list(iter(sound.read, b""))
    sound.close()
    pcm = b"".join(pieces)
    assert len(pcm) == pytest.approx(2 * RATE, rel=0.15)
    assert frequency(pcm) == pytest.approx(440, abs=10)
    assert sound.duration_ms == len(pcm) * 1000 // (2 * RATE)
    assert all(len(piece) % 2 == 0 for piece in pieces)


@FFMPEG
def test_compressed_wav_and_any_name(tmp_path: Path) -> None:
    path = encoded(tmp_path, "wav", "-c:a", "pcm_alaw")
    for name in ("12:30 a.m4a", "http:x.mp3", "-y", "concat:a|b", "ü\n.wav", "%d.flac"):
        renamed = path.rename(tmp_path / name)
        assert frequency(decoded(renamed)) == pytest.approx(440, abs=3)
        path = renamed


@FFMPEG
def test_one_channel_of_several(tmp_path: Path) -> None:
    both = array("h", [s for sample in array("h", tone(RATE)) for s in (sample, 0)])
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((2, 2, RATE, 0, "NONE", ""))
        file.writeframes(both.tobytes())
    path = tmp_path / "a.flac"
    command = ["ffmpeg", "-v", "error", "-i", "pipe:0", str(path)]
    subprocess.run(command, input=out.getvalue(), check=True)
    levels = []
    for channel in (0, 1):
        sound = open_sound(path, RATE, channel)
        levels.append(level_dbfs(b"".join(iter(sound.read, b""))))
        sound.close()
    assert levels[0] > -10 > -90 > levels[1]


# What is refused


@pytest.mark.parametrize(
    "data",
    [
        b"<html>Log in</html>",
        bytes(5000),
        random.Random(1).randbytes(20_000),
        b"\xff\xfb\x90\x00" * 5,  # heads of MP3 frames, and no frames
        b"RIFF\0\0\0\0AVI ",
        b"#EXTM3U\nhttp://127.0.0.1:9/x.ts\n",
    ],
)
def test_what_is_no_sound_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(data)
    with pytest.raises(UsageError, match=r"a\.mp3: no sound of a known format"):
        decoded(path)


@pytest.mark.parametrize(
    ("fmt", "words"),
    [
        (struct.pack("<HHIIHH", 1, 1, 16000, 96000, 6, 48), "samples of 48 bits"),
        (struct.pack("<HHIIHH", 1, 1, 0, 0, 2, 16), "damaged WAV file .* 0 Hz"),
        (b"short", "format chunk too short"),
    ],
)
def test_a_damaged_wav_goes_to_no_other_decoder(tmp_path: Path, fmt: bytes, words: str) -> None:
    path = tmp_path / "a.wav"
    chunks = struct.pack("<4sI", b"fmt ", len(fmt)) + fmt + bytes(len(fmt) % 2)
    chunks += struct.pack("<4sI", b"data", 3000) + b"\xff\xfb\x90\x00" * 750
    path.write_bytes(b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WAVE" + chunks)
    with pytest.raises(UsageError, match=rf"a\.wav.*{words}"):
        decoded(path)


def test_a_file_that_is_missing_empty_or_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "speech.wav"
    with pytest.raises(UsageError, match=r"speech\.wav: No such file"):
        open_sound(path, RATE)
    path.touch()
    with pytest.raises(UsageError, match=r"speech\.wav: the file is empty"):
        open_sound(path, RATE)
    os.mkfifo(pipe := tmp_path / "pipe")
    for other in (tmp_path, pipe):
        with pytest.raises(UsageError, match="not a file but a directory or a device"):
            open_sound(other, RATE)
    with pytest.raises(UsageError, match="null"):
        open_sound("a\0b", RATE)


def test_without_ffmpeg_the_mend_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "speech.flac"
    path.write_bytes(b"fLaC" + bytes(100))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NoDecoder, match=r"FLAC is decoded by ffmpeg, .*: apt install ffmpeg"):
        open_sound(path, RATE)
    path.write_bytes(b"\x02#!SILK_V3" + bytes(100))
    with pytest.raises(NoDecoder, match="SILK cannot be decoded here"):
        open_sound(path, RATE)


@FFMPEG
def test_what_even_ffmpeg_cannot_read_is_refused_with_its_reason(tmp_path: Path) -> None:
    path = tmp_path / "speech.m4a"
    path.write_bytes(b"\0\0\0\x20ftypM4A " + bytes(100))
    with pytest.raises(UsageError, match=r"speech\.m4a: cannot be decoded as MP4 \(.+\)"):
        decoded(path)


@FFMPEG
def test_a_video_without_sound_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    source = ["-f", "lavfi", "-i", "testsrc=d=0.2:s=64x64"]
    subprocess.run(["ffmpeg", "-v", "error", *source, "-c:v", "mpeg4", path], check=True)
    with pytest.raises(UsageError, match=r"a\.mp4: cannot be decoded as MP4 \(.*stream.*\)"):
        decoded(path)


# Speech from a service


@FFMPEG
def test_speech_is_mp3_and_nothing_else(examples: dict[str, bytes]) -> None:
    assert frequency(decode_speech(examples["mp3"], RATE)) == pytest.approx(440, abs=3)
    for other, name in (("ogg", "Ogg"), ("flac", "FLAC"), ("aac", "AAC")):
        with pytest.raises(UsageError, match=f"the speech is {name}, not MP3"):
            decode_speech(examples[other], RATE)
    for data in (wav(), b"", b"{}"):
        with pytest.raises(UsageError, match="not MP3"):
            decode_speech(data, RATE)


@FFMPEG
def test_speech_is_bounded(tmp_path: Path) -> None:
    minute = encoded(tmp_path, "mp3", "-b:a", "32k", seconds=60).read_bytes()
    most = SPEECH_S * RATE * 2
    assert 0.99 * most < len(decode_speech(minute * 10, RATE)) <= most


# Bytes of any kind


@FFMPEG
@settings(max_examples=25, deadline=None)
@given(ending=st.sampled_from(FORMATS), seed=st.integers(0, 2**32))
def test_damaged_files_are_decoded_or_refused(
    examples: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory, ending: str, seed: int
) -> None:
    chance = random.Random(seed)
    data = bytearray(examples[ending])
    for _ in range(chance.randrange(1, 40)):
        data[chance.randrange(min(len(data), chance.choice((64, 1024, len(data)))))] ^= 1 << (
            chance.randrange(8)
        )
    path = tmp_path_factory.mktemp("damaged") / "a"
    path.write_bytes(data[: chance.choice((len(data), chance.randrange(1, len(data))))])
    said = str(path)
    try:
        decoded(path)
    except UsageError as error:
        said = str(error)
    assert said.startswith(str(path))
    assert "\n" not in said


@settings(max_examples=300)
@given(st.binary(max_size=3000))
def test_any_bytes_have_a_kind_or_none(data: bytes) -> None:
    kind_of(io.BytesIO(data))


@FFMPEG
@pytest.mark.parametrize("ending", FORMATS)
def test_kinds(examples: dict[str, bytes], ending: str) -> None:
    kind = kind_of(io.BytesIO(examples[ending]))
    assert kind is not None
    assert ending in kind.formats
    if ending in ("mp3", "aac"):
        assert (kind.rate, kind.channels) == (RATE, 1)
        cut = kind_of(io.BytesIO(examples[ending][777:]))  # in the middle of a frame
        assert cut == kind


# The cage


def program(tmp_path: Path, body: str, cpu_s: int = 600) -> list[str]:
    """A caged Python program; to begin with, Python itself takes seconds on a slow processor."""
    path = tmp_path / "caged.py"
    path.write_text(body)
    start = [sys.executable, "-I", "-S", cage.__file__, str(os.getpid()), str(cpu_s)]
    return [*start, sys.executable, "-I", "-S", str(path)]


def _memory_can_be_limited() -> bool:
    ask = "from resource import *; setrlimit(2, (9**9,) * 2); print(*getrlimit(2))"  # RLIMIT_DATA
    asked = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    return asked.stdout.split() == [str(9**9)] * 2


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ("while True: pass", -signal.SIGKILL, ""),
        ("x = bytearray(300_000_000)", 1, "MemoryError"),
        ("open('written', 'w').write('x' * 10)", -signal.SIGXFSZ, ""),
        ("import os; print(sorted(os.environ))", 0, "LC_ALL"),
        ("kept = [open('/dev/null') for _ in range(99)]", 1, "Too many open files"),
    ],
)
def test_what_is_caged_may_use_little(tmp_path: Path, body: str, code: int, words: str) -> None:
    if words == "MemoryError" and not _memory_can_be_limited():
        pytest.skip("memory cannot be limited here (an emulated kernel)")
    if body.startswith("open"):
        body = f"import signal; signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\n{body}"
    command = program(tmp_path, body, cpu_s=1 if body.startswith("while") else 600)
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == code, done.stderr
    assert words in done.stdout + done.stderr
    assert "HOME" not in done.stdout
    assert not (tmp_path / "written").exists() or not (tmp_path / "written").read_text()


def test_what_is_caged_dies_with_whoever_asked_for_it(tmp_path: Path) -> None:
    body = "import time; print('here', flush=True); time.sleep(60)"
    command = program(tmp_path, body)
    command[4] = "PARENT"
    parent = (
        "import os, subprocess, sys\n"
        f"command = {command!r}\n"
        "command[4] = str(os.getpid())\n"
        "child = subprocess.Popen(command, stdout=subprocess.PIPE)\n"
        "child.stdout.readline(); print(child.pid, flush=True); os.kill(os.getpid(), 9)\n"
    )
    if ctypes.CDLL(None).prctl(36, 1, 0, 0, 0):  # PR_SET_CHILD_SUBREAPER: the orphan comes to us
        pytest.skip("orphans cannot be had here (an emulated kernel)")
    try:
        done = subprocess.run([sys.executable, "-c", parent], capture_output=True, check=False)
        orphan = int(done.stdout)
        assert os.waitstatus_to_exitcode(os.waitpid(orphan, 0)[1]) == -signal.SIGKILL
    finally:
        ctypes.CDLL(None).prctl(36, 0, 0, 0, 0)


@FFMPEG
def test_a_decoder_that_crashes_is_an_error_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crashing = tmp_path / "ffmpeg"
    crashing.write_text("#!/bin/sh\nkill -SEGV $$\n")
    crashing.chmod(0o755)
    path = tmp_path / "a.flac"
    path.write_bytes(b"fLaC" + bytes(100))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match=r"cannot be decoded as FLAC \(the decoder crashed\)"):
        decoded(path)


@FFMPEG
def test_nothing_stays_behind_when_it_is_closed_early(tmp_path: Path) -> None:
    path = encoded(tmp_path, "flac", seconds=60)
    before = set(Path("/proc/self/fd").iterdir())
    sound = open_sound(path, RATE)
    assert isinstance(sound, Decoded)
    sound.read()
    sound.close()
    sound.close()
    assert set(Path("/proc/self/fd").iterdir()) == before
    with suppress(ChildProcessError):
        assert os.waitpid(-1, os.WNOHANG) == (0, 0)
