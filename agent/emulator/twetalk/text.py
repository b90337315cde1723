"""TWeTalk's text interfaces over HTTP: translation and summary, whole or as a stream of events.

Sections on the summary interface and the translation interface (HTTP, token). The document has
two refusals and their code, -1; codes of others are the emulator's own (`stream.Code`).
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from agent.emulator.call import JSON, Call, Codes, Declined, Reply
from agent.emulator.engines import Engine, Unsupported
from agent.emulator.stream import DEMO, Code, Refused, Rules, parse_object
from agent.emulator.twetalk.messages import LANGUAGES, Alternation, check_fields, dump

PATH = "/api"
_PIECE = re.compile(r"\s*(?:[a-zA-Z0-9'’]+|[^\W_]{1,2}|[\W_])", re.DOTALL)
_LENGTH = re.compile(r"(\d{1,4})\s*(?:字|char)")


@dataclass(frozen=True)
class Action:
    """One of the interfaces: where its result is, what it takes, what a whole answer says."""

    key: str
    types: dict[str, type]
    media_types: tuple[str, ...]
    success: str


_COMMON: dict[str, type] = {"stream": bool, "text": str, "request_id": str}
ACTIONS = {
    "IotTranslate": Action("data", {"source": str, "target": str, **_COMMON}, (JSON,), "success"),
    # The table has one content type for the summary and its samples the other.
    "IotTextSummary": Action("summary", {"prompt": str, **_COMMON}, (JSON, "text/plain"), ""),
}


class TextProvider:
    """Translates and summarises text."""

    name = "twetalk-text"
    max_body = 1_000_000
    codes = Codes(engine=int(Code.ENGINE), fault=-1, too_large=int(Code.MESSAGE))

    def __init__(self, engine: Engine, rules: Rules) -> None:
        self._engine = engine
        self._with_finish = Alternation(rules.finish)

    def answer(self, call: Call) -> Reply:
        """See `HttpProvider.answer`."""
        action = _action(call)
        fields = _fields(call, action)
        request_id = str(fields.get("request_id") or uuid.uuid4())
        result = self._translate(fields) if action.key == "data" else self._summarise(fields)
        if fields.get("stream", False):
            ends = action.key == "summary" or self._with_finish()
            return stream(action, request_id, result, ends)
        answer = {"code": 0, "err_msg": action.success, action.key: result}
        return Reply(dump({**answer, "request_id": request_id}).encode())

    def refusal(self, declined: Declined) -> Reply:
        """See `HttpProvider.refusal`."""
        return Reply(dump({"code": declined.code, "err_msg": declined.msg}).encode())

    def _translate(self, fields: dict[str, object]) -> str:
        for name in ("source", "target"):
            if name not in fields:
                raise Declined(int(Code.MESSAGE), f"{name} is missing")
            if fields[name] not in LANGUAGES:
                raise Declined(int(Code.LANGUAGE), f"unknown language {str(fields[name])[:20]!r}")
        source, target = str(fields["source"]), str(fields["target"])
        try:
            self._engine.require_pair(source, target)
        except Unsupported as unsupported:
            raise Declined(int(Code.LANGUAGE), str(unsupported)) from None
        return self._engine.translate(str(fields["text"]), source, target)

    def _summarise(self, fields: dict[str, object]) -> str:
        """Of a prompt, which counts for streams only, the emulator understands a length."""
        asked = _LENGTH.search(str(fields.get("prompt", ""))) if fields.get("stream") else None
        return self._engine.summarise(str(fields["text"]), int(asked[1]) if asked else None)


def _action(call: Call) -> Action:
    if call.bearer != DEMO:
        raise Declined(-1, "Invalid Token")
    action = ACTIONS.get(call.headers.get("action", ""))
    if action is None:
        raise Declined(-1, "Invalid Action header")
    if call.media_type not in action.media_types:
        expected = " or ".join(action.media_types)
        raise Declined(int(Code.MESSAGE), f"Content-Type must be {expected}")
    return action


def _fields(call: Call, action: Action) -> dict[str, object]:
    try:
        fields = parse_object(call.body.decode())
        call.page.note_fields(fields)
        check_fields(fields, action.types, Code.MESSAGE)
        dump(fields).encode()  # JSON can escape halves of surrogate pairs, which are no text
    except UnicodeError:
        raise Declined(int(Code.MESSAGE), "not in UTF-8") from None
    except Refused as refused:
        raise Declined(refused.code, refused.msg) from None
    if not str(fields.get("text", "")).strip():
        raise Declined(int(Code.MESSAGE), "text is missing or empty")
    return fields


def stream(action: Action, request_id: str, result: str, ends: bool) -> Reply:
    """The result in pieces, each an event; `ends`: with one more that says it is the last."""
    pieces = [(piece, False) for piece in _pieces(result)]
    events = [
        _event(action.key, piece, last, request_id)
        for piece, last in [*pieces, *([("", True)] if ends else [])]
    ]
    return Reply(content_type="text/event-stream", events=events)


def _pieces(text: str) -> Iterator[str]:
    return (match[0] for match in _PIECE.finditer(text))


def _event(key: str, piece: str, last: bool, request_id: str) -> bytes:
    message = {"code": 0, "err_msg": "", key: piece, "is_finish": last, "request_id": request_id}
    return f"data: {json.dumps(message, ensure_ascii=False)}\n\n".encode()
