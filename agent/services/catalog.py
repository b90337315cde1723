"""The catalog: what each service is, takes, gives and allows, and who speaks its protocol.

One entry a service.  From it limits are checked before anything is sent, long
recordings are split and the device chooses how to talk to the service; a test holds
the README's table against it.  Adding a provider is one protocol file and one entry
here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

from msgspec.structs import replace

from agent.config.schema import Service
from agent.errors import UsageError
from agent.events import Pair
from agent.services import (
    maas,
    maas_fast_asr,
    maas_speech,
    maas_whisper,
    makers,
    tencent_long_asr,
    tencent_tsi,
    twetalk,
    twetalk_text,
    youdao,
)
from agent.services.shapes import Clip

TWETALK = "TWeTalk service interface document (Tencent IoT)"
MAAS = "MaaS speech-to-text interface document (Cloudsway), v1.1"


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
    whether speech is wanted; UsageError where the service cannot do it."""

    name: str
    document: str
    shape: Shape
    gives: str
    host: str
    make: Callable[[Service, Pair, str, bool], Any]
    limits: Limits = Limits()


def entry(name: str) -> Entry:
    """The entry of service ``name``; UsageError where there is none."""
    try:
        return CATALOG[name]
    except KeyError:
        raise UsageError(f"no service '{name}'; there are {', '.join(CATALOG)}") from None


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


# --- the entries -----------------------------------------------------------------------------

_STREAMED = Limits(rates=(16000, 8000))
_WHISPER = Limits(bytes=maas.MAX_BYTES, formats=maas_whisper.FORMATS)
_HALF_MINUTE = Limits(seconds=maas_speech.MAX_SECONDS, formats=maas_speech.FORMATS)

_ENTRIES = (
    Entry(
        "twetalk-v2",
        TWETALK,
        Shape.STREAM,
        "text, translation, partials, speech",
        twetalk.HOST,
        makers.v2,
        _STREAMED,
    ),
    Entry(
        "twetalk-v1",
        TWETALK,
        Shape.STREAM,
        "text, translation, partials, speech",
        twetalk.HOST,
        makers.v1,
        _STREAMED,
    ),
    Entry(
        "twetalk-asr",
        TWETALK,
        Shape.STREAM,
        "text, partials, times",
        twetalk.HOST,
        makers.asr,
        _STREAMED,
    ),
    Entry(
        "twetalk-translate",
        TWETALK,
        Shape.TEXT,
        "translation, streamed or whole",
        twetalk_text.HOST,
        makers.translate,
    ),
    Entry(
        "twetalk-summary",
        TWETALK,
        Shape.TEXT,
        "summary, streamed or whole",
        twetalk_text.HOST,
        makers.summary,
    ),
    Entry(
        "tencent-tsi",
        "Tencent TSI quick start and TongChuanSync, 2021-03-25",
        Shape.CHUNK,
        "text, translation, partials, times",
        tencent_tsi.HOST,
        makers.tsi,
        Limits(rates=tencent_tsi.RATES, requests_per_s=tencent_tsi.REQUESTS_PER_SECOND),
    ),
    Entry(
        "tencent-long-asr",
        "Tencent AI open platform, aai_wxasrlong",
        Shape.JOB,
        "text",
        tencent_long_asr.HOST,
        makers.long_asr,
        Limits(
            seconds=tencent_long_asr.MAX_SECONDS,
            bytes=tencent_long_asr.MAX_BYTES,
            formats=tuple(tencent_long_asr.FORMATS),
            rates=tencent_long_asr.RATES,
            requests_per_s=tencent_long_asr.REQUESTS_PER_SECOND,
        ),
    ),
    Entry("maas-whisper", MAAS, Shape.UTTERANCE, "text", maas.HOST, makers.whisper, _WHISPER),
    Entry(
        "maas-whisper-translate",
        MAAS,
        Shape.UTTERANCE,
        "English translation",
        maas.HOST,
        makers.whisper_translate,
        _WHISPER,
    ),
    Entry(
        "maas-fast-asr",
        MAAS,
        Shape.UTTERANCE,
        "text, times, words, speakers, confidence",
        maas.HOST,
        makers.fast_asr,
        Limits(bytes=maas.MAX_BYTES, formats=maas_fast_asr.FORMATS),
    ),
    Entry(
        "maas-realtime-asr",
        MAAS,
        Shape.UTTERANCE,
        "text, language",
        maas.HOST,
        makers.realtime_asr,
        _HALF_MINUTE,
    ),
    Entry(
        "maas-speech-translation",
        MAAS,
        Shape.UTTERANCE,
        "text, several translations, language",
        maas.HOST,
        makers.speech_translation,
        _HALF_MINUTE,
    ),
    Entry(
        "youdao",
        "Youdao speech translation (speechtransapi)",
        Shape.UTTERANCE,
        "text, translation, speech",
        youdao.HOST,
        makers.youdao_speech,
        Limits(
            seconds=youdao.MAX_SECONDS,
            bytes=youdao.MAX_BYTES,
            encoded=True,
            formats=youdao.FORMATS,
            rates=youdao.RATES,
        ),
    ),
)

CATALOG = {each.name: each for each in _ENTRIES}


def at_home(service: Service) -> Service:
    """``service`` without a ``url`` that is another provider's own address.

    A device may switch to a service that has no profile of its own; then the ``url`` of
    the first must not get the credentials of the second.
    """
    hosts = {urlsplit(each.host).hostname for each in _ENTRIES}
    own = urlsplit(entry(service.name).host).hostname
    host = urlsplit(service.url or "").hostname
    return replace(service, url=None) if host in hosts - {own} else service
