import pytest

from agent.audio.device import Microphone, Speaker
from agent.audio.scripted import ScriptedMicrophone, ScriptedSpeaker, Written
from agent.clock import ManualClock
from agent.errors import DeviceError, EndOfAudio, Overrun

RATE = 16000


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def mic(clock: ManualClock) -> ScriptedMicrophone:
    device = ScriptedMicrophone(rate=RATE, clock=clock)
    device.open()
    return device


@pytest.fixture
def out(clock: ManualClock) -> ScriptedSpeaker:
    device = ScriptedSpeaker(rate=RATE, clock=clock)
    device.open()
    return device


def test_they_are_devices(mic: ScriptedMicrophone, out: ScriptedSpeaker) -> None:
    as_microphone: Microphone = mic
    as_speaker: Speaker = out
    assert as_microphone.realtime
    assert as_speaker.description == "scripted speaker"


def test_the_script_is_played_in_order(mic: ScriptedMicrophone) -> None:
    mic.feed(b"abcd")
    mic.overrun()
    mic.feed(b"ef")
    mic.end()
    assert mic.pending == 4
    assert mic.read() == b"abcd"
    with pytest.raises(Overrun):
        mic.read()
    assert mic.read() == b"ef"
    with pytest.raises(EndOfAudio):
        mic.read()
    assert mic.read() == b""


def test_paced(clock: ManualClock) -> None:
    mic = ScriptedMicrophone(rate=RATE, clock=clock, paced=True)
    mic.open()
    mic.feed(bytes(2 * RATE))
    reads = [mic.read() for _ in range(50)]
    assert {len(read) for read in reads} == {640}
    assert clock.now() == pytest.approx(1.0)


def test_vanish_and_come_back(mic: ScriptedMicrophone) -> None:
    mic.feed(b"ab")
    mic.vanish()
    with pytest.raises(DeviceError, match="not there"):
        mic.read()
    with pytest.raises(DeviceError, match="does not exist"):
        mic.open()
    mic.come_back()
    with pytest.raises(DeviceError):
        mic.read()
    mic.open()
    assert mic.read() == b"ab"
    assert mic.opened == 2


def test_busy(mic: ScriptedMicrophone) -> None:
    mic.close()
    mic.close()
    mic.busy(2)
    for _ in range(2):
        with pytest.raises(DeviceError, match="in use"):
            mic.open()
    mic.open()
    assert mic.is_open


def test_frozen_microphone(mic: ScriptedMicrophone, clock: ManualClock) -> None:
    mic.feed(b"ab")
    mic.freeze()
    assert mic.read() == b""
    assert clock.now() > 0
    mic.thaw()
    assert mic.read() == b"ab"


def test_speaker_records_with_times(out: ScriptedSpeaker, clock: ManualClock) -> None:
    clock.advance(5)
    assert out.write(bytes(1280)) == 0
    clock.advance(0.01)
    out.underrun()
    assert out.write(b"ab") == 1
    assert out.written == [Written(5.0, bytes(1280)), Written(5.01, b"ab")]
    assert out.pcm == bytes(1280) + b"ab"
    assert out.delay > 0.02
    out.drop()
    assert out.delay == 0.0
    out.drain()
    assert out.drops == out.drains == [5.01]
    out.close()


def test_frozen_speaker_gives_up(out: ScriptedSpeaker, clock: ManualClock) -> None:
    out.freeze()
    with pytest.raises(DeviceError, match="takes no sound"):
        out.write(b"ab")
    assert clock.now() == pytest.approx(3.0, abs=0.1)
    out.thaw()
    assert out.write(b"ab") == 0


def test_vanished_speaker(out: ScriptedSpeaker) -> None:
    out.vanish()
    for call in (lambda: out.write(b"ab"), out.drain, out.drop):
        with pytest.raises(DeviceError):
            call()
