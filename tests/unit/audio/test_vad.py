import math
import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.audio.pcm import packet_bytes
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


def test_silence_and_whisper_noise_are_not() -> None:
    vad = Vad(16000, aggressiveness=0)
    noise = random.Random(1)
    faint = struct.pack("<640h", *(noise.randint(-20, 20) for _ in range(640)))
    assert not vad.voiced(bytes(1280))
    assert not vad.voiced(faint)


def test_floor_is_what_decides_a_faint_voice() -> None:
    vad = Vad(16000, aggressiveness=0)
    assert not any(vad.voiced(p) for p in packets(vowel(16000, 0.8, level=0.001), 16000))


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
