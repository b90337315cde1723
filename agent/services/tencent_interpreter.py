"""Tencent Cloud interpreting, 实时语音同传 (page 1093/140336, WebSocket): speech to speech.

One WebSocket to ``/asr/si/<appid>``; everything is in the signed address.  The service finds
out itself which language is spoken; it is only told the target, Chinese or English.  The
server answers the handshake with ``code`` 0; then binary PCM, s16le mono, at most 1:1 real
time and never more than 15 s apart.  Text messages are the handshake's answer, subtitles,
states and errors; binary messages are the translation spoken, at the rate of what is sent.
Target and voice may be changed on an open connection.

Only the beginning of the page is at hand and no program speaks this protocol in public.  So
inferred, by analogy with page 1093/127565, are the signed parameters, the fields of subtitles,
the end of the audio, the name of the voice's parameter and the message that changes the target.
See docs/services/tencent-interpreter.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from agent.errors import UsageError
from agent.events import Pair
from agent.services import tencent_streams
from agent.services.base import SPEECH_RATE, Endpoint, Message
from agent.services.locales import choose_pair
from agent.services.tencent_streams import HOST as HOST
from agent.services.tencent_streams import Account, Answers, Conversation

NAME = "tencent-interpreter"
PATH = "/asr/si"

TARGETS: Mapping[str, tuple[str, ...]] = {"zh": ("en",), "en": ("zh",)}
VOICES = ("clone", "male", "female")

_ALL_SAID = 1  # ``final``


@dataclass(frozen=True, slots=True)
class Setup:
    """What the address of a connection says; without ``tts`` the speech that comes is left out."""

    account: Account
    voice_id: str
    target: str
    tts: bool = True
    voice: str = ""


def languages(pair: Pair) -> tuple[str, str]:
    """The codes of ``pair``; UsageError where they are not Chinese and English."""
    source, target = choose_pair(NAME, (pair.source, pair.target), TARGETS)
    if source == target:
        raise UsageError(f"{NAME} always translates: from {source} to {TARGETS[source][0]}")
    return source, target


def choose_voice(voice: str | None) -> str:
    """One of the three voices, in any case; empty for the service's own."""
    if voice and voice.lower() not in VOICES:
        raise UsageError(f"{NAME}: no voice {voice[:20]!r}; expected {', '.join(VOICES)}")
    return (voice or "").lower()


class TencentInterpreter(Conversation):
    """One connection of interpreting; ``host`` is scheme, host and port."""

    def __init__(self, setup: Setup, host: str = HOST) -> None:
        super().__init__(Answers(translated=True, detects=True, last=_ALL_SAID), setup.tts)
        self._setup, self._host = setup, host

    def endpoint(self, unix: float) -> Endpoint:
        setup = self._setup
        wish = {"target": setup.target, "input_sample_rate": str(SPEECH_RATE)}
        wish |= {"voice_type": setup.voice} if setup.voice else {}
        url = tencent_streams.address(self._host, PATH, setup.account, setup.voice_id, unix, wish)
        return Endpoint(url)

    def switch_pair(self, pair: Pair) -> Message | None:
        _, target = languages(pair)
        return json.dumps({"type": "update", "target": target})
