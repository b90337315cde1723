"""Tencent Cloud speech translation, 实时语音翻译 (page 1093/127565, WebSocket).

One WebSocket to ``/asr/speech_translate/<appid>``; everything is in the signed address.
The server answers the handshake with ``code`` 0; then binary PCM, s16le mono 16 kHz, at
most 1:1 real time and never more than 6 s apart.  Each message is the newest state of one
sentence, original and translation; times count ms of the audio of this connection.

The page tells of the audio, the messages and their fields; the address, the end of the audio
and the models are those of Tencent's own SDKs.  Inferred, from clients of others that quote
the page: which pairs there are, and everything of synthesised speech (``enable_tts`` …).
See docs/services/tencent-speech-translate.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agent.errors import UsageError
from agent.events import Pair
from agent.services import tencent_streams
from agent.services.base import SPEECH_RATE, Endpoint
from agent.services.locales import choose_pair
from agent.services.tencent_streams import HOST as HOST
from agent.services.tencent_streams import VOICE_FORMAT, Account, Answers, Conversation

NAME = "tencent-speech-translate"
PATH = "/asr/speech_translate"

MODELS = ("hunyuan-translation-lite", "hunyuan-translation")  # the first is the SDKs' own

_MOST = ("zh", "en", "ja", "ko", "yue", "id", "th")
_FIVE = ("zh", "en", "ja", "ko", "yue")
TARGETS: Mapping[str, tuple[str, ...]] = {
    "zh": _MOST,
    "en": _MOST,
    "zh_en": ("zh", "en", "ja", "ko", "yue", "id", "th"),  # Chinese and English, mixed
    "ja": _FIVE,
    "ko": _FIVE,
    "yue": _FIVE,
    "id": ("zh", "en", "id"),
    "th": ("zh", "en", "th"),
    "ru": ("zh", "en", "ru"),
}
ALIASES: Mapping[str, str] = {"zh-en": "zh_en", "zh-hk": "yue", "cmn": "zh"}

_ALL_SAID, _ALL_SPOKEN = 1, 2  # ``final``


@dataclass(frozen=True, slots=True)
class Setup:
    """What the address of a connection says; languages as :data:`TARGETS` has them."""

    account: Account
    voice_id: str
    source: str
    target: str
    model: str = MODELS[0]
    tts: bool = False
    voice: str = ""


def languages(pair: Pair) -> tuple[str, str]:
    """The codes of ``pair``, the same twice where nothing is translated; or UsageError."""
    return choose_pair(NAME, (pair.source, pair.target), TARGETS, ALIASES)


def choose_model(model: str | None) -> str:
    """``model``, in any case, as the SDKs spell it; UsageError names both."""
    for spelling in MODELS:
        if spelling == (model or MODELS[0]).lower():
            return spelling
    raise UsageError(f"{NAME}: unknown model {str(model)[:40]!r}; expected {' or '.join(MODELS)}")


def choose_voice(voice: str | None) -> str:
    """The number of a voice; empty for the service's own."""
    if voice and not (voice.isascii() and voice.isdigit() and len(voice) <= 9):
        raise UsageError(f"{NAME}: the voice is a number (voice_type), not {voice[:20]!r}")
    return voice or ""


class TencentSpeechTranslate(Conversation):
    """One connection of speech translation; ``host`` is scheme, host and port."""

    def __init__(self, setup: Setup, host: str = HOST) -> None:
        self._setup, self._host = setup, host
        answers = Answers(
            translated=setup.source != setup.target,
            detects=False,
            last=_ALL_SPOKEN if setup.tts else _ALL_SAID,
        )
        super().__init__(answers, setup.tts)

    def endpoint(self, unix: float) -> Endpoint:
        setup = self._setup
        wish = {
            "voice_format": VOICE_FORMAT,
            "source": setup.source,
            "target": setup.target,
            "trans_model": setup.model,
        }
        if setup.tts:
            wish |= {"enable_tts": "1", "codec": "pcm", "sample_rate": str(SPEECH_RATE)}
            wish |= {"voice_type": setup.voice} if setup.voice else {}
        url = tencent_streams.address(self._host, PATH, setup.account, setup.voice_id, unix, wish)
        return Endpoint(url)
