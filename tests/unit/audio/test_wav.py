import struct
import wave
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from agent.audio.wav import WavReader, WavWriter
from agent.errors import DeviceError

SUBFORMAT = bytes.fromhex("000000001000800000aa00389b71")


def chunk(name: bytes, data: bytes, size: int | None = None) -> bytes:
    return (
        name
        + struct.pack("<I", len(data) if size is None else size)
        + data
        + b"\0" * (len(data) % 2)
    )


def fmt(tag: int, channels: int, rate: int, bits: int) -> bytes:
    align = channels * ((bits + 7) // 8)
    return struct.pack("<HHIIHH", tag, channels, rate, rate * align, align, bits)


def extensible(tag: int, channels: int, rate: int, bits: int) -> bytes:
    return fmt(0xFFFE, channels, rate, bits) + struct.pack("<HHIH", 22, bits, 3, tag) + SUBFORMAT


def riff(*chunks: bytes) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize(
    ("tag", "bits", "name"),
    [(1, 8, "u8"), (1, 16, "s16"), (1, 24, "s24_3"), (1, 32, "s32"), (3, 32, "float"),
     (3, 64, "float64")],
)  # fmt: skip
@pytest.mark.parametrize("header", [fmt, extensible])
def test_all_kinds_are_read(
    tmp_path: Path, tag: int, bits: int, name: str, header: Callable[[int, int, int, int], bytes]
) -> None:
    path = tmp_path / "x.wav"
    data = bytes(range(bits // 8 * 2 * 5))
    path.write_bytes(riff(chunk(b"fmt ", header(tag, 2, 22050, bits)), chunk(b"data", data)))
    reader = WavReader(path)
    assert (reader.rate, reader.channels, reader.sample_format) == (22050, 2, name)
    assert reader.frames == 5
    assert reader.read(3) + reader.read(99) == data
    assert reader.read(1) == b""
    reader.rewind()
    assert reader.read(5) == data
    reader.close()


def test_other_chunks_are_skipped_and_what_follows_data_is_not_sound(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(
        riff(
            chunk(b"LIST", b"odd"),
            chunk(b"fmt ", fmt(1, 1, 8000, 16)),
            chunk(b"fact", b"\0\0\0\0"),
            chunk(b"data", b"abcd"),
            chunk(b"LIST", b"not sound"),
        )
    )
    reader = WavReader(path)
    assert reader.read(100) == b"abcd"
    reader.close()


def rf64(size: int, *chunks: bytes, there: bytes = b"12345678ab") -> bytes:
    """A file of more than 4 GB, as its header says: ``size`` bytes of sound."""
    sizes = chunk(b"ds64", struct.pack("<QQQI", 10**10, size, 0, 0))
    body = b"WAVE" + sizes + b"".join(chunks) + chunk(b"fmt ", fmt(1, 2, 8000, 16))
    return b"RF64\xff\xff\xff\xff" + body + chunk(b"data", there, 0xFFFFFFFF)


@pytest.mark.parametrize(("size", "frames"), [(4, 1), (8, 2), (10**10, 2), (0, 2)])
def test_rf64_says_elsewhere_how_much_sound_there_is(
    tmp_path: Path, size: int, frames: int
) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(rf64(size, chunk(b"bext", bytes(602))))
    reader = WavReader(path)
    assert reader.frames == frames
    assert reader.read(100) == b"12345678"[: frames * 4]
    reader.close()


@pytest.mark.parametrize("promised", [0, 1000, 0xFFFFFFFF])
def test_a_truncated_file_has_what_is_there(tmp_path: Path, promised: int) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(
        riff(chunk(b"fmt ", fmt(1, 2, 8000, 16)), chunk(b"data", b"12345678ab", promised))
    )
    reader = WavReader(path)
    assert reader.frames == 2
    assert reader.read(100) == b"12345678"
    reader.close()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"RIFF", "is not a WAV file"),
        (b"ID3\x04" + bytes(50), "is not a WAV file"),
        (riff(chunk(b"fmt ", fmt(1, 1, 8000, 16)), chunk(b"data", b"")), "holds no sound"),
        (riff(chunk(b"fmt ", fmt(1, 1, 8000, 16))), "holds no sound"),
        (riff(chunk(b"fmt ", fmt(0x55, 1, 8000, 16)), chunk(b"data", b"ab")), "compressed"),
        (riff(chunk(b"fmt ", fmt(1, 0, 8000, 16)), chunk(b"data", b"ab")), "damaged"),
        (riff(chunk(b"fmt ", fmt(1, 1, 0, 16)), chunk(b"data", b"ab")), "damaged"),
        (riff(chunk(b"fmt ", b"short"), chunk(b"data", b"ab")), "damaged"),
    ],
)
def test_unusable_files_are_named(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(content)
    with pytest.raises(DeviceError, match=rf"x\.wav .*{reason}"):
        WavReader(path)


def test_missing_and_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match=r"none\.wav cannot be opened: No such file"):
        WavReader(tmp_path / "none.wav")
    with pytest.raises(DeviceError, match="is not a file"):
        WavReader(tmp_path)
    with pytest.raises(DeviceError, match="cannot be opened"):
        WavReader("a\0b")


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.binary(max_size=200),
        st.builds(
            lambda f, rest: riff(chunk(b"fmt ", f)) + rest,
            st.binary(max_size=44),
            st.binary(max_size=60).map(lambda data: chunk(b"data", data)),
        ),
        st.builds(rf64, st.integers(0, 2**64 - 1), st.binary(max_size=40), there=st.binary()),
    )
)
@example(riff(chunk(b"fmt ", fmt(1, 1, 8000, 16)), chunk(b"data", b"abc")))
def test_arbitrary_bytes_are_read_or_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "fuzz.wav"
    path.write_bytes(content)
    try:
        reader = WavReader(path)
    except DeviceError:
        return
    data = reader.read(10**6)
    assert len(data) == reader.frames * reader.frame_bytes > 0
    reader.close()


def read_back(path: Path) -> tuple[int, bytes]:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        return file.getframerate(), file.readframes(file.getnframes())


def test_written_files_are_plain_wav(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    writer = WavWriter(path, 16000)
    assert read_back(path) == (16000, b"")
    writer.write(b"abcd")
    writer.sync()
    assert read_back(path) == (16000, b"abcd")  # while it is still being written
    writer.write(b"efgh")
    writer.forget(1)
    assert writer.samples == 3
    writer.close()
    writer.close()
    assert read_back(path) == (16000, b"abcdef")
    assert path.stat().st_size == 44 + 6


def test_append_goes_on_where_the_last_one_ended(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    for piece in (b"ab", b"cd"):
        writer = WavWriter(path, 8000, append=True)
        writer.write(piece)
        writer.close()
    assert read_back(path) == (8000, b"abcd")
    WavWriter(path, 8000).close()
    assert read_back(path) == (8000, b"")


def test_missing_folder_and_full_disk(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="make the folder first"):
        WavWriter(tmp_path / "no" / "out.wav", 16000)
    with pytest.raises(DeviceError, match="cannot be written: Is a directory"):
        WavWriter(tmp_path, 16000)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_a_device_error() -> None:
    with pytest.raises(DeviceError, match="cannot be written"):
        WavWriter("/dev/full", 16000)
