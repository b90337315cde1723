"""One function a service that makes its protocol of a configured ``Service``.

All take the same: the service's section, a language pair, an unused id and whether
speech is wanted; UsageError where the service cannot do what is asked.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent.config.schema import Service
from agent.config.secret import Secret
from agent.events import Pair
from agent.services import (
    maas,
    maas_fast_asr,
    maas_speech,
    maas_whisper,
    tencent_long_asr,
    tencent_tsi,
    twetalk,
    twetalk_asr,
    twetalk_text,
    twetalk_v1,
    twetalk_v2,
    youdao,
)


def _plain(secret: Secret | None) -> str:
    return secret.reveal() if secret else ""


def _setup(service: Service, pair: Pair, request_id: str, tts: bool) -> twetalk.Setup:
    return twetalk.Setup(
        token=_plain(service.token),
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


def translate(
    service: Service, pair: Pair, request_id: str, tts: bool
) -> twetalk_text.TwetalkTranslate:
    host = service.url or twetalk_text.HOST
    target = pair.target or pair.source
    return twetalk_text.TwetalkTranslate(_plain(service.token), pair.source, target, host)


def summary(
    service: Service, pair: Pair, request_id: str, tts: bool
) -> twetalk_text.TwetalkSummary:
    host = service.url or twetalk_text.HOST
    return twetalk_text.TwetalkSummary(_plain(service.token), host=host)


def tsi(service: Service, pair: Pair, request_id: str, tts: bool) -> tencent_tsi.TencentTsi:
    account = tencent_tsi.Account(
        _plain(service.secret_id), _plain(service.secret_key), _plain(service.token)
    )
    host = service.url or tencent_tsi.HOST
    return tencent_tsi.TencentTsi(account, pair.source, pair.target, request_id, host)


def long_asr(
    service: Service, pair: Pair, request_id: str, tts: bool
) -> tencent_long_asr.TencentLongAsr:
    account = tencent_long_asr.Account(
        service.app_id or "", _plain(service.app_key), service.callback_url or ""
    )
    host = service.url or tencent_long_asr.HOST
    return tencent_long_asr.TencentLongAsr(account, pair.source, host)


def youdao_speech(service: Service, pair: Pair, request_id: str, tts: bool) -> youdao.Youdao:
    account = youdao.Account(_plain(service.app_key), _plain(service.app_secret))
    host, voice = service.url or youdao.HOST, service.voice or youdao.VOICES[0]
    return youdao.Youdao(account, pair.source, pair.target, voice, host)


def _maas_account(service: Service) -> maas.Account:
    host = service.url or maas.HOST
    return maas.Account(_plain(service.endpoint), _plain(service.access_key), host)


def whisper(service: Service, pair: Pair, request_id: str, tts: bool) -> maas_whisper.Whisper:
    return maas_whisper.Whisper(_maas_account(service), pair.source)


def whisper_translate(
    service: Service, pair: Pair, request_id: str, tts: bool
) -> maas_whisper.WhisperTranslate:
    return maas_whisper.WhisperTranslate(_maas_account(service))


def fast_asr(service: Service, pair: Pair, request_id: str, tts: bool) -> maas_fast_asr.FastAsr:
    return maas_fast_asr.FastAsr(_maas_account(service), [pair.source])


def realtime_asr(
    service: Service, pair: Pair, request_id: str, tts: bool
) -> maas_speech.RealtimeAsr:
    return maas_speech.RealtimeAsr(_maas_account(service), [pair.source])


def speech_translation(
    service: Service, pair: Pair, request_id: str, tts: bool
) -> maas_speech.SpeechTranslation:
    targets: Sequence[str] = service.targets or ([pair.target] if pair.target else [])
    return maas_speech.SpeechTranslation(_maas_account(service), [pair.source], targets)
