import errno
import struct
from collections.abc import Iterator

import pytest

from agent.audio.alsa import AlsaMicrophone, AlsaSpeaker
from agent.clock import ManualClock
from agent.errors import DeviceError
from tests.unit.audio.fake_alsa import EPIPE, FakeCard, failure, hardware

__all__ = ["hardware"]

RATE = 16000
SOUND = struct.pack("<320h", *range(320))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def out(hardware: FakeCard, clock: ManualClock) -> Iterator[AlsaSpeaker]:
    device = AlsaSpeaker("hw:1,0", rate=RATE, clock=clock)
    device.open()
    yield device
    device.close()


def test_short_writes_are_completed(out: AlsaSpeaker, hardware: FakeCard) -> None:
    hardware.writes.extend([100, 0, 50, 0, 0])
    assert out.write(SOUND) == 0
    assert hardware.played == SOUND
    assert hardware.calls == ["write", "wait"] * 5 + ["write"]
    assert out.delay == pytest.approx(0.02)
    assert "buffer 80 ms" in out.description


@pytest.mark.parametrize("underrun", [EPIPE, failure(errno.EPIPE)])
def test_underrun_is_reported_and_nothing_is_lost(
    out: AlsaSpeaker, hardware: FakeCard, underrun: int | Exception
) -> None:
    hardware.writes.extend([underrun, 120])
    assert out.write(SOUND) == 1
    assert hardware.played == SOUND
    assert out.write(SOUND) == 0


@pytest.mark.parametrize("pattern", [[EPIPE], [EPIPE, 320]], ids=["takes nothing", "takes all"])
def test_underruns_without_end_are_a_lost_device(
    out: AlsaSpeaker, hardware: FakeCard, clock: ManualClock, pattern: list[int]
) -> None:
    """What is left of a PCM whose sound server died underruns though it is full, for ever."""
    hardware.writes.extend(pattern * 1000)
    out.write(SOUND) if len(pattern) == 2 else None
    before = clock.now()
    with pytest.raises(DeviceError, match="hw:1,0 underruns without end"):  # noqa: PT012
        for _ in range(100):
            out.write(SOUND)
    assert clock.now() - before < 1
    hardware.writes.clear()
    out.open()
    assert out.write(SOUND) == 0


def test_underruns_of_a_busy_machine_are_survived(
    out: AlsaSpeaker, hardware: FakeCard, clock: ManualClock
) -> None:
    for _ in range(100):
        hardware.writes.extend([EPIPE])
        assert out.write(SOUND) == 1
        clock.advance(0.5)  # it came late, so the card had run dry


@pytest.mark.parametrize("rate", [16000, 44100, 48000])
def test_a_card_that_takes_everything_is_filled_by_the_clock(
    hardware: FakeCard, clock: ManualClock, rate: int
) -> None:
    """So a barge-in is heard soon, however much the card would take."""
    hardware.rates = [rate]
    out = AlsaSpeaker("hw:1,0", rate=RATE, clock=clock)
    out.open()
    for size in [1, 10, 100]:
        before = clock.now()
        out.write(SOUND * size)
        assert out.delay <= 0.0801
        assert clock.now() - before >= 0.02 * size - 0.15  # 80 ms ahead, and in the resampler
    out.close()


@pytest.mark.parametrize("rate", [44100, 48000])
def test_the_buffer_is_as_long_at_any_rate_of_the_card(
    hardware: FakeCard, clock: ManualClock, rate: int
) -> None:
    hardware.rates = [rate]
    out = AlsaSpeaker("hw:1,0", rate=RATE, clock=clock)
    out.open()
    assert "period 20 ms buffer 80 ms" in out.description
    mic = AlsaMicrophone("hw:1,0", rate=RATE, clock=clock)
    mic.open()
    assert "period 40 ms buffer 240 ms" in mic.description


def test_playback_spreads_over_what_the_card_has(hardware: FakeCard, clock: ManualClock) -> None:
    hardware.channels, hardware.formats = [2], ["S32_LE"]
    out = AlsaSpeaker("hw:1,0", rate=RATE, clock=clock)
    out.open()
    hardware.writes.append(7)  # a short write in whole frames of 8 bytes
    out.write(SOUND)
    left = struct.unpack("<640i", hardware.played)[0::2]
    assert [value >> 16 for value in left] == list(range(320))
    out.close()


def test_a_card_that_takes_nothing(out: AlsaSpeaker, hardware: FakeCard) -> None:
    hardware.writes.extend([0] * 10000)
    with pytest.raises(DeviceError, match="hw:1,0 takes no sound"):
        out.write(SOUND)
    hardware.writes.clear()
    hardware.writes.append(failure(errno.ENODEV))
    with pytest.raises(DeviceError, match="is not there; plug it in"):
        out.write(SOUND)


def test_drain_is_bounded(out: AlsaSpeaker, hardware: FakeCard, clock: ManualClock) -> None:
    out.drain()
    assert "drain" not in hardware.calls  # nothing was written: nothing to wait for
    out.write(SOUND)
    hardware.drains.append(failure(errno.EAGAIN))
    hardware.state = "DRAINING"
    before = clock.now()
    out.drain()
    assert clock.now() - before == pytest.approx(0.12, abs=0.01)
    assert hardware.calls[-2:] == ["drain", "drop"]
    assert out.delay == 0.0


@pytest.mark.parametrize("answer", [0, failure(errno.EPIPE)])
def test_drain_that_is_done(
    out: AlsaSpeaker, hardware: FakeCard, clock: ManualClock, answer: int | Exception
) -> None:
    out.write(SOUND)
    hardware.drains.append(answer)
    before = clock.now()
    out.drain()
    assert clock.now() == before


def test_drain_of_a_dead_card(out: AlsaSpeaker, hardware: FakeCard) -> None:
    out.write(SOUND)
    hardware.drains.append(failure(errno.EIO))
    with pytest.raises(DeviceError, match="stopped working"):
        out.drain()


def test_drop_is_silence_at_once(out: AlsaSpeaker, hardware: FakeCard, clock: ManualClock) -> None:
    out.write(SOUND)
    before = clock.now()
    out.drop()
    assert clock.now() == before
    assert hardware.state == "SETUP"
    assert out.delay == 0.0
    assert out.write(SOUND) == 0
    out.close()
    assert hardware.calls[-2:] == ["drop", "close"]  # close alone would drain first
