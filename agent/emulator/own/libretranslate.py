"""LibreTranslate, after its API: `POST /translate` and `GET /languages`; the key is `demo`."""

from __future__ import annotations

import json

from agent.emulator.call import FORM, JSON, Call, Codes, Declined, Reply
from agent.emulator.engines import Engine, Unsupported
from agent.emulator.forms import BadForm, read_urlencoded
from agent.emulator.own.names import CODES
from agent.emulator.stream import DEMO, Refused, parse_object

_KEYS = {"q", "source", "target", "format", "alternatives", "api_key"}


class _Libre:
    max_body = 200_000
    codes = Codes(500, 500, 413)

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def refusal(self, declined: Declined) -> Reply:
        """See `HttpProvider.refusal`: the code is the status."""
        status = declined.code if isinstance(declined.code, int) else 500
        status = status if 400 <= status < 600 else 500
        return Reply(json.dumps({"error": declined.msg}).encode(), status)


class LibreTranslate(_Libre):
    """`POST /translate`, JSON or a form."""

    name = "libretranslate"

    def answer(self, call: Call) -> Reply:
        """See `HttpProvider.answer`."""
        fields = _fields(call)
        if fields.get("api_key") != DEMO:
            raise Declined(403, "Invalid API key")
        for key in ("q", "source", "target"):
            if not isinstance(fields.get(key), str) or not fields[key]:
                raise Declined(400, f"Invalid request: missing {key} parameter")
        if fields.get("format", "text") not in ("text", "html"):
            raise Declined(400, f"{fields['format']} format is not supported")
        source, target = str(fields["source"]), str(fields["target"])
        for code in (source, target):
            if code not in CODES.values():
                raise Declined(400, f"{code[:20]} is not supported")
        try:
            self._engine.require_pair(source, target)
        except Unsupported:
            words = f"{target} ({target}) is not available as a target language from {source}"
            raise Declined(400, words) from None
        text = self._engine.translate(str(fields["q"]), source, target)
        return Reply(json.dumps({"translatedText": text}, ensure_ascii=False).encode())


class Languages(_Libre):
    """`GET /languages`."""

    name = "libretranslate-languages"

    def answer(self, call: Call) -> Reply:
        """See `HttpProvider.answer`."""
        listed = [
            {"code": code, "name": name, "targets": self._targets(code)}
            for name, code in sorted(CODES.items())
        ]
        return Reply(json.dumps(listed).encode())

    def _targets(self, source: str) -> list[str]:
        return [code for code in CODES.values() if self._can(source, code)]

    def _can(self, source: str, target: str) -> bool:
        try:
            self._engine.require_pair(source, target)
        except Unsupported:
            return False
        return True


def _fields(call: Call) -> dict[str, object]:
    try:
        if call.media_type == JSON:
            fields = parse_object(call.body.decode())
        elif call.media_type == FORM:
            fields = dict(read_urlencoded(call.body))
        else:
            raise Declined(400, f"Content-Type must be {JSON} or {FORM}")
    except (UnicodeError, Refused, BadForm):
        raise Declined(400, "Invalid request: the body cannot be read") from None
    call.page.note_fields(fields)
    for name in fields.keys() - _KEYS:
        raise Declined(400, f"Invalid request: unknown field {name[:40]!r}")
    return fields
