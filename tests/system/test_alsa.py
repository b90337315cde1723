"""Our microphone and speaker on real ALSA, with PulseAudio as the card."""

from __future__ import annotations

import argparse
import random
import struct
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count

import pytest

from agent.audio.device import Microphone, microphone, speaker
from agent.cli import devices
from agent.clock import SystemClock
from agent.errors import DeviceError, Overrun
from tests.patience import HANG_S
from tests.system.pulse import RATE, Pulse, pulse, wait_for

__all__ = ["pulse"]

SECOND = 2 * RATE
PACKET = 1280


def noise(seconds: float, seed: int) -> bytes:
    """Sound that occurs nowhere else, so that a piece of it is found by its bytes."""
    dice = random.Random(seed)
    count = int(RATE * seconds)
    return struct.pack(f"<{count}h", *(dice.randint(-8000, 8000) for _ in range(count)))


def packets(pcm: bytes) -> list[bytes]:
    return [pcm[i : i + PACKET] for i in range(0, len(pcm), PACKET)]


def found(sound: bytes, heard: bytes) -> float:
    """Which part of the packets of ``sound`` is in ``heard``, to the bit and in order."""
    places = [heard.find(packet) for packet in packets(sound)]
    there = [place for place in places if place >= 0]
    assert there == sorted(there)
    assert all(place % 2 == 0 for place in there), "samples were shifted"
    return len(there) / len(places)


def read_until(mic: Microphone, done: Callable[[bytes], bool], seconds: float = HANG_S) -> bytes:
    limit, heard = time.monotonic() + seconds, b""
    while not done(heard):
        assert time.monotonic() < limit, f"heard only {len(heard)} bytes"
        try:
            heard += mic.read()
        except Overrun:
            continue  # a busy test machine
    return heard


@pytest.fixture
def mic(pulse: Pulse) -> Iterator[Microphone]:
    device = microphone("mic", rate=RATE, clock=SystemClock())
    device.open()
    yield device
    device.close()


def undisturbed(attempt: Callable[[int], bool]) -> None:
    """Repeat ``attempt`` (given a new number) until it succeeds.

    A busy machine makes the sound server itself leave out or stretch sound; nothing else does.
    """
    numbers = count(1)
    wait_for("a second without a disturbance", lambda: attempt(next(numbers)), 3 * HANG_S)


def test_microphone_hears_what_is_played(pulse: Pulse, mic: Microphone) -> None:
    assert mic.description.startswith("mic 16000 Hz 1 ch S16_LE period 40 ms buffer 240 ms")

    def attempt(number: int) -> bool:
        sound = noise(1.0, seed=number)
        read_until(mic, bool)
        player = threading.Thread(target=pulse.play, args=[sound])
        player.start()
        heard = read_until(mic, lambda heard: len(heard) > 3 * SECOND)
        player.join()
        return found(sound, heard) > 0.5

    undisturbed(attempt)


def test_microphone_keeps_time(mic: Microphone) -> None:
    read_until(mic, bool)
    began = time.monotonic()
    read_until(mic, lambda heard: len(heard) >= SECOND)
    assert time.monotonic() - began > 0.7


def test_microphone_read_too_late_never_shifts(pulse: Pulse, mic: Microphone) -> None:
    read_until(mic, bool)
    sound = noise(2.0, seed=2)
    player = threading.Thread(target=pulse.play, args=[sound])
    player.start()
    heard = read_until(mic, lambda heard: any(packet in heard for packet in packets(sound)[:20]))
    time.sleep(1.0)  # this is the fault itself: nobody reads
    heard += read_until(mic, lambda heard: len(heard) > 3 * SECOND)
    player.join()
    assert found(sound, heard) > 0.1


def test_speaker_is_heard_at_its_pace(pulse: Pulse) -> None:
    out = speaker("speaker", rate=RATE, clock=SystemClock())
    with pulse.recording() as heard:
        out.open()

        def attempt(number: int) -> bool:
            sound = noise(1.0, seed=number)
            began = time.monotonic()
            for packet in packets(sound):
                out.write(packet)
                assert 0 <= out.delay <= 0.1
            out.drain()
            assert time.monotonic() - began > 0.8
            assert out.delay == 0.0
            wait_for_more(heard)
            return found(sound, heard()) > 0.5

        undisturbed(attempt)
        out.close()


def test_drop_is_silence_and_the_speaker_goes_on(pulse: Pulse) -> None:
    out = speaker("speaker", rate=RATE, clock=SystemClock())
    with pulse.recording() as heard:
        out.open()

        def attempt(number: int) -> bool:
            cut, after = noise(0.8, seed=2 * number), noise(0.4, seed=2 * number + 1)
            for packet in packets(cut):
                out.write(packet)
            out.drop()
            assert out.delay == 0.0
            for packet in packets(after):
                out.write(packet)
            out.drain()
            wait_for_more(heard)
            silent = packets(cut)[-1] not in heard()
            return silent and found(cut, heard()) > 0.4 and found(after, heard()) > 0.5

        undisturbed(attempt)
        out.close()


def wait_for_more(heard: Callable[[], bytes]) -> None:
    """Until another second has been recorded, and with it all that was played by now."""
    before = len(heard())
    wait_for("a second more is recorded", lambda: len(heard()) > before + SECOND)


def test_a_device_that_is_not_there(pulse: Pulse, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DeviceError, match=r"^microphone mik does not exist; did you mean mic\?"):
        microphone("mik", rate=RATE, clock=SystemClock()).open()
    with pytest.raises(DeviceError, match=r"^speaker hw:9,0 does not exist"):
        speaker("hw:9,0", rate=RATE, clock=SystemClock()).open()
    assert capfd.readouterr().err == ""  # alsa-lib would print lines of its own


def test_devices_lists_what_can_be_used(pulse: Pulse, capsys: pytest.CaptureFixture[str]) -> None:
    assert devices.run(argparse.Namespace(json=False)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("mic ") and "microphone" in line for line in lines)
    assert any(line.startswith("speaker ") and "speaker  " in line for line in lines)
    assert not any(line.startswith(("null", "samplerate")) for line in lines)


def test_a_sound_server_that_dies_and_comes_back(pulse: Pulse, mic: Microphone) -> None:
    out = speaker("speaker", rate=RATE, clock=SystemClock())
    out.open()
    read_until(mic, bool)
    out.write(noise(0.04, seed=7))
    pulse.kill()
    with pytest.raises(DeviceError, match=r"^microphone mic "):
        read_until(mic, lambda _: False)
    with pytest.raises(DeviceError, match=r"^speaker speaker "):
        out.write(noise(5.0, seed=8))
    for device in (mic, out):
        with pytest.raises(DeviceError, match="start PulseAudio"):
            device.open()
    pulse.start()
    mic.open()
    assert read_until(mic, bool)
    out.open()
    out.write(noise(0.04, seed=9))
    out.close()
