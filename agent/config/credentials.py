"""Which services there are, and the keys of ``service:`` each cannot do without."""

from __future__ import annotations

from collections.abc import Mapping

_TWETALK = ("token",)
_MAAS = ("endpoint", "access_key")

CREDENTIALS: Mapping[str, tuple[str, ...]] = {
    "twetalk-v1": _TWETALK,
    "twetalk-v2": _TWETALK,
    "twetalk-asr": ("app_id",),
    "twetalk-translate": _TWETALK,
    "twetalk-summary": _TWETALK,
    "tencent-tsi": ("secret_id", "secret_key"),
    "tencent-long-asr": ("app_id", "app_key", "callback_url", "callback_port"),
    "maas-whisper": _MAAS,
    "maas-whisper-translate": _MAAS,
    "maas-fast-asr": _MAAS,
    "maas-realtime-asr": _MAAS,
    "maas-speech-translation": _MAAS,
    "youdao": ("app_key", "app_secret"),
}
