import math
import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.audio.pcm import audioop, packet_bytes
from agent.audio.ring import SOUND, VOICED
from agent.audio.vad import Endpointer, SpeechEnded, SpeechStarted, Vad


def vowel(rate: int, seconds: float, level: float = 0.3) -> bytes:
    """A voice-like buzz: harmonics of 120 Hz under two formants."""
    count = int(rate * seconds)
    partials = [(k, math.exp(-(((120 * k - 700) / 500) ** 2)) + 0.1) for k in range(1, 25)]
    total = sum(weight for _, weight in partials)
    tone = [
        sum(w * math.sin(2 * math.pi * 120 * k * n / rate) for k, w in partials) / total
        for n in range(count)
    ]
    return struct.pack(f"<{count}h", *(int(32767 * level * value) for value in tone))


def packets(pcm: bytes, rate: int) -> list[bytes]:
    size = packet_bytes(rate)
    return [pcm[i : i + size] for i in range(0, len(pcm) - size + 1, size)]


@pytest.mark.parametrize("rate", [8000, 16000])
def test_a_voice_is_voiced(rate: int) -> None:
    vad = Vad(rate)
    flags = [vad.voiced(packet) for packet in packets(vowel(rate, 0.8), rate)]
    assert sum(flags) >= 0.9 * len(flags)


def noise(rate: int, seconds: float, rms: float, seed: int = 1) -> bytes:
    """White noise of ``rms`` steps."""
    dice, count = random.Random(seed), int(rate * seconds)
    return struct.pack(f"<{count}h", *(round(dice.gauss(0, rms)) for _ in range(count)))


def over(voice: bytes, background: bytes) -> bytes:
    return audioop.add(voice, background[: len(voice)], 2)


def test_digital_silence_is_background() -> None:
    vad = Vad(16000, aggressiveness=0)
    assert [vad.judge(bytes(1280)) for _ in range(100)] == [0] * 100
    step = struct.pack("<640h", *([0, 1] * 320))
    assert vad.judge(step) == 0, "a single step is no sound"


@pytest.mark.parametrize("rms", [2.0, 30.0, 100.0, 300.0])
def test_steady_noise_is_background_once_it_is_known(rms: float) -> None:
    vad = Vad(16000)
    flags = [vad.judge(packet) for packet in packets(noise(16000, 8, rms), 16000)]
    assert sum(flag & VOICED for flag in flags) <= 0.03 * len(flags)
    assert sum(flag != 0 for flag in flags[50:]) <= 0.05 * len(flags)


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("level", [0.3, 0.01, 0.002])
def test_a_voice_is_judged_relative_to_the_noise(rate: int, level: float) -> None:
    """Down to -67 dBFS, over the noise of an I2S microphone."""
    vad = Vad(rate)
    background = noise(rate, 3, 2.0)
    for packet in packets(background, rate):
        vad.judge(packet)
    voice = packets(over(vowel(rate, 0.8, level), background), rate)
    flags = [vad.judge(packet) for packet in voice]
    assert sum(flag & VOICED for flag in flags) >= 0.9 * len(flags)
    assert all(flags), "none of it is certainly background"


def test_what_may_be_speech_is_not_background_though_no_voice_is_found() -> None:
    vad = Vad(16000)
    for packet in packets(noise(16000, 3, 20.0), 16000):
        vad.judge(packet)
    hiss = packets(noise(16000, 0.4, 60.0, seed=2), 16000)
    assert all(vad.judge(packet) & SOUND for packet in hiss)


def test_at_the_start_nothing_is_certain() -> None:
    vad = Vad(16000)
    assert all(vad.judge(packet) & SOUND for packet in packets(noise(16000, 1, 20.0), 16000))


def test_a_noise_that_begins_is_background_after_ten_seconds() -> None:
    vad = Vad(16000)
    for packet in packets(noise(16000, 5, 2.0), 16000):
        vad.judge(packet)
    fan = [vad.judge(packet) for packet in packets(noise(16000, 20, 30.0), 16000)]
    assert all(fan[:100])
    assert sum(flag != 0 for flag in fan[300:]) <= 0.05 * 200


@pytest.mark.parametrize("dc", [2320, -900, 30])
def test_dc_is_no_sound(dc: int) -> None:
    vad = Vad(16000)
    stuck = struct.pack("<640h", *([dc] * 640))
    assert vad.judge(stuck) == 0
    shifted = audioop.bias(noise(16000, 8, 3.0), 2, dc)
    flags = [vad.judge(packet) for packet in packets(shifted, 16000)]
    assert sum(flag != 0 for flag in flags[50:]) <= 0.05 * len(flags)
    assert vad.rms == pytest.approx(3.0, rel=0.2)
    voice = over(vowel(16000, 0.8, 0.01), noise(16000, 1, 3.0))
    flags = [vad.judge(packet) for packet in packets(audioop.bias(voice, 2, dc), 16000)]
    assert sum(flag & VOICED for flag in flags) >= 0.9 * len(flags)


@given(st.binary(min_size=1280, max_size=1280))
def test_any_packet_can_be_judged(packet: bytes) -> None:
    vad = Vad(16000)
    assert {vad.judge(packet) for _ in range(3)} <= {0, SOUND, VOICED | SOUND}


def test_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match="1280 bytes, not 640"):
        Vad(16000).voiced(bytes(640))


Change = SpeechStarted | SpeechEnded


def run(flags: str, endpointer: Endpointer, first: int = 0) -> list[tuple[int, Change]]:
    found = []
    for seq, flag in enumerate(flags, first):
        change = endpointer.feed(seq, flag == "x")
        if change:
            found.append((seq, change))
    return found


def test_start_is_where_speech_began_and_end_after_the_last_voiced() -> None:
    found = run("..xx" + "." * 20, Endpointer(), first=100)
    assert found == [(103, SpeechStarted(102)), (123, SpeechEnded(104))]


def test_a_click_does_not_open_and_a_breath_does_not_close() -> None:
    assert run("x.x.x.", Endpointer()) == []
    flags = "xx" + "." * 19 + "x" + "." * 19 + "x" + "." * 20
    assert run(flags, Endpointer()) == [(1, SpeechStarted(0)), (61, SpeechEnded(42))]


def test_missing_packets_count_as_silence() -> None:
    endpointer = Endpointer()
    assert endpointer.feed(0, True) is None
    assert endpointer.feed(5, True) is None
    assert endpointer.feed(6, True) == SpeechStarted(5)
    assert endpointer.feed(50, False) == SpeechEnded(7)


def test_times_are_rounded_up_to_packets() -> None:
    assert run("xxx", Endpointer(open_ms=81)) == [(2, SpeechStarted(0))]
    assert run("x.", Endpointer(open_ms=0, close_ms=1)) == [
        (0, SpeechStarted(0)),
        (1, SpeechEnded(1)),
    ]


def test_reset_forgets() -> None:
    endpointer = Endpointer()
    run("xx", endpointer)
    endpointer.reset()
    assert not endpointer.speaking
    assert endpointer.feed(2, True) is None


@given(st.text("x.", max_size=200))
def test_starts_and_ends_alternate_in_order(flags: str) -> None:
    found = [change for _, change in run(flags, Endpointer())]
    kinds = [type(change) for change in found]
    assert kinds == [SpeechStarted, SpeechEnded] * (len(kinds) // 2) + [SpeechStarted] * (
        len(kinds) % 2
    )
    seqs = [change.seq for change in found]
    assert seqs == sorted(set(seqs))
