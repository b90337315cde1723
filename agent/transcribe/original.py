"""Files a service takes as they are: sound that need not be decoded and sent larger."""

from __future__ import annotations

from pathlib import Path

from agent.services.entry import Limits
from agent.services.shapes import Clip

#: What a file begins with (offset, bytes), by the endings that promise it.
_MAGIC: tuple[tuple[tuple[str, ...], int, bytes], ...] = (
    (("flac",), 0, b"fLaC"),
    (("ogg", "opus", "spx"), 0, b"OggS"),
    (("m4a", "mp4"), 4, b"ftyp"),
    (("webm",), 0, b"\x1aE\xdf\xa3"),
    (("amr",), 0, b"#!AMR"),
    (("silk",), 0, b"#!SILK_V3"),
    (("silk",), 0, b"\x02#!SILK_V3"),
    (("wma",), 0, b"0&\xb2u\x8ef\xcf\x11"),
    (("mp3", "mpga", "mpeg"), 0, b"ID3"),
)
#: Formats that are always decoded here, so one that cannot be is damaged.
DECODED = ("mp3", "mpga", "mpeg", "flac")


def original(path: Path, limits: Limits) -> Clip | None:
    """The file at ``path`` as a clip, where its ending and its first bytes agree on a
    format within ``limits``; None otherwise, also for WAV, which is best converted."""
    ending = path.suffix[1:].lower()
    if ending == "wav" or ending not in limits.formats:
        return None
    try:
        data = path.read_bytes()
    except OSError:
        return None  # whoever decodes it will say why
    if not _is(ending, data):
        return None
    if not _rate_matters(limits):
        return Clip(data, ending)
    rate, channels = _rate(ending, data)
    fits = rate is None or (rate in limits.rates and channels == 1)
    return Clip(data, ending, rate=rate, channels=channels) if fits else None


def _is(ending: str, data: bytes) -> bool:
    if any(ending in e and data[at : at + len(m)] == m for e, at, m in _MAGIC):
        return True
    # Frames without a header; the two layer bits are 0 in AAC only.
    if len(data) < 2 or data[0] != 0xFF or data[1] & 0xE0 != 0xE0:
        return False
    return ending == "aac" if data[1] & 0xF6 == 0xF0 else ending in ("mp3", "mpga", "mpeg")


def _rate_matters(limits: Limits) -> bool:
    """The default is the rate of a device; a document that states one states two."""
    return limits.rates != Limits().rates


def _rate(ending: str, data: bytes) -> tuple[int | None, int | None]:
    """Hz and channels, None where only the service can tell."""
    if ending == "amr":
        return (16000 if data.startswith(b"#!AMR-WB") else 8000), 1
    if ending != "mp3":
        return None, None
    import miniaudio  # as in agent.audio.decode

    try:
        info = miniaudio.mp3_get_info(data)
    except miniaudio.DecodeError:
        return 0, 0  # damaged: no service's rate
    return info.sample_rate, info.nchannels
