"""Youdao speech translation while somebody speaks, 实时语音翻译 (WebSocket).

One WebSocket to ``/stream_speech_trans``; everything is in the address, signed ``v4``.  The
server answers that it has started; then binary PCM, s16le mono 16 kHz.  Each message is the
newest state of the sentence that is spoken: ``context`` and its translation ``tranContent``.

The page tells of the address, its parameters and of the sound; Youdao's own demos (Python,
Java) of the pace and the end.  Inferred, from programs of others that speak to it: how ``v4`` is
signed, the fields of a message, ``transPattern``; from the page of its sister (:mod:`youdao`):
the languages.  See docs/services/youdao-stream.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from agent.events import Failure, Garbage, Pair, Ready, Result, ServiceEvent
from agent.services import answers
from agent.services.base import SPEECH_RATE, Endpoint, Message, at
from agent.services.locales import choose_pair
from agent.services.reading import Fields, Malformed, parse_object
from agent.services.signing import youdao_v4
from agent.services.youdao import ALIASES, CHINESE_ONLY, LANGUAGES, Account
from agent.services.youdao_codes import MESSAGES, NOTHING_HEARD, RETRYABLE, blamed

NAME = "youdao-stream"
HOST = "wss://openapi.youdao.com"
PATH = "/stream_speech_trans"

TARGETS: Mapping[str, tuple[str, ...]] = {
    source: ("zh-CHS",)
    if source in CHINESE_ONLY
    else tuple(
        code
        for code in LANGUAGES
        if code != source and (source == "zh-CHS" or code not in CHINESE_ONLY)
    )
    for source in LANGUAGES
}
END: Message = json.dumps({"end": "true"}).encode()


@dataclass(frozen=True, slots=True)
class Setup:
    """What the address of a connection says; ``salt`` serves once."""

    account: Account
    salt: str
    source: str
    target: str


def languages(pair: Pair) -> tuple[str, str]:
    """The codes of ``pair``, the same twice where nothing is translated; or UsageError."""
    return choose_pair(NAME, (pair.source, pair.target), TARGETS, ALIASES)


class YoudaoStream:
    """One connection of speech translation; ``host`` is scheme, host and port."""

    def __init__(self, setup: Setup, host: str = HOST) -> None:
        self._setup = setup
        self._host = host
        self._ready = False
        self._settled = 0  # sentences: they have no names, one grows until it is settled

    def endpoint(self, unix: float) -> Endpoint:
        setup, curtime = self._setup, str(int(unix))
        key, secret = setup.account.app_key, setup.account.app_secret
        # A target is mandatory even where nothing is translated: then any other will do.
        other = "en" if setup.source == "zh-CHS" else "zh-CHS"
        query = {
            "appKey": key,
            "salt": setup.salt,
            "curtime": curtime,
            "sign": youdao_v4(key, setup.salt, curtime, secret),
            "signType": "v4",
            "from": setup.source,
            "to": setup.target if setup.target != setup.source else other,
            "format": "wav",  # which here means samples without compression
            "rate": str(SPEECH_RATE),
            "channel": "1",
            "version": "v1",
            "transPattern": "stream",
        }
        return Endpoint(at(self._host, f"{PATH}?{urlencode(query)}", "ws"))

    def begin(self) -> Sequence[Message]:
        return []

    @property
    def ready(self) -> bool:
        """Whether the service said that it has started."""
        return self._ready

    def ping(self, token: str) -> Message | None:
        return None

    def switch_tts(self, enabled: bool) -> Message | None:
        return None

    def switch_pair(self, pair: Pair) -> Message | None:
        return None

    def end(self) -> Sequence[Message]:
        return [END]

    def flush(self) -> Sequence[ServiceEvent]:
        return []

    def receive(self, message: Message) -> Sequence[ServiceEvent]:
        try:
            data = parse_object(message)
            return [*self._meaning(data), *data.odd]
        except Malformed as error:
            return [Garbage(error.kind, str(error), whole=True)]

    def _meaning(self, data: Fields) -> list[ServiceEvent]:
        code = data.code("errorCode", str)
        if code in NOTHING_HEARD:
            return []
        if code != "0":
            return [_failure(code)]
        results = [event for item in _items(data) if (event := self._result(item)) is not None]
        if self._ready:
            return results
        if not results and data.word("action") != "started" and data.get("errorCode") is None:
            raise Malformed("missing-field", "action")
        self._ready = True
        return [Ready(), *results]

    def _result(self, item: Fields) -> ServiceEvent | None:
        text, translation = item.text("context"), item.text("tranContent")
        final = not item.flag("partial")
        if not text and not translation:
            return None
        index = self._settled
        self._settled += final
        translated = self._setup.source != self._setup.target
        return Result(
            index=index,
            text=text,
            translation=(translation or None) if translated else None,
            final=final,
        )


def _items(data: Fields) -> list[Fields]:
    """``result``: an object, or a list of them in the older edition of the page."""
    result = data.get("result")
    return [data.nested("result")] if isinstance(result, dict) else data.objects("result")


def _failure(code: str) -> Failure:
    message = MESSAGES.get(code, "an error the document does not list")
    return answers.failure(code, message, code in RETRYABLE, about=blamed(code))
