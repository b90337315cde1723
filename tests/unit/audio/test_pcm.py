import struct
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.audio.pcm import (
    SILENCE_DBFS,
    Assembler,
    gain,
    level_dbfs,
    packet_bytes,
    scale,
    without_dc,
)


def samples(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}h", *values)


@pytest.mark.parametrize(("rate", "size"), [(16000, 1280), (8000, 640), (48000, 3840)])
def test_packet_is_40_ms(rate: int, size: int) -> None:
    assert packet_bytes(rate) == size


@given(st.lists(st.binary(max_size=50)), st.sampled_from([2, 4, 10, 16]))
def test_assembler_keeps_every_byte_in_order(reads: list[bytes], size: int) -> None:
    assembler = Assembler(size)
    packets = [packet for read in reads for packet in assembler.feed(read)]
    sent = b"".join(reads)
    assert all(len(packet) == size for packet in packets)
    assert b"".join(packets) == sent[: len(sent) - len(sent) % size]
    whole_samples = len(sent) % size // 2 * 2
    rest = sent[len(sent) - len(sent) % size :][:whole_samples]
    assert assembler.flush() == (rest.ljust(size, b"\0") if whole_samples else None)


def test_assembler_odd_reads_never_shift_samples() -> None:
    assembler = Assembler(4)
    sound = samples(1, 2, 3, 4)
    out = [p for i in range(0, 8, 3) for p in assembler.feed(sound[i : i + 3])]
    assert out == [samples(1, 2), samples(3, 4)]


def test_assembler_forgets_on_reset_and_flush() -> None:
    assembler = Assembler(4)
    assembler.feed(b"abc")
    assembler.reset()
    assert assembler.flush() is None
    assembler.feed(b"ab")
    assert assembler.flush() == b"ab\0\0"
    assert assembler.feed(b"cdef") == [b"cdef"]


@pytest.mark.parametrize("size", [0, -2, 3])
def test_assembler_refuses_impossible_packets(size: int) -> None:
    with pytest.raises(ValueError, match=str(size)):
        Assembler(size)


def test_level() -> None:
    assert level_dbfs(bytes(1280)) == SILENCE_DBFS
    assert level_dbfs(b"") == SILENCE_DBFS
    assert level_dbfs(samples(-32768, 32767)) == pytest.approx(0.0, abs=0.001)
    assert level_dbfs(samples(3277, -3277)) == pytest.approx(-20.0, abs=0.01)


@pytest.mark.parametrize("dc", [2320, -2320, 32767, -32768, 5])
def test_level_is_without_dc(dc: int) -> None:
    """A microphone that is stuck is not loud."""
    assert level_dbfs(samples(dc, dc, dc)) == SILENCE_DBFS
    if abs(dc) < 30000:
        assert level_dbfs(samples(dc + 328, dc - 328)) == pytest.approx(-40.0, abs=0.05)


@given(st.lists(st.integers(-32768, 32767), min_size=1), st.integers(-32767, 32767))
def test_an_offset_is_taken_out_and_never_wraps(values: list[int], offset: int) -> None:
    left = struct.unpack(f"<{len(values)}h", without_dc(samples(*values), offset))
    assert list(left) == [min(32767, max(-32768, value - offset)) for value in values]


def test_volume() -> None:
    sound = samples(-32768, -1, 0, 1, 32767)
    assert scale(sound, 100) is sound
    assert scale(sound, 0) == bytes(10)
    assert struct.unpack("<2h", scale(samples(8000, -8000), 50)) == (1000, -1000)
    assert [gain(v) for v in (-5, 0, 50, 100, 200)] == [0.0, 0.0, 0.125, 1.0, 1.0]


def test_import_gives_no_warning_and_no_numpy() -> None:
    code = "import sys, agent.audio.pcm, agent.audio.device; assert 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
