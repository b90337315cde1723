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
from agent.services.reading import Malformed, code_of, get, natural, parse_object

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
    message: str | bytes, meaning: Callable[[Mapping[str, Any]], Sequence[ServiceEvent]]
) -> Sequence[ServiceEvent]:
    """The events of a JSON message: heartbeat, refusal, else what ``meaning`` makes of it.

    ``meaning`` may raise Malformed; that, like bad JSON, becomes one ``Garbage``.
    """
    try:
        data = parse_object(message)
        if "pong" in data:
            return [_pong(data["pong"])]
        code = code_of(data)
        return meaning(data) if code == 0 else [failure(code, data)]
    except Malformed as error:
        return [Garbage(error.kind, str(error))]


def _pong(token: object) -> Pong:
    """The heartbeat's answer: "a timestamp or another format" (心跳发送与接收)."""
    if not isinstance(token, str | int | float):
        raise Malformed("wrong-type", f"pong: {type(token).__name__}")
    return Pong(str(token))


def sentence(data: Mapping[str, Any], key: str) -> Result:
    """The recognised sentence in ``data[key]``; Malformed when fields are amiss."""
    detail = get(data, key, dict)
    kind = natural(detail, "slice_type")
    if kind > SLICE_FINAL:
        raise Malformed("out-of-range", f"slice_type: {kind}")
    return Result(
        index=natural(detail, "index"),
        text=get(detail, "voice_text_str", str, ""),
        final=kind == SLICE_FINAL,
    )


def failure(code: int, data: Mapping[str, Any]) -> Failure:
    """A refusal.  The document lists no codes, so only its wording tells what retrying mends."""
    reasons = (data.get(name) for name in _REASONS)
    text = next((r for r in reasons if r and isinstance(r, str)), "no reason given")
    text = " ".join(text[:500].split())
    if any(word in text.lower() for word in _LIMIT):
        return Failure(str(code), text, retryable=True, about="limit")
    hopeless = any(word in text.lower() for word in _HOPELESS)
    return Failure(str(code), text, retryable=not hopeless)
