import os
import struct
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.audio import files
from agent.audio.device import Microphone, microphone, speaker
from agent.audio.files import FileMicrophone, FileSpeaker, NullSpeaker, StdinMicrophone
from agent.audio.pace import Pace, Playout
from agent.clock import ManualClock
from agent.errors import DeviceError, EndOfAudio

RATE = 16000


def samples(count: int, first: int = 0) -> bytes:
    return struct.pack(f"<{count}h", *((first + n) % 30000 for n in range(count)))


def write_wav(path: Path, pcm: bytes, rate: int = RATE, channels: int = 1) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm)
    return path


def read_all(mic: Microphone) -> bytes:
    heard = b""
    try:
        while True:
            heard += mic.read()
    except EndOfAudio:
        return heard


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(start=1000.0)


def test_pace_is_absolute(clock: ManualClock) -> None:
    pace = Pace(RATE, clock)
    pace.wait(320)
    clock.advance(0.05)  # we are late: the next ones are due at once
    for due in (1000.07, 1000.07, 1000.08, 1000.1):
        pace.wait(320)
        assert clock.now() == pytest.approx(due)


def test_playout_counts_gaps_and_never_exceeds_the_buffer(clock: ManualClock) -> None:
    playout = Playout(clock, limit_s=0.1)
    assert not playout.add(0.04)
    assert playout.delay == pytest.approx(0.04)
    assert not playout.add(0.5)
    assert playout.delay == pytest.approx(0.1)
    clock.advance(0.2)
    assert playout.delay == 0.0
    assert playout.add(0.02)
    playout.stop()
    assert not playout.running
    clock.advance(1)
    assert not playout.add(0.02)


def test_file_microphone_is_1_to_1(tmp_path: Path, clock: ManualClock) -> None:
    pcm = samples(RATE + 100)
    path = write_wav(tmp_path / "mic.wav", pcm)
    mic = microphone(f"file:{path}", rate=RATE, clock=clock)
    mic.open()
    heard = b""
    while len(heard) < len(pcm):
        data = mic.read()
        assert 0 < len(data) <= 1280
        heard += data
        clock.advance(0.003)  # the reader is not free
        assert 0 <= clock.now() - 1000.0 - len(heard) / 2 / RATE < 0.004
    assert heard == pcm
    with pytest.raises(EndOfAudio, match=r"mic\.wav"):
        mic.read()
    mic.close()
    mic.close()
    assert not mic.realtime
    assert "16000 Hz 1 ch s16" in mic.description


def test_file_microphone_converts_and_picks(tmp_path: Path, clock: ManualClock) -> None:
    frames = struct.pack("<96000h", *([1000, -1000] * 48000))
    path = write_wav(tmp_path / "mic.wav", frames, rate=48000, channels=2)
    mic = FileMicrophone(path, rate=RATE, channel=1, clock=clock)
    mic.open()
    heard = read_all(mic)
    assert len(heard) == RATE * 2
    assert clock.now() == pytest.approx(1001.0)
    middle = struct.unpack("<8000h", heard[8000:24000])
    assert set(middle) <= {-1001, -1000, -999}
    mic.close()


def test_file_microphone_loops_without_a_seam(tmp_path: Path, clock: ManualClock) -> None:
    path = write_wav(tmp_path / "mic.wav", samples(500))
    mic = FileMicrophone(path, rate=RATE, loop=True, clock=clock)
    mic.open()
    heard = b"".join(mic.read() for _ in range(25))
    assert heard == (samples(500) * 32)[: 25 * 1280]
    mic.close()


def test_file_microphone_begins_anew_when_reopened(tmp_path: Path, clock: ManualClock) -> None:
    mic = FileMicrophone(write_wav(tmp_path / "mic.wav", samples(999)), rate=RATE, clock=clock)
    for _ in range(2):
        mic.open()
        clock.advance(5)
        before = clock.now()
        assert mic.read() == samples(640)
        assert clock.now() == pytest.approx(before + 0.04)
    mic.close()
    with pytest.raises(DeviceError, match="not open"):
        mic.read()


def test_file_microphone_without_that_channel(tmp_path: Path, clock: ManualClock) -> None:
    path = write_wav(tmp_path / "mic.wav", samples(10))
    with pytest.raises(DeviceError, match=r"channel 3 is not one of 0 to 0; mend"):
        FileMicrophone(path, rate=RATE, channel=3, clock=clock).open()


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for fd in ends:
        try:
            os.close(fd)
        except OSError:
            continue  # the test has closed it


def test_stdin_pipe_never_shifts_and_ends(
    pipe: tuple[int, int], clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "POLL_S", 0.0)
    mic = StdinMicrophone(rate=RATE, clock=clock, fd=pipe[0])
    mic.open()
    assert mic.read() == b""
    heard = b""
    for piece in (b"abc", b"d", b"e", b"fgh"):
        os.write(pipe[1], piece)
        data = mic.read()
        assert len(data) % 2 == 0
        heard += data
    assert heard == b"abcdefgh"
    os.close(pipe[1])
    with pytest.raises(EndOfAudio):
        mic.read()
    mic.close()


def test_stdin_pipe_cannot_flood(pipe: tuple[int, int], clock: ManualClock) -> None:
    mic = StdinMicrophone(rate=RATE, clock=clock, fd=pipe[0])
    mic.open()
    os.write(pipe[1], samples(RATE))
    heard = sum(len(mic.read()) for _ in range(50))
    assert heard == 2 * RATE
    assert clock.now() - 1000.0 == pytest.approx(1 / 1.01)


def test_stdin_file_is_read_at_1_to_1(tmp_path: Path, clock: ManualClock) -> None:
    path = tmp_path / "raw"
    path.write_bytes(samples(RATE) + b"x")
    with path.open("rb") as file:
        mic = StdinMicrophone(rate=RATE, clock=clock, fd=file.fileno())
        mic.open()
        heard = read_all(mic)
    assert heard == samples(RATE)
    assert clock.now() == pytest.approx(1001.0)


def test_stdin_terminal_and_closed(clock: ManualClock) -> None:
    leader, terminal = os.openpty()
    with pytest.raises(DeviceError, match="stdin is a terminal; pipe sound in"):
        StdinMicrophone(rate=RATE, clock=clock, fd=terminal).open()
    os.close(leader)
    os.close(terminal)
    with pytest.raises(DeviceError, match="stdin cannot be read: Bad file descriptor"):
        StdinMicrophone(rate=RATE, clock=clock, fd=terminal).open()
    with pytest.raises(DeviceError, match="not open"):
        StdinMicrophone(rate=RATE, clock=clock, fd=terminal).read()


def test_null_speaker_keeps_the_pace_of_a_card(clock: ManualClock) -> None:
    out = speaker("null", rate=RATE, clock=clock)
    assert isinstance(out, NullSpeaker)
    out.open()
    assert sum(out.write(samples(640)) for _ in range(25)) == 0
    assert clock.now() == pytest.approx(1000.9)  # 1 s of sound, 0.1 s still in the buffer
    assert out.delay == pytest.approx(0.1)
    out.drain()
    assert clock.now() == pytest.approx(1001.0)
    clock.advance(1)
    assert out.write(samples(640)) == 0
    clock.advance(1)
    assert out.write(samples(640)) == 1
    out.drop()
    assert out.delay == 0.0
    assert out.write(samples(640)) == 0
    out.close()


def sound_of(path: Path) -> bytes:
    with wave.open(str(path)) as file:
        assert file.getframerate() == RATE
        return bytes(file.readframes(file.getnframes()))


def test_file_speaker_is_readable_at_any_time(tmp_path: Path, clock: ManualClock) -> None:
    path = tmp_path / "out.wav"
    out = speaker(f"file:{path}", rate=RATE, clock=clock)
    out.open()
    said = b""
    for n in range(100):
        piece = samples(640, first=n)
        out.write(piece)
        said += piece
        assert len(said) - len(sound_of(path)) <= 2 * RATE * 1.2
        assert said.startswith(sound_of(path))
    out.drain()
    assert clock.now() == pytest.approx(1004.0)
    assert sound_of(path) == said
    out.close()
    out.close()


def test_file_speaker_drop_forgets_what_nobody_heard(tmp_path: Path, clock: ManualClock) -> None:
    path = tmp_path / "out.wav"
    out = FileSpeaker(path, rate=RATE, clock=clock)
    out.open()
    out.write(samples(RATE))  # waits 0.9 s
    out.drop()
    assert len(sound_of(path)) == 2 * RATE * 9 // 10
    out.write(samples(640, first=7))
    out.close()
    assert sound_of(path) == samples(RATE)[: 2 * RATE * 9 // 10] + samples(640, first=7)


def test_file_speaker_reopened_goes_on(tmp_path: Path, clock: ManualClock) -> None:
    path = tmp_path / "out.wav"
    path.write_bytes(b"something older")
    out = FileSpeaker(path, rate=RATE, clock=clock)
    for _ in range(2):
        out.open()
        out.write(samples(10))
        out.close()
    assert sound_of(path) == samples(10) * 2
    with pytest.raises(DeviceError, match="not open"):
        out.write(b"ab")


def test_speaker_without_its_folder(tmp_path: Path, clock: ManualClock) -> None:
    with pytest.raises(DeviceError, match="make the folder first"):
        speaker(f"file:{tmp_path}/no/out.wav", rate=RATE, clock=clock).open()


def test_no_speaker_is_the_null_speaker(clock: ManualClock) -> None:
    assert isinstance(speaker(None, rate=RATE, clock=clock), NullSpeaker)
    assert isinstance(microphone("stdin", rate=RATE, clock=clock), StdinMicrophone)
