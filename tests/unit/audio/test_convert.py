import math
import struct
import subprocess
import sys
from itertools import pairwise
from typing import Literal, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.audio.convert import FORMAT_BYTES, Converter, SampleFormat, Spreader

FORMATS: tuple[SampleFormat, ...] = get_args(SampleFormat)
INTEGERS = tuple(name for name in FORMATS if not name.startswith("float"))


def samples(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}h", *values)


def tone(rate: int, seconds: float, hz: float = 440.0, level: float = 0.5) -> bytes:
    count = int(rate * seconds)
    wave = (math.sin(2 * math.pi * hz * n / rate) for n in range(count))
    return struct.pack(f"<{count}h", *(round(32767 * level * value) for value in wave))


def convert(data: bytes, converter: Converter) -> bytes:
    return converter.feed(data) + converter.flush()


@pytest.mark.parametrize(
    ("sample_format", "data", "expected"),
    [
        ("s8", b"\x80\xff\x00\x7f", samples(-32768, -256, 0, 32512)),
        ("u8", b"\x00\x80\xff", samples(-32768, 0, 32512)),
        ("s16", samples(-32768, 7), samples(-32768, 7)),
        ("s24_3", b"\x99\x01\x80\xff\xff\x7f", samples(-32767, 32767)),
        ("s24", b"\x99\x01\x80\x00\xff\xff\x7f\xff", samples(-32767, 32767)),
        ("s32", b"\x99\x99\x01\x80\xff\xff\xff\x7f", samples(-32767, 32767)),
        ("float", struct.pack("<4f", -1.0, 0.5, 1.0, 9.0), samples(-32768, 16384, 32767, 32767)),
        (
            "float",
            struct.pack("<3f", math.nan, math.inf, -math.inf),
            samples(0, 32767, -32768),
        ),
        ("float64", struct.pack("<2d", 0.25, -7.0), samples(8192, -32768)),
    ],
)
def test_formats(sample_format: SampleFormat, data: bytes, expected: bytes) -> None:
    assert convert(data, Converter(16000, 1, sample_format, 16000)) == expected


@pytest.mark.parametrize("channels", [2, 3, 8])
def test_channels_are_picked_exactly(channels: int) -> None:
    frames = samples(*(100 * frame + ch for frame in range(5) for ch in range(channels)))
    for channel in range(channels):
        picked = convert(frames, Converter(16000, channels, "s16", 16000, channel))
        assert picked == samples(*(100 * frame + channel for frame in range(5)))


@pytest.mark.parametrize("channels", [2, 3, 8])
def test_a_mix_is_the_mean_and_cannot_clip(channels: int) -> None:
    converter = Converter(16000, channels, "s16", 16000, "mix")
    loud = samples(*[32767] * channels, *[-32768] * channels)
    assert convert(loud, converter) == samples(32767, -32768)
    quiet = samples(6000, *[0] * (channels - 1))
    assert convert(quiet, converter) == samples(6000 // channels)


@pytest.mark.parametrize("channel", [-1, 2])
def test_a_channel_that_is_not_there_is_refused(channel: int) -> None:
    with pytest.raises(ValueError, match=f"channel {channel} is not one of 0 to 1"):
        Converter(16000, 2, "s16", 16000, channel)


@settings(max_examples=60, deadline=None)
@given(
    data=st.binary(max_size=4000),
    cuts=st.lists(st.integers(0, 4000), max_size=12),
    sample_format=st.sampled_from(FORMATS),
    channels=st.sampled_from([1, 2, 3]),
    channel=st.sampled_from([0, "mix"]),
    rates=st.sampled_from([(16000, 16000), (48000, 16000), (44100, 8000), (8000, 16000)]),
)
def test_any_split_of_the_input_gives_the_same_output(
    data: bytes,
    cuts: list[int],
    sample_format: SampleFormat,
    channels: int,
    channel: int | Literal["mix"],
    rates: tuple[int, int],
) -> None:
    def fresh() -> Converter:
        return Converter(rates[0], channels, sample_format, rates[1], channel)

    split = fresh()
    edges = sorted({0, *(min(cut, len(data)) for cut in cuts), len(data)})
    pieces = [split.feed(data[a:b]) for a, b in pairwise(edges)]
    assert b"".join([*pieces, split.flush()]) == convert(data, fresh())
    assert all(len(piece) % 2 == 0 for piece in pieces)


@pytest.mark.parametrize("rates", [(48000, 16000), (44100, 16000), (8000, 16000), (16000, 8000)])
def test_a_tone_stays_a_tone_at_another_rate(rates: tuple[int, int]) -> None:
    out = convert(tone(rates[0], 1.0), Converter(rates[0], 1, "s16", rates[1]))
    expected = struct.unpack(f"<{rates[1]}h", tone(rates[1], 1.0))
    heard = struct.unpack(f"<{len(out) // 2}h", out)
    assert len(heard) == len(expected)
    middle = range(rates[1] // 10, rates[1] * 9 // 10)
    assert max(abs(heard[n] - expected[n]) for n in middle) < 40


def test_full_scale_is_clipped_not_wrapped() -> None:
    square = samples(*([32767] * 40 + [-32768] * 40) * 200)
    out = convert(square, Converter(48000, 1, "s16", 16000))
    heard = struct.unpack(f"<{len(out) // 2}h", out)
    # Wrapping would turn the overshoot of a plateau into the other sign.
    jumps = sum(abs(a - b) > 40000 for a, b in pairwise(heard))
    assert jumps <= 2 * 200
    assert max(heard) == 32767
    assert min(heard) == -32768


def test_after_flush_a_new_stream_begins() -> None:
    converter = Converter(48000, 1, "s16", 16000)
    sound = tone(48000, 0.1)
    converter.feed(b"x")
    converter.flush()
    assert convert(sound, converter) == convert(sound, Converter(48000, 1, "s16", 16000))


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("sample_format", INTEGERS)
def test_spreader_and_converter_are_inverse(sample_format: SampleFormat, channels: int) -> None:
    sound = samples(-32768, -256, 0, 256, 32512)  # all fit in 8 bits
    spreader = Spreader(16000, 16000, channels, sample_format)
    frames = spreader.feed(sound) + spreader.flush()
    assert len(frames) == 5 * channels * FORMAT_BYTES[sample_format]
    for channel in range(channels):
        back = Converter(16000, channels, sample_format, 16000, channel)
        assert convert(frames, back) == sound


def test_spreader_raises_the_rate() -> None:
    spreader = Spreader(16000, 48000, 2, "s32")
    frames = spreader.feed(tone(16000, 0.5)) + spreader.flush()
    assert len(frames) == 24000 * 8
    back = convert(frames, Converter(48000, 2, "s32", 48000, 1))
    heard = struct.unpack("<24000h", back)
    expected = struct.unpack("<24000h", tone(48000, 0.5))
    assert max(abs(heard[n] - expected[n]) for n in range(3000, 21000)) < 40


def test_pass_through_is_the_same_object_and_imports_nothing_heavy() -> None:
    code = """
import sys
from agent.audio.convert import Converter
data = bytes(range(256))
assert Converter(16000, 1, "s16", 16000).feed(data) is data
Converter(16000, 2, "s16", 16000, "mix").feed(data)
Converter(16000, 2, "s32", 16000, 1).feed(data)
Converter(16000, 8, "s24", 16000, 5).feed(data)
assert not {"numpy", "soxr"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
