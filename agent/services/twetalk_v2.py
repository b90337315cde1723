"""TWeTalk simultaneous translation V2 (Tencent IoT, "服务端接口文档", 同传翻译 V2).

One WebSocket to ``/v2/ws-voice-translate``.  The first message is the JSON set-up;
then binary PCM, s16le mono, at most 1:1 real time and never more than 6 s apart.
Each answer holds the original and the translation of one sentence; synthesised
speech comes as binary PCM, 16 kHz s16le mono, for settled translations only.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from msgspec.structs import replace

from agent.events import Pair, Result, ServiceEvent, Speech
from agent.services import twetalk
from agent.services.base import Endpoint, Message, at
from agent.services.reading import Fields
from agent.services.twetalk import HOST as HOST
from agent.services.twetalk import LANGUAGES as LANGUAGES
from agent.services.twetalk import Setup as Setup

PATH = "/v2/ws-voice-translate"


class TwetalkV2:
    """One connection of TWeTalk V2; ``host`` is scheme, host and port."""

    ready = True  # the document has no answer to the set-up: audio may follow at once

    def __init__(self, setup: Setup, host: str = HOST) -> None:
        self._setup = setup
        self._host = host

    def endpoint(self, unix: float) -> Endpoint:
        return Endpoint(at(self._host, PATH, "ws"))

    def begin(self) -> Sequence[Message]:
        setup = self._setup
        return [
            json.dumps(
                {
                    "is_tts_stream": setup.tts_stream,
                    "enable_tts": setup.tts,
                    "lang_source": setup.source,
                    "lang_target": setup.target,
                    "request_id": setup.request_id,
                    "token": setup.token,
                }
            )
        ]

    def ping(self, token: str) -> Message | None:
        return json.dumps({"ping": token})

    def switch_tts(self, enabled: bool) -> Message | None:
        return json.dumps({"enable_tts": enabled})

    def switch_pair(self, pair: Pair) -> Message | None:
        return None

    def end(self) -> Sequence[Message]:
        return []

    def flush(self) -> Sequence[ServiceEvent]:
        return []

    def receive(self, message: Message) -> Sequence[ServiceEvent]:
        if isinstance(message, bytes):
            return [Speech(message)] if message else []
        return twetalk.read(message, lambda data: [sentence(data)])


def sentence(data: Fields) -> Result:
    """``original_detail`` with its ``translation`` (V2); Malformed when there is none."""
    original = twetalk.sentence(data, "original_detail")
    return replace(original, translation=data.text("translation") or None)
