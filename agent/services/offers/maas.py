"""Cloudsway MaaS: five ways to upload an utterance."""

from __future__ import annotations

from agent.config.schema import Service
from agent.events import Pair
from agent.services import maas, maas_fast_asr, maas_speech, maas_whisper
from agent.services.entry import Entry, Limits, Shape, plain

MAAS = "MaaS speech-to-text interface document (Cloudsway), v1.1"
_WHISPER = Limits(bytes=maas.MAX_BYTES, formats=maas_whisper.FORMATS)
_HALF_MINUTE = Limits(seconds=maas_speech.MAX_SECONDS, formats=maas_speech.FORMATS)


def _account(service: Service) -> maas.Account:
    host = service.url or maas.HOST
    return maas.Account(plain(service.endpoint), plain(service.access_key), host)


def whisper(service: Service, pair: Pair, request_id: str, tts: bool) -> maas_whisper.Whisper:
    return maas_whisper.Whisper(_account(service), pair.source)


def whisper_translate(
    service: Service, pair: Pair, request_id: str, tts: bool
) -> maas_whisper.WhisperTranslate:
    return maas_whisper.WhisperTranslate(_account(service))


def fast_asr(service: Service, pair: Pair, request_id: str, tts: bool) -> maas_fast_asr.FastAsr:
    return maas_fast_asr.FastAsr(_account(service), [pair.source])


def realtime_asr(
    service: Service, pair: Pair, request_id: str, tts: bool
) -> maas_speech.RealtimeAsr:
    return maas_speech.RealtimeAsr(_account(service), [pair.source])


def speech_translation(
    service: Service, pair: Pair, request_id: str, tts: bool
) -> maas_speech.SpeechTranslation:
    main = [pair.target] if pair.target else []
    targets = [*main, *(each for each in service.targets if each not in main)]
    return maas_speech.SpeechTranslation(_account(service), [pair.source], targets)


ENTRIES = (
    Entry("maas-whisper", MAAS, Shape.UTTERANCE, "text", maas.HOST, whisper, _WHISPER),
    Entry(
        "maas-whisper-translate",
        MAAS,
        Shape.UTTERANCE,
        "English translation",
        maas.HOST,
        whisper_translate,
        _WHISPER,
    ),
    Entry(
        "maas-fast-asr",
        MAAS,
        Shape.UTTERANCE,
        "text, times, words, speakers, confidence",
        maas.HOST,
        fast_asr,
        Limits(bytes=maas.MAX_BYTES, formats=maas_fast_asr.FORMATS),
    ),
    Entry(
        "maas-realtime-asr",
        MAAS,
        Shape.UTTERANCE,
        "text, language",
        maas.HOST,
        realtime_asr,
        _HALF_MINUTE,
    ),
    Entry(
        "maas-speech-translation",
        MAAS,
        Shape.UTTERANCE,
        "text, several translations, language",
        maas.HOST,
        speech_translation,
        _HALF_MINUTE,
    ),
)
