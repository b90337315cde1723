"""Which services there are, and the keys of ``service:`` each cannot do without."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from agent.config import own
from agent.config.schema import Service
from agent.config.secret import DEMO, Secret

_TWETALK = ("token",)
_ASR = ("app_id", "secret_id", "secret_key")
_MAAS = ("endpoint", "access_key")

CREDENTIALS: Mapping[str, tuple[str, ...]] = {
    "twetalk-v1": _TWETALK,
    "twetalk-v2": _TWETALK,
    "twetalk-asr": ("app_id",),
    "twetalk-translate": _TWETALK,
    "twetalk-summary": _TWETALK,
    "tencent-tsi": ("secret_id", "secret_key"),
    "tencent-speech-translate": _ASR,
    "tencent-interpreter": _ASR,
    "tencent-long-asr": ("app_id", "app_key", "callback_url", "callback_port"),
    "maas-whisper": _MAAS,
    "maas-whisper-translate": _MAAS,
    "maas-fast-asr": _MAAS,
    "maas-realtime-asr": _MAAS,
    "maas-speech-translation": _MAAS,
    "youdao": ("app_key", "app_secret"),
    "youdao-stream": ("app_key", "app_secret"),
    own.OWN: ("hear",),
}

#: What the emulator takes besides.
_DEMO: Mapping[str, object] = {
    "app_id": "1000001",
    "callback_url": "http://127.0.0.1:8766/callback",
    "callback_port": 8766,
}


def with_demo(service: Service) -> Service:
    """``service`` with the emulator's credentials for those it lacks."""
    if service.name == own.OWN:
        return own.with_demo(service)
    missing = [key for key in CREDENTIALS.get(service.name, ()) if not getattr(service, key)]
    return replace(service, **{key: _DEMO.get(key, Secret(DEMO)) for key in missing})
