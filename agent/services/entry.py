"""An entry of the catalog: what a service is, takes, gives and allows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from agent.config.schema import Service
from agent.config.secret import Secret
from agent.errors import UsageError
from agent.events import Pair
from agent.services.shapes import Clip, TextProtocol


class Shape(Enum):
    """How one talks to a service."""

    STREAM = "stream"  # packets as they are spoken, over a WebSocket
    CHUNK = "chunk"  # an HTTP request each few packets
    UTTERANCE = "utterance"  # one upload when the speech has ended
    JOB = "job"  # submitted, answered later at a callback address
    TEXT = "text"  # text in, text out


@dataclass(frozen=True, slots=True)
class Limits:
    """What a provider allows; None: nothing is said.  ``bytes`` are of the Base64 text
    where ``encoded``.  ``formats`` other than PCM are passed on as they are."""

    seconds: int | None = None
    bytes: int | None = None
    encoded: bool = False
    formats: tuple[str, ...] = ("pcm",)
    rates: tuple[int, ...] = (16000,)
    requests_per_s: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One service.  ``make`` builds its protocol for a language pair, an unused id and
    whether speech is wanted; UsageError where the service cannot do it.

    ``translates`` and ``summarizes`` make protocols that work on text alone, where it can.
    """

    name: str
    document: str
    shape: Shape
    gives: str
    host: str
    make: Callable[[Service, Pair, str, bool], Any]
    limits: Limits = Limits()
    configured: Callable[[Service], Entry] | None = None  #: it depends on what is configured
    translates: Callable[[Service, Pair], TextProtocol] | None = None
    summarizes: Callable[[Service], TextProtocol] | None = None
    composed: bool = False  #: of servers of one's own: see :mod:`agent.clouds.own`


def check(service: Entry, clip: Clip) -> None:
    """Refuse a clip the provider would refuse; UsageError names the limit and its number."""
    limits = service.limits
    if clip.format not in limits.formats:
        raise UsageError(f"{service.name} takes {', '.join(limits.formats)}, not {clip.format}")
    size = (len(clip.data) + 2) // 3 * 4 if limits.encoded else len(clip.data)
    if limits.bytes is not None and size > limits.bytes:
        coded = " as Base64" if limits.encoded else ""
        raise UsageError(
            f"{service.name} takes at most {limits.bytes / 2**20:g} MB{coded}, "
            f"this has {size / 2**20:.1f} MB"
        )
    if limits.seconds is None or clip.duration_ms is None:
        return
    if clip.duration_ms > limits.seconds * 1000:
        raise UsageError(
            f"{service.name} takes at most {limits.seconds} s, this has "
            f"{clip.duration_ms / 1000:.1f} s"
        )


def plain(secret: Secret | None) -> str:
    """A credential as the protocols take it; empty where none is configured."""
    return secret.reveal() if secret else ""
