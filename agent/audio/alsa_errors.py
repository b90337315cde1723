"""What ALSA's errors mean, and what a user can do about each."""

from __future__ import annotations

import ctypes
import difflib
import errno
import grp
import os
import pwd
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

ENOTSUPP = 524  # the kernel's own; HDMI without a monitor says it

_AWAY = "is not there; plug it in, or choose another: dragoman devices"
_NO_SERVER = "has no sound server; start PulseAudio or PipeWire for this user"
_MENDS = MappingProxyType(
    {
        errno.EBUSY: "is in use by another program; stop that one (fuser -v /dev/snd/* shows it)"
        " or share the card: default",
        errno.ENODEV: _AWAY,
        errno.ENXIO: _AWAY,
        errno.ECONNREFUSED: _NO_SERVER,
        errno.EHOSTDOWN: _NO_SERVER,  # so says PipeWire
        ENOTSUPP: "has no monitor with loudspeakers at its HDMI socket; connect one, or choose"
        " another: dragoman devices",
        errno.EINVAL: "cannot do the wanted rate, channels or format; let ALSA convert:"
        " plughw:CARD,DEV",
        errno.ESTRPIPE: "was suspended with the machine; opening it again mends it",
        errno.EIO: "stopped working; the card or its sound server has gone, open it again",
        errno.EBADFD: "stopped working; open it again",
    }
)
_BY_TEXT = {os.strerror(code): code for code in (*errno.errorcode, ENOTSUPP)}


def errno_of(error: Exception) -> int:
    """The errno an ALSAAudioError was made of, which it does not tell; 0 when unknown."""
    return _BY_TEXT.get(_text(error), 0)


def mend(error: Exception, device: str, names: Iterable[str]) -> str:
    """The end of a sentence that begins with ``device``: what is wrong, and the mend.

    ``names`` are the devices ALSA knows, for one that does not exist.
    """
    code = errno_of(error)
    if code in (errno.EACCES, errno.EPERM) or is_forbidden(code):
        return _forbidden()
    if code == errno.ENOENT:
        return f"does not exist; {_nearest(device, names)}{ALL}"
    return _MENDS.get(code, f"failed: {_text(error)}")


def is_forbidden(code: int) -> bool:
    """Whether this errno of opening a card means that its device files are forbidden.

    ALSA finds no card (ENODEV) or no file (ENOENT) where it may not look.
    """
    if code in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return _cards_are_locked()
    return code in (errno.EACCES, errno.EPERM)


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
    """Whether there are cards, and this process may use none of them."""
    controls = list(DEV.glob("controlC*"))
    return bool(controls) and not any(os.access(path, os.R_OK | os.W_OK) for path in controls)


def _forbidden() -> str:
    """Who may not use a card that exists, and why."""
    files = list(DEV.glob("*C*"))
    if files and all(os.access(path, os.R_OK | os.W_OK) for path in files):
        return (
            "is mixed for the programs of another user (dmix); stop those (fuser -v /dev/snd/*"
            " shows them), or take the card alone: plughw:CARD,DEV"
        )
    user = _user()
    if _is_in_audio(user):
        return f"may not be used yet: {user} was put into group audio since; log in again"
    return f"may not be used by this user; sudo usermod -aG audio {user}, then log in again"


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return "USER"


def _is_in_audio(user: str) -> bool:
    """Whether the group file says so, though this process is not in it."""
    try:
        group = grp.getgrnam("audio")
    except KeyError:
        return False
    return user in group.gr_mem and group.gr_gid not in os.getgroups()
