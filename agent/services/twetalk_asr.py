"""TWeTalk recognition (Tencent IoT, "服务端接口文档", ASR 精转中文/英文 (WebSocket)).

One WebSocket to ``/asr/v2/<appid>``; the app id is allow-listed, there is no token and
no set-up message.  The server answers the handshake with ``code`` 0 or closes; then
binary PCM, s16le mono 16 kHz, at most 1:1 real time and never more than 6 s apart.
Times count ms of the audio of this connection.

The JSON heartbeat (心跳发送与接收) belongs to the translation part of the document,
which this section does not refer to: none is sent, the ping of RFC 6455 stands in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from msgspec.structs import replace

from agent.errors import UsageError
from agent.events import Finished, Garbage, Pair, Ready, Result, ServiceEvent
from agent.services import twetalk
from agent.services.base import Endpoint, Message, at
from agent.services.reading import Fields, Malformed
from agent.services.twetalk import HOST as HOST

MODELS = {
    "zh": "iot_16k_zh",
    "en": "iot_16k_en",
    "it": "iot_16k_it",
    "ru": "iot_16k_ru",
    "ja": "iot_16K_ja",  # the document's spelling, with a capital K
}
LANGUAGES = tuple(MODELS)


def choose_model(model: str | None, source: str) -> str:
    """``model`` (in any case) as the document spells it, else the one of language ``source``.

    A region is passed over: ``zh-CN`` is ``zh``.  UsageError names the five models.
    """
    language = source.lower().partition("-")[0]
    wanted = model or MODELS.get(language, "")
    for spelling in MODELS.values():
        if spelling.lower() == wanted.lower():
            return spelling
    what = f"unknown model {model[:40]!r}" if model else f"no model for language {source[:40]!r}"
    raise UsageError(f"twetalk-asr: {what}; expected one of {', '.join(MODELS.values())}")


@dataclass(frozen=True, slots=True)
class Setup:
    """What the address of a connection says; ``model`` comes from :func:`choose_model`."""

    app_id: str
    model: str


class TwetalkAsr:
    """One connection of TWeTalk recognition; ``host`` is scheme, host and port."""

    def __init__(self, setup: Setup, host: str = HOST) -> None:
        self._setup = setup
        self._host = host
        self._ready = False
        self._settled = -1  # the highest index that was final

    def endpoint(self, unix: float) -> Endpoint:
        app_id, model = (quote(text, safe="") for text in (self._setup.app_id, self._setup.model))
        path = f"/asr/v2/{app_id}?engine_model_type={model}&voice_format=1"
        return Endpoint(at(self._host, path, "ws"))

    def begin(self) -> Sequence[Message]:
        return []

    @property
    def ready(self) -> bool:
        """Whether the handshake was answered with ``code`` 0."""
        return self._ready

    def ping(self, token: str) -> Message | None:
        return None

    def switch_tts(self, enabled: bool) -> Message | None:
        return None

    def switch_pair(self, pair: Pair) -> Message | None:
        return None

    def end(self) -> Sequence[Message]:
        return []

    def flush(self) -> Sequence[ServiceEvent]:
        return []

    def receive(self, message: Message) -> Sequence[ServiceEvent]:
        return twetalk.read(message, self._meaning)

    def _meaning(self, data: Fields) -> Sequence[ServiceEvent]:
        if self._ready:
            return self._results(data)
        if data.get("result") is not None:  # results without the answer: accepted all the same
            results = self._results(data)
            self._ready = True
            return [Ready(), *results]
        if data.get("code") is None:  # left out with results only: here it is the answer
            raise Malformed("missing-field", "code")
        self._ready = True
        return [Ready()]

    def _results(self, data: Fields) -> Sequence[ServiceEvent]:
        if data.flag("final"):
            return [*self._last_words(data), Finished()]
        result = sentence(data)
        if result.final:
            self._settled = max(self._settled, result.index)
        return [result]

    def _last_words(self, data: Fields) -> Sequence[ServiceEvent]:
        """The result that comes with the end, if it is new: nothing will change it any more.

        The document does not show such a message; zeros and repetitions are passed over.
        """
        if not data.get("result"):
            return []
        try:
            result = sentence(data)
        except Malformed as error:
            return [Garbage(error.kind, str(error))]
        known = 0 <= result.index <= self._settled or not result.text
        return [] if known else [replace(result, final=True)]


def sentence(data: Fields) -> Result:
    """``result`` with its times (ms), None where left out; Malformed when there is none."""
    said, detail = twetalk.sentence(data, "result"), data.nested("result")
    start, end = detail.whole("start_time"), detail.whole("end_time")
    if start is not None and end is not None and end < start:
        end = None  # a sentence that has only begun has no end yet
    return replace(said, start_ms=start, end_ms=end)
