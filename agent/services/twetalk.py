"""What the services of TWeTalk have in common (Tencent IoT, "服务端接口文档").

Shared by its sections: the host, the languages, the form of a recognised sentence
(``slice_type``, ``index``, ``voice_text_str``), ``code`` (left out when normal) and
the answer to the JSON heartbeat.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.events import Failure, Garbage, Pong, Result, ServiceEvent
from agent.services.reading import Fields, Malformed, mended, parse_object

HOST = "wss://twetalk.iotcloud.tencentdevices.com"

LANGUAGES = (
    "zh", "yue", "en", "fr", "pt", "es", "ja", "tr", "ru",
    "ar", "ko", "th", "it", "de", "vi", "ms", "id",
)  # fmt: skip
"""Those of the section 翻译接口(HTTP); the document lists none for translation while speaking."""

SLICE_FINAL = 2  # slice_type: 0 a sentence begins, 1 it grows, 2 it is settled

_REASONS = ("msg", "message", "err_msg")  # translation, recognition, HTTP
_LIMIT = ("too many", "frequen", "rate limit")
_HOPELESS = ("token", "auth", "permission", "appid", "invalid")


@dataclass(frozen=True, slots=True)
class Setup:
    """What the first message of a translation connection says (V1 and V2)."""

    token: str = field(repr=False)
    request_id: str
    source: str
    target: str
    tts: bool
    tts_stream: bool = True


def read(
    message: str | bytes, meaning: Callable[[Fields], Sequence[ServiceEvent]]
) -> Sequence[ServiceEvent]:
    """The events of a JSON message: heartbeat, refusal, else what ``meaning`` makes of it.

    ``meaning`` may raise Malformed; that, like bad JSON, becomes one ``Garbage``.  So does
    each odd field of a message that can be read all the same.
    """
    try:
        data = parse_object(message)
        if "pong" in data:
            return [_pong(data["pong"])]
        code = data.code()  # left out when normal
        events = meaning(data) if code == "0" else [failure(code, data)]
        return [*events, *data.odd]
    except Malformed as error:
        return [Garbage(error.kind, str(error), whole=True)]


def _pong(token: object) -> Pong:
    """The heartbeat's answer: "a timestamp or another format" (心跳发送与接收)."""
    if not isinstance(token, str | int | float):
        raise Malformed("wrong-type", f"pong: {type(token).__name__}")
    return Pong(str(token))


def sentence(data: Fields, key: str) -> Result:
    """The recognised sentence in ``data[key]``; Malformed when there is none.

    One whose number cannot be read has the index -1.  Where neither its text nor what it is can
    be read, it is no sentence: nothing would ever finish it.
    """
    detail = data.nested(key)
    if not detail.keys() & {"slice_type", "index", "voice_text_str"}:
        raise Malformed("missing-field", f"{key}: nothing of a sentence")
    kind, index = detail.whole("slice_type"), detail.whole("index")
    if None in (kind, index) and not detail.text("voice_text_str"):
        raise Malformed("wrong-type", f"{key}: nothing of a sentence can be read")
    if kind is None or kind > SLICE_FINAL:
        detail.note("out-of-range", f"slice_type: {kind}")  # it grows, for all we know
    if index is None:
        detail.note("no-index", key)
    return Result(
        index=-1 if index is None else index,
        text=detail.text("voice_text_str"),
        final=kind == SLICE_FINAL,
    )


def failure(code: str, data: Mapping[str, Any]) -> Failure:
    """A refusal.  The document lists no codes, so only its wording tells what retrying mends."""
    reasons = (data.get(name) for name in _REASONS)
    text = next((r for r in reasons if r and isinstance(r, str)), "no reason given")
    text = " ".join(mended(text[:500]).split())
    if any(word in text.lower() for word in _LIMIT):
        return Failure(code, text, retryable=True, about="limit")
    hopeless = any(word in text.lower() for word in _HOPELESS)
    return Failure(code, text, retryable=not hopeless)
