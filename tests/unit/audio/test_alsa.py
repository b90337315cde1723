import errno
import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.audio import alsa_errors
from agent.audio.alsa import AlsaMicrophone, AlsaSpeaker
from agent.audio.card import best_rate
from agent.audio.device import microphone, speaker
from agent.clock import ManualClock
from agent.errors import DeviceError, Overrun, UsageError
from tests.unit.audio.fake_alsa import EPIPE, FakeCard, failure, hardware

__all__ = ["hardware"]

RATE = 16000
SOUND = struct.pack("<640h", *range(640))  # one period


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def mic(hardware: FakeCard, clock: ManualClock) -> Iterator[AlsaMicrophone]:
    device = AlsaMicrophone("hw:1,0", rate=RATE, clock=clock)
    device.open()
    yield device
    device.close()


def test_capture_asks_for_the_target_first(mic: AlsaMicrophone, hardware: FakeCard) -> None:
    (asked,) = hardware.opened
    assert asked["mode"] == 1  # non-blocking, or a busy card would be waited for
    assert (asked["rate"], asked["channels"], asked["format"]) == (RATE, 1, "S16_LE")
    assert asked["periodsize"] == 640
    assert mic.description == (
        "hw:1,0 16000 Hz 1 ch S16_LE period 40 ms buffer 240 ms -> 16000 Hz mono"
    )
    hardware.reads.append(SOUND)
    assert mic.read() == SOUND


def test_capture_converts_what_the_hardware_has(hardware: FakeCard, clock: ManualClock) -> None:
    hardware.rates, hardware.channels = [44100, 48000], [2]
    hardware.formats = ["FLOAT_BE", "S32_LE"]
    mic = AlsaMicrophone("hw:1,0", rate=RATE, channel=1, clock=clock)
    mic.open()
    assert "48000 Hz 2 ch S32_LE" in mic.description
    second = struct.pack("<4800i", *([0, 1 << 28] * 2400))
    hardware.reads.extend([second] * 10)
    heard = b"".join(mic.read() for _ in range(10))
    values = struct.unpack(f"<{len(heard) // 2}h", heard)
    assert 7000 <= len(values) <= 8000
    assert abs(values[4000] - 4096) <= 1
    assert hardware.calls.count("close") == 1  # the first try was given back
    mic.close()


def test_formats_we_cannot_read_are_refused(hardware: FakeCard, clock: ManualClock) -> None:
    hardware.formats = ["FLOAT_BE"]
    mic = AlsaMicrophone("hw:1,0", rate=RATE, clock=clock)
    with pytest.raises(DeviceError, match=r"hw:1,0 has only samples of FLOAT_BE; .* plughw"):
        mic.open()
    assert hardware.calls[-1] == "close"


@pytest.mark.parametrize(
    ("rates", "wanted", "best"),
    [
        ([44100, 48000], 16000, 48000),
        ([44100], 16000, 44100),
        ([8000, 11025], 16000, 11025),
        (48000, 16000, 48000),
        ((8000, 12000), 16000, 12000),
        ((22050, 96000), 16000, 22050),
        ([], 16000, 16000),
        ([16000, 48000], 8000, 16000),
    ],
)
def test_best_rate(rates: int | tuple[int, int] | list[int], wanted: int, best: int) -> None:
    assert best_rate(rates, wanted) == best


def test_a_channel_the_card_lacks(hardware: FakeCard, clock: ManualClock) -> None:
    mic = AlsaMicrophone("hw:1,0", rate=RATE, channels=1, channel=3, clock=clock)
    with pytest.raises(DeviceError, match=r"hw:1,0: channel 3 is not one of 0 to 0; mend"):
        mic.open()
    assert hardware.opened[0]["channels"] == 4
    assert hardware.calls[-1] == "close"


def test_overrun_drops_the_garbage_and_goes_on(mic: AlsaMicrophone, hardware: FakeCard) -> None:
    hardware.reads.extend([EPIPE, SOUND])
    with pytest.raises(Overrun, match="hw:1,0"):
        mic.read()
    assert mic.read() == SOUND


def test_overruns_without_a_frame_between_are_a_lost_device(
    mic: AlsaMicrophone, hardware: FakeCard, clock: ManualClock
) -> None:
    """What is left of a PCM whose sound server died overruns at once, for ever."""
    for _ in range(5):  # a busy machine overruns too, but hears something between
        hardware.reads.extend([EPIPE] * 3 + [SOUND])
        for _ in range(3):
            with pytest.raises(Overrun):
                mic.read()
        assert mic.read() == SOUND
    hardware.reads.extend([EPIPE] * 1000)
    reads, before = 0, clock.now()
    with pytest.raises(DeviceError, match="hw:1,0 gives overruns and no sound"):  # noqa: PT012
        while True:
            try:
                mic.read()
            except Overrun:
                reads += 1
    assert reads < 20
    assert clock.now() > before, "it does not spin"


def test_overrun_that_pyalsaaudio_0_10_hides(mic: AlsaMicrophone, hardware: FakeCard) -> None:
    hardware.state = "XRUN"
    hardware.reads.extend([SOUND, SOUND])
    with pytest.raises(Overrun):
        mic.read()
    hardware.state = "RUNNING"
    assert mic.read() == SOUND


def test_reading_comes_before_waiting(mic: AlsaMicrophone, hardware: FakeCard) -> None:
    """A stream that is only prepared never wakes poll: a read has to start it."""
    hardware.reads.extend([b"", SOUND])
    assert mic.read() == SOUND
    assert hardware.calls == ["read", "wait", "read"]


def test_a_running_card_is_waited_for_before_each_read(
    mic: AlsaMicrophone, hardware: FakeCard
) -> None:
    """One that moves by single frames would give a few of the next period, and its end late."""
    hardware.reads.extend([SOUND, SOUND, SOUND])
    assert [len(mic.read()) for _ in range(3)] == [1280] * 3
    assert hardware.calls == ["read", "wait", "read", "wait", "read"]


def test_silence_of_the_device_is_an_error_after_a_second(
    mic: AlsaMicrophone, hardware: FakeCard, clock: ManualClock
) -> None:
    clock.advance(2.5)  # it may take that long to start
    assert mic.read() == b""
    hardware.reads.append(SOUND)
    mic.read()
    clock.advance(0.9)
    assert mic.read() == b""
    clock.advance(0.2)
    with pytest.raises(DeviceError, match="hw:1,0 delivers nothing"):
        mic.read()


def test_poll_that_wakes_for_nothing_does_not_spin(mic: AlsaMicrophone, clock: ManualClock) -> None:
    before = clock.now()
    assert mic.read() == b""
    assert clock.now() > before


def test_a_source_faster_than_real_time_is_held_back_by_the_clock(
    mic: AlsaMicrophone, hardware: FakeCard, clock: ManualClock
) -> None:
    """ALSA's ``null`` always has a period of silence: reading it as it comes takes a whole core."""
    begin = clock.now()
    for _ in range(40):
        hardware.reads.append(SOUND)
        mic.read()
    before = clock.now()
    assert before - begin < 0.2, "so much may be what waited while nobody read"
    for _ in range(250):
        hardware.reads.append(SOUND)
        mic.read()
    assert clock.now() - before == pytest.approx(10.0, abs=0.1)


def test_a_card_is_held_back_by_nothing_but_its_own_clock(
    mic: AlsaMicrophone, hardware: FakeCard, clock: ManualClock
) -> None:
    before, passed = clock.now(), 0.0
    for n in range(25 * 60):
        hardware.reads.append(SOUND)
        if n % 200 > 5:  # now and then it was not read until its buffer was full
            clock.advance(0.0399)  # a card that is fast, by much more than any is
            passed += 0.0399
        mic.read()
    assert clock.now() - before == pytest.approx(passed)


def test_closed_devices_say_so(hardware: FakeCard, clock: ManualClock) -> None:
    mic = AlsaMicrophone("hw:1,0", rate=RATE, clock=clock)
    out = AlsaSpeaker("hw:1,0", rate=RATE, clock=clock)
    mic.close()
    out.close()
    with pytest.raises(DeviceError, match="not open"):
        mic.read()
    for call in (lambda: out.write(b""), out.drain, out.drop):
        with pytest.raises(DeviceError, match="not open"):
            call()


@pytest.mark.parametrize(
    ("code", "mend"),
    [
        (errno.EBUSY, "is in use by another program; .*fuser"),
        (errno.EACCES, "usermod -aG audio"),
        (errno.EPERM, "usermod -aG audio"),
        (errno.EHOSTDOWN, "has no sound server; start PulseAudio or PipeWire"),
        (524, "has no monitor with loudspeakers at its HDMI socket; .*dragoman devices"),
        (errno.ENODEV, "is not there; plug it in, or choose another: dragoman devices$"),
        (errno.ENXIO, "is not there; plug it in, "),
        (errno.ENOENT, "does not exist; did you mean plughw:CARD=Mic,DEV=0.*dragoman devices"),
        (errno.ECONNREFUSED, "start PulseAudio"),
        (errno.EINVAL, "let ALSA convert: plughw"),
        (errno.ESTRPIPE, "suspended"),
        (errno.EDOM, "failed: Numerical argument"),
    ],
)
def test_every_refusal_names_device_and_mend(
    hardware: FakeCard, clock: ManualClock, code: int, mend: str
) -> None:
    hardware.open_errors.extend([code, code])
    for device, role in (
        (microphone("plughw:CARD=Mik,DEV=0", rate=RATE, clock=clock), "microphone"),
        (speaker("plughw:CARD=Mik,DEV=0", rate=RATE, clock=clock), "speaker"),
    ):
        with pytest.raises(DeviceError, match=f"^{role} plughw:CARD=Mik,DEV=0 .*{mend}") as error:
            device.open()
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("code", [errno.ENOENT, errno.ENODEV, errno.ENXIO])
def test_cards_that_exist_but_are_forbidden(
    hardware: FakeCard, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """ALSA finds no card, or no file, where it may not look."""
    monkeypatch.setattr(alsa_errors, "_cards_are_locked", lambda: True)
    hardware.open_errors.append(code)
    with pytest.raises(DeviceError, match="usermod -aG audio"):
        AlsaMicrophone("plughw:CARD=Mic", rate=RATE, clock=clock).open()


def test_a_mixer_of_another_user_is_no_matter_of_groups(
    hardware: FakeCard, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("controlC0", "pcmC0D0p"):
        (tmp_path / name).touch()
    monkeypatch.setattr(alsa_errors, "DEV", tmp_path)
    hardware.open_errors.append(errno.EACCES)
    with pytest.raises(DeviceError, match="default is mixed for the programs of another user"):
        AlsaSpeaker("default", rate=RATE, clock=clock).open()


def test_who_was_put_into_the_group_must_log_in_again(
    hardware: FakeCard, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alsa_errors, "_is_in_audio", lambda user: True)
    hardware.open_errors.append(errno.EACCES)
    with pytest.raises(DeviceError, match=r"was put into group audio since; log in again$"):
        AlsaSpeaker("default", rate=RATE, clock=clock).open()


def test_unplugged_while_capturing(mic: AlsaMicrophone, hardware: FakeCard) -> None:
    hardware.reads.append(failure(errno.ENODEV))
    with pytest.raises(DeviceError, match="hw:1,0 is not there; plug it in"):
        mic.read()
    mic.open()
    hardware.reads.append(SOUND)
    assert mic.read() == SOUND


def test_without_pyalsaaudio(monkeypatch: pytest.MonkeyPatch, clock: ManualClock) -> None:
    monkeypatch.setitem(sys.modules, "alsaaudio", None)
    with pytest.raises(UsageError, match=r"pip install 'dragoman\[pi\]'"):
        microphone("default", rate=RATE, clock=clock)
    with pytest.raises(UsageError, match=r"pip install 'dragoman\[pi\]'"):
        speaker("default", rate=RATE, clock=clock)


def test_locked_cards_are_told_by_their_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alsa_errors, "DEV", tmp_path)
    assert not alsa_errors._cards_are_locked()
    (tmp_path / "controlC0").touch()
    assert not alsa_errors._cards_are_locked()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert alsa_errors._cards_are_locked()
