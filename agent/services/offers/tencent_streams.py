"""Tencent Cloud ASR: the streams that translate."""

from __future__ import annotations

from agent.config.schema import Service
from agent.events import Pair
from agent.services import tencent_interpreter, tencent_speech_translate, tencent_streams
from agent.services.entry import Entry, Shape, plain


def _account(service: Service) -> tencent_streams.Account:
    return tencent_streams.Account(
        service.app_id or "", plain(service.secret_id), plain(service.secret_key)
    )


def speech_translate(
    service: Service, pair: Pair, request_id: str, tts: bool
) -> tencent_speech_translate.TencentSpeechTranslate:
    source, target = tencent_speech_translate.languages(pair)
    setup = tencent_speech_translate.Setup(
        account=_account(service),
        voice_id=request_id,
        source=source,
        target=target,
        model=tencent_speech_translate.choose_model(service.model),
        tts=tts and source != target,
        voice=tencent_speech_translate.choose_voice(service.voice),
    )
    host = service.url or tencent_streams.HOST
    return tencent_speech_translate.TencentSpeechTranslate(setup, host)


def interpreter(
    service: Service, pair: Pair, request_id: str, tts: bool
) -> tencent_interpreter.TencentInterpreter:
    _, target = tencent_interpreter.languages(pair)
    voice = tencent_interpreter.choose_voice(service.voice)
    setup = tencent_interpreter.Setup(_account(service), request_id, target, tts, voice)
    return tencent_interpreter.TencentInterpreter(setup, service.url or tencent_streams.HOST)


ENTRIES = (
    Entry(
        "tencent-speech-translate",
        "Tencent Cloud ASR, real-time speech translation (1093/127565)",
        Shape.STREAM,
        "text, translation, partials, times, speech",
        tencent_streams.HOST,
        speech_translate,
    ),
    Entry(
        "tencent-interpreter",
        "Tencent Cloud ASR, real-time interpreting (1093/140336)",
        Shape.STREAM,
        "text, translation, partials, language, speech",
        tencent_streams.HOST,
        interpreter,
    ),
)
