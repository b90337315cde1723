"""What ALSA's errors mean, and what a user can do about each."""

from __future__ import annotations

import ctypes
import difflib
import errno
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

# Names ALSA always offers that nobody means as a device: converters, aliases of plughw.
NOISE = frozenset(
    """
    null lavrate samplerate speexrate speex jack oss upmix vdownmix usbstream hw plughw plug
    sysdefault front rear center_lfe side surround21 surround40 surround41 surround50 surround51
    surround71 iec958 spdif hdmi dmix dsnoop modem phoneline
    """.split()  # noqa: SIM905 - a list of literals would take a screen
)
DEV = Path("/dev/snd")
ALL = "dragoman devices lists what there is"

_AWAY = "is not there; plug it in, or choose another: dragoman devices"
_FORBIDDEN = "may not be used by this user; sudo usermod -aG audio USER, then log in again"
_MENDS = MappingProxyType(
    {
        errno.EBUSY: "is in use by another program; stop that one (fuser -v /dev/snd/* shows it)"
        " or share the card: default",
        errno.EACCES: _FORBIDDEN,
        errno.EPERM: _FORBIDDEN,
        errno.ENODEV: _AWAY,
        errno.ENXIO: _AWAY,
        errno.ECONNREFUSED: "has no sound server; start PulseAudio or PipeWire for this user",
        errno.EINVAL: "cannot do the wanted rate, channels or format; let ALSA convert:"
        " plughw:CARD,DEV",
        errno.ESTRPIPE: "was suspended with the machine; opening it again mends it",
        errno.EIO: "stopped working; the card or its sound server has gone, open it again",
        errno.EBADFD: "stopped working; open it again",
    }
)
_BY_TEXT = {os.strerror(code): code for code in errno.errorcode}


def errno_of(error: Exception) -> int:
    """The errno an ALSAAudioError was made of, which it does not tell; 0 when unknown."""
    return _BY_TEXT.get(_text(error), 0)


def mend(error: Exception, device: str, names: Iterable[str]) -> str:
    """The end of a sentence that begins with ``device``: what is wrong, and the mend.

    ``names`` are the devices ALSA knows, for one that does not exist.
    """
    code = errno_of(error)
    if code == errno.ENOENT and not _cards_are_locked():
        return f"does not exist; {_nearest(device, names)}{ALL}"
    if code == errno.ENOENT:
        code = errno.EACCES
    return _MENDS.get(code, f"failed: {_text(error)}")


def is_meant(name: str) -> bool:
    """True for names a user may want: ``default``, sound servers, own definitions."""
    return name.split(":")[0] not in NOISE


def hush() -> None:
    """Stop alsa-lib from printing lines on stderr at each failed open; our error says it."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libasound.so.2").snd_lib_error_set_handler(_QUIET)


def _quiet(_file: bytes, _line: int, _function: bytes, _error: int, _format: bytes) -> None:
    """Say nothing."""


_QUIET = ctypes.CFUNCTYPE(
    None, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p
)(_quiet)


def _text(error: Exception) -> str:
    return str(error).rsplit(" [", 1)[0]  # ALSAAudioError is "what went wrong [device]"


def _nearest(device: str, names: Iterable[str]) -> str:
    wanted = [name for name in names if is_meant(name) or name.startswith("plughw:")]
    near = difflib.get_close_matches(device, wanted, n=1) or wanted[:2]
    return f"did you mean {' or '.join(near)}? " if near else ""


def _cards_are_locked() -> bool:
    """ALSA says "no such file" of cards that exist when their device files are forbidden."""
    controls = list(DEV.glob("controlC*"))
    return bool(controls) and not any(os.access(path, os.R_OK | os.W_OK) for path in controls)
