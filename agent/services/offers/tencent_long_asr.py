"""Tencent AI open platform: long recordings, answered later."""

from __future__ import annotations

from agent.config.schema import Service
from agent.events import Pair
from agent.services import tencent_long_asr
from agent.services.entry import Entry, Limits, Shape, plain


def long_asr(
    service: Service, pair: Pair, request_id: str, tts: bool
) -> tencent_long_asr.TencentLongAsr:
    account = tencent_long_asr.Account(service.app_id or "", plain(service.app_key))
    host = service.url or tencent_long_asr.HOST
    return tencent_long_asr.TencentLongAsr(account, pair.source, host)


ENTRIES = (
    Entry(
        "tencent-long-asr",
        "Tencent AI open platform, aai_wxasrlong",
        Shape.JOB,
        "text",
        tencent_long_asr.HOST,
        long_asr,
        Limits(
            seconds=tencent_long_asr.MAX_SECONDS,
            bytes=tencent_long_asr.MAX_BYTES,
            formats=tuple(tencent_long_asr.FORMATS),
            rates=tencent_long_asr.RATES,
            requests_per_s=tencent_long_asr.REQUESTS_PER_SECOND,
        ),
    ),
)
