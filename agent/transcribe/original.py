"""Files a service takes as they are: sound that need not be decoded and sent larger."""

from __future__ import annotations

import os
from pathlib import Path

from agent.audio.decode import open_file
from agent.audio.kinds import WAV, Kind, kind_of
from agent.services.entry import Limits
from agent.services.shapes import Clip

MOST = 12 * 1024 * 1024  # bytes of a file that is held whole, though it could be cut
LARGEST = 32 * 1024 * 1024  # of one that cannot


def original(path: Path, limits: Limits) -> Clip | None:
    """The file at ``path`` as a clip, where it is of a format within ``limits``; None
    otherwise, also for WAV, which is best converted, and for what is large and can be cut."""
    with open_file(path) as file:
        kind = kind_of(file)
        if kind is None or kind is WAV or (format := _format(kind, path, limits)) is None:
            return None
        if kind.demuxer is not None and file.seek(0, os.SEEK_END) > MOST:
            return None
        file.seek(0)
        return Clip(file.read(LARGEST), format, rate=kind.rate, channels=kind.channels)


def _format(kind: Kind, path: Path, limits: Limits) -> str | None:
    """The service's word for it; the file's ending where that is one of several."""
    if _rate_matters(limits) and (kind.rate not in (None, *limits.rates) or kind.channels == 2):
        return None
    ending = path.suffix[1:].lower()
    taken = [word for word in kind.formats if word in limits.formats]
    return ending if ending in taken else next(iter(taken), None)


def _rate_matters(limits: Limits) -> bool:
    """The default is the rate of a device; a document that states one states two."""
    return limits.rates != Limits().rates
