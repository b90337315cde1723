"""Tencent TSI: speech translation in chunks, with a voice."""

from __future__ import annotations

from agent.config.schema import Service
from agent.events import Pair
from agent.services import tencent_tsi
from agent.services.entry import Entry, Limits, Shape, plain


def tsi(service: Service, pair: Pair, request_id: str, tts: bool) -> tencent_tsi.TencentTsi:
    account = tencent_tsi.Account(
        plain(service.secret_id), plain(service.secret_key), plain(service.token)
    )
    host = service.url or tencent_tsi.HOST
    voice = tencent_tsi.choose_voice(service.voice)
    return tencent_tsi.TencentTsi(
        account, pair.source, pair.target, request_id, host, voice if tts else None
    )


ENTRIES = (
    Entry(
        "tencent-tsi",
        "Tencent TSI quick start and TongChuanSync, 2021-03-25",
        Shape.CHUNK,
        "text, translation, partials, times, speech",
        tencent_tsi.HOST,
        tsi,
        Limits(rates=tencent_tsi.RATES, requests_per_s=tencent_tsi.REQUESTS_PER_SECOND),
    ),
)
