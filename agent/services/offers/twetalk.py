"""Tencent IoT TWeTalk: the three streams."""

from __future__ import annotations

from agent.config.schema import Service
from agent.events import Pair
from agent.services import twetalk, twetalk_asr, twetalk_v1, twetalk_v2
from agent.services.entry import Entry, Limits, Shape, plain

TWETALK = "TWeTalk service interface document (Tencent IoT)"
_STREAMED = Limits(rates=(16000, 8000))


def _setup(service: Service, pair: Pair, request_id: str, tts: bool) -> twetalk.Setup:
    return twetalk.Setup(
        token=plain(service.token),
        request_id=request_id,
        source=pair.source,
        target=pair.target or pair.source,
        tts=tts,
        tts_stream=service.tts_stream,
    )


def v1(service: Service, pair: Pair, request_id: str, tts: bool) -> twetalk_v1.TwetalkV1:
    setup = _setup(service, pair, request_id, tts)
    return twetalk_v1.TwetalkV1(setup, service.url or twetalk.HOST)


def v2(service: Service, pair: Pair, request_id: str, tts: bool) -> twetalk_v2.TwetalkV2:
    setup = _setup(service, pair, request_id, tts)
    return twetalk_v2.TwetalkV2(setup, service.url or twetalk.HOST)


def asr(service: Service, pair: Pair, request_id: str, tts: bool) -> twetalk_asr.TwetalkAsr:
    model = twetalk_asr.choose_model(service.model, pair.source)
    setup = twetalk_asr.Setup(service.app_id or "", model)
    return twetalk_asr.TwetalkAsr(setup, service.url or twetalk.HOST)


ENTRIES = (
    Entry(
        "twetalk-v2",
        TWETALK,
        Shape.STREAM,
        "text, translation, partials, speech",
        twetalk.HOST,
        v2,
        _STREAMED,
    ),
    Entry(
        "twetalk-v1",
        TWETALK,
        Shape.STREAM,
        "text, translation, partials, speech",
        twetalk.HOST,
        v1,
        _STREAMED,
    ),
    Entry(
        "twetalk-asr",
        TWETALK,
        Shape.STREAM,
        "text, partials, times",
        twetalk.HOST,
        asr,
        _STREAMED,
    ),
)
