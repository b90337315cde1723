"""The short sounds of a device: those that come with it, or one's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from agent.audio.convert import Converter
from agent.audio.wav import WavReader
from agent.errors import DeviceError, UsageError

DEFAULT = "default"
NAMES = ("wake", "done", "error", "connection_lost", "connection_back", "muted")
LONGEST_S = 3.0

_OURS = Path(__file__).parent / "chimes"  # made by scripts/make-sounds


def load(where: str, rate: int) -> Mapping[str, bytes]:
    """The sounds by name, s16le mono at ``rate``; ``where`` is ``default`` or a folder of WAVs.

    What is not in the folder makes no sound.  Raises UsageError where it has none of them, or one
    that cannot be played.
    """
    folder = _OURS if where == DEFAULT else Path(where).expanduser()
    paths = {name: folder / f"{name}.wav" for name in NAMES}
    there = {name: path for name, path in paths.items() if path.exists()}
    if not there:
        files = ", ".join(f"{name}.wav" for name in NAMES)
        raise UsageError(f"audio.sounds: {folder} has none of {files}; expected one or more")
    return {name: _read(path, rate) for name, path in there.items()}


def _read(path: Path, rate: int) -> bytes:
    try:
        reader = WavReader(path)
        try:
            if reader.seconds > LONGEST_S:
                words = f"lasts {reader.seconds:.1f} s; expected {LONGEST_S:g} s at most"
                raise UsageError(f"audio.sounds: {path} {words}")
            converter = Converter(reader.rate, reader.channels, reader.sample_format, rate)
            return converter.feed(reader.read(reader.frames)) + converter.flush()
        finally:
            reader.close()
    except DeviceError as error:
        raise UsageError(f"audio.sounds: {error}") from None
