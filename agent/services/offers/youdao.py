"""Youdao: an utterance with its translation and speech."""

from __future__ import annotations

from agent.config.schema import Service
from agent.events import Pair
from agent.services import youdao
from agent.services.entry import Entry, Limits, Shape, plain


def youdao_speech(service: Service, pair: Pair, request_id: str, tts: bool) -> youdao.Youdao:
    account = youdao.Account(plain(service.app_key), plain(service.app_secret))
    host, voice = service.url or youdao.HOST, service.voice or youdao.VOICES[0]
    return youdao.Youdao(account, pair.source, pair.target, voice, host)


ENTRIES = (
    Entry(
        "youdao",
        "Youdao speech translation (speechtransapi)",
        Shape.UTTERANCE,
        "text, translation, speech",
        youdao.HOST,
        youdao_speech,
        Limits(
            seconds=youdao.MAX_SECONDS,
            bytes=youdao.MAX_BYTES,
            encoded=True,
            formats=youdao.FORMATS,
            rates=youdao.RATES,
        ),
    ),
)
