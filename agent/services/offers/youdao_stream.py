"""Youdao: speech translated while it is spoken."""

from __future__ import annotations

from agent.config.schema import Service
from agent.events import Pair
from agent.services import youdao, youdao_stream
from agent.services.entry import Entry, Shape, plain


def stream(service: Service, pair: Pair, request_id: str, tts: bool) -> youdao_stream.YoudaoStream:
    account = youdao.Account(plain(service.app_key), plain(service.app_secret))
    setup = youdao_stream.Setup(account, request_id, *youdao_stream.languages(pair))
    return youdao_stream.YoudaoStream(setup, service.url or youdao_stream.HOST)


ENTRIES = (
    Entry(
        "youdao-stream",
        "Youdao real-time speech translation (stream_speech_trans)",
        Shape.STREAM,
        "text, translation, partials",
        youdao_stream.HOST,
        stream,
    ),
)
