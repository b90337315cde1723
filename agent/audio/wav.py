"""WAV files: a reader that takes what people really have, and a writer that survives a crash.

The stdlib's ``wave`` refuses float and WAVE_FORMAT_EXTENSIBLE files (until 3.12) and
files whose header promises more than was written; RIFF is simple enough to read here.
"""

from __future__ import annotations

import os
import stat
import struct
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from agent.audio.convert import FORMAT_BYTES, SampleFormat
from agent.audio.pcm import SAMPLE_BYTES
from agent.errors import DeviceError

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_FORMATS: dict[tuple[int, int], SampleFormat] = {
    (_PCM, 1): "u8",
    (_PCM, 2): "s16",
    (_PCM, 3): "s24_3",
    (_PCM, 4): "s32",
    (_FLOAT, 4): "float",
    (_FLOAT, 8): "float64",
}
HEADER_BYTES = 44
_SIZE_MAX = 0xFFFFFFFF
_MAX_CHANNELS = 64
_MAX_RATE = 768_000


class Compressed(DeviceError):
    """A WAV file whose sound has to be decoded: A-law, ADPCM, MP3 …"""


class WavReader:
    """An open WAV file: ``rate`` (Hz), ``channels``, ``sample_format`` and ``frames``.

    8, 16, 24 and 32 bits, float of 32 and 64, with or without WAVE_FORMAT_EXTENSIBLE;
    also of more than 4 GB (RF64, EBU Tech 3306).  A file cut short, or still being
    written, has the frames that are there.
    Raises DeviceError, naming the file, when it cannot be read or holds no sound;
    Compressed where the sound is not in plain samples.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.rate = self.channels = self.frames = self.frame_bytes = 0
        self.sample_format: SampleFormat = "s16"
        self._start = self._end = 0
        self._file = self._open()
        try:
            self._parse()
        except DeviceError:
            self.close()
            raise
        except OSError as error:
            self.close()
            raise self._problem(f"cannot be read: {error.strerror}") from error

    @property
    def seconds(self) -> float:
        """Length of the sound."""
        return self.frames / self.rate

    def read(self, frames: int) -> bytes:
        """Up to ``frames`` whole frames; ``b""`` at the end."""
        left = self._end - self._file.tell()
        try:
            data = self._file.read(max(0, min(frames * self.frame_bytes, left)))
        except OSError as error:
            raise self._problem(f"cannot be read: {error.strerror}") from error
        return data[: len(data) - len(data) % self.frame_bytes]

    def rewind(self) -> None:
        """Go back to the first frame."""
        self._file.seek(self._start)

    def close(self) -> None:
        """Close the file; idempotent."""
        self._file.close()

    def _open(self) -> BinaryIO:
        try:
            # Opening a named pipe would wait for its writer for ever.
            if not stat.S_ISREG(self.path.stat().st_mode):
                raise self._problem("is not a file")
            return self.path.open("rb")
        except (OSError, ValueError) as error:  # ValueError: a null character in the path
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise self._problem(f"cannot be opened: {reason}") from error

    def _parse(self) -> None:
        riff, _, wave = struct.unpack("<4sI4s", self._exactly(12))
        if riff not in (b"RIFF", b"RF64", b"BW64") or wave != b"WAVE":
            raise self._problem("is not a WAV file")
        known, large = False, None
        while True:
            name, size = struct.unpack("<4sI", self._exactly(8))
            if name == b"data" and known:
                return self._found_data(large if large and size == _SIZE_MAX else size)
            read = 0
            if name == b"fmt ":
                self._parse_format(self._exactly(read := min(size, 40)))
                known = True
            elif name == b"ds64" and riff != b"RIFF" and size >= 16:
                large = struct.unpack("<8xQ", self._exactly(read := 16))[0]
            self._file.seek(size + size % 2 - read, os.SEEK_CUR)

    def _parse_format(self, fmt: bytes) -> None:
        if len(fmt) < 16:
            raise self._problem("is a damaged WAV file (format chunk too short)")
        tag, channels, rate, _, align, bits = struct.unpack("<HHIIHH", fmt[:16])
        if tag == _EXTENSIBLE and len(fmt) >= 26:
            tag = struct.unpack("<H", fmt[24:26])[0]
        sample_format = _FORMATS.get((tag, (bits + 7) // 8))
        if sample_format is None and tag not in (_PCM, _FLOAT):
            raise Compressed(f"{self.path} holds compressed audio (format {tag})")
        if sample_format is None:
            raise self._problem(f"has samples of {bits} bits, which no WAV file should have")
        self.frame_bytes = FORMAT_BYTES[sample_format] * channels
        plausible = 0 < channels <= _MAX_CHANNELS and 0 < rate <= _MAX_RATE
        if not plausible or align != self.frame_bytes:
            raise self._problem(f"is a damaged WAV file ({channels} channels, {rate} Hz)")
        self.channels, self.rate, self.sample_format = channels, rate, sample_format

    def _found_data(self, promised: int) -> None:
        self._start = self._file.tell()
        there = os.fstat(self._file.fileno()).st_size - self._start
        # A writer that streamed or was killed leaves 0 or the largest number there.
        size = there if promised in (0, _SIZE_MAX) else min(promised, there)
        self.frames = size // self.frame_bytes
        self._end = self._start + self.frames * self.frame_bytes
        if not self.frames:
            raise self._problem("holds no sound")

    def _exactly(self, count: int) -> bytes:
        data = self._file.read(count)
        if len(data) < count:
            empty = self._file.tell() == 0
            raise self._problem("is empty" if empty else "is not a WAV file, or holds no sound")
        return data

    def _problem(self, what: str) -> DeviceError:
        return DeviceError(f"{self.path} {what}")


def wav_file(pcm: bytes, rate: int) -> bytes:
    """s16le mono at ``rate`` (Hz) as a whole WAV file."""
    return _header(rate, len(pcm)) + pcm


def _header(rate: int, count: int) -> bytes:
    """What comes before ``count`` bytes of s16le mono."""
    size = min(count, _SIZE_MAX - 36)
    fmt = struct.pack("<HHIIHH", _PCM, 1, rate, rate * 2, SAMPLE_BYTES, 16)
    return struct.pack("<4sI4s4sI16s4sI", b"RIFF", size + 36, b"WAVE", b"fmt ", 16, fmt,
                       b"data", size)  # fmt: skip


class WavWriter:
    """A 16-bit mono WAV file at ``rate`` Hz, playable at any moment after :meth:`sync`.

    With ``append`` what an earlier writer left is kept.  All methods raise
    DeviceError, naming the file, when the system refuses.
    """

    def __init__(self, path: str | Path, rate: int, *, append: bool = False) -> None:
        self.path, self.rate = Path(path), rate
        if not self.path.parent.is_dir():
            raise DeviceError(f"{self.path} cannot be written: make the folder first")
        try:
            self._file = self.path.open("r+b" if append and self.path.is_file() else "w+b")
            self._bytes = max(0, self._file.seek(0, os.SEEK_END) - HEADER_BYTES)
            self._bytes -= self._bytes % SAMPLE_BYTES
        except OSError as error:
            raise self._problem(error) from error
        try:
            self.sync()
        except DeviceError:
            self._abandon()
            raise

    @property
    def samples(self) -> int:
        """Samples in the file."""
        return self._bytes // SAMPLE_BYTES

    def write(self, pcm: bytes) -> None:
        """Add whole samples."""
        try:
            self._file.write(pcm)
        except OSError as error:
            raise self._problem(error) from error
        self._bytes += len(pcm)

    def forget(self, samples: int) -> None:
        """Take the last ``samples`` away again."""
        self._bytes = max(0, self._bytes - samples * SAMPLE_BYTES)
        self.sync()

    def sync(self) -> None:
        """Bring the header and everything written to the file system."""
        try:
            self._file.seek(0)
            self._file.write(_header(self.rate, self._bytes))
            self._file.truncate(HEADER_BYTES + self._bytes)
            self._file.seek(HEADER_BYTES + self._bytes)
            self._file.flush()
        except OSError as error:
            raise self._problem(error) from error

    def close(self) -> None:
        """Finish the header and close; idempotent."""
        if not self._file.closed:
            try:
                self.sync()
            finally:
                self._abandon()

    def _abandon(self) -> None:
        with suppress(OSError):  # sync has said what is wrong, if anything is
            self._file.close()

    def _problem(self, error: OSError) -> DeviceError:
        return DeviceError(f"{self.path} cannot be written: {error.strerror}")
