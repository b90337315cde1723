"""TWeTalk, as its provider describes it: translation while speaking, version 2.

After the TWeTalk service interface document, section on translation V2 (WebSocket, token).
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite

from aiohttp import web

from agent.emulator.connection import serve_stream
from agent.emulator.engines import Heard, Unsupported
from agent.emulator.site import Site
from agent.emulator.stream import (
    DEMO,
    Action,
    AudioMeter,
    Code,
    Hear,
    Listen,
    Refuse,
    Refused,
    Rules,
    Say,
    Send,
    parse_object,
)

V2_PATH = "/v2/ws-voice-translate"
LANGUAGES = (
    "zh", "yue", "en", "fr", "pt", "es", "ja", "tr", "ru", "ar", "ko", "th", "it", "de", "vi",
    "ms", "id",
)  # fmt: skip
"""The document lists languages with its translation interface only; they are taken for all."""

_V2_FIELDS: dict[str, type] = {
    "is_tts_stream": bool,
    "enable_tts": bool,
    "lang_source": str,
    "lang_target": str,
    "request_id": str,
    "token": str,
}
_SLICE_TYPES = {"start": 0, "partial": 1, "final": 2}

Require = Callable[[str, str | None], None]


def routes(site: Site) -> list[web.RouteDef]:
    """The paths of TWeTalk that this emulator answers."""

    async def v2(request: web.Request) -> web.StreamResponse:
        return await serve_stream(
            request,
            site,
            "twetalk-v2",
            lambda now: V2Session(site.rules, site.request_ids, site.engine.require, now),
        )

    return [web.get(V2_PATH, v2)]


@dataclass(frozen=True)
class Setup:
    """The first message of a client. Only the languages have defaults in the document; the
    switches are taken for off when they are missing."""

    token: str
    request_id: str
    lang_source: str = "zh"
    lang_target: str = "en"
    enable_tts: bool = False
    is_tts_stream: bool = False


def read_setup(message: str) -> Setup:
    """The set-up in this message; `Refused` when it is not as the document has it."""
    fields = parse_object(message)
    check_fields(fields, _V2_FIELDS, Code.SETUP)
    for name in ("token", "request_id"):
        if name not in fields:
            raise Refused(Code.SETUP, f"{name} is missing")
    setup = Setup(**fields)  # type: ignore[arg-type]  # names and types were checked above
    if setup.token != DEMO:
        raise Refused(Code.AUTH, "Invalid Token")
    _check_uuid(setup.request_id)
    for language in (setup.lang_source, setup.lang_target):
        if language not in LANGUAGES:
            raise Refused(Code.LANGUAGE, f"unknown language {language[:20]!r}")
    return setup


def check_fields(fields: dict[str, object], known: dict[str, type], code: int) -> None:
    """`Refused` when a field is unknown or has another type than the document gives it."""
    for name, value in fields.items():
        if name not in known:
            raise Refused(code, f"unknown field {name[:40]!r}")
        if type(value) is not known[name]:
            raise Refused(code, f"{name} must be of type {known[name].__name__}")


def _check_uuid(request_id: str) -> None:
    try:
        canonical = str(uuid.UUID(request_id)) == request_id.lower()
    except ValueError:
        canonical = False
    if not canonical:
        raise Refused(Code.SETUP, "request_id must be a UUID")


class V2Session:
    """The server's side of one V2 connection; see `stream.StreamSession`.

    `request_ids` are those used before on this emulator; `require` raises `Unsupported` for
    languages the engine cannot do.
    """

    def __init__(self, rules: Rules, request_ids: set[str], require: Require, now: float) -> None:
        self._rules, self._request_ids, self._require = rules, request_ids, require
        self._setup_by = now + rules.setup_ms
        self._setup: Setup | None = None
        self._meter = AudioMeter(rules, now)
        self._enable_tts = False
        self._results = 0

    @property
    def deadline(self) -> float:
        """See `StreamSession.deadline`."""
        return self._meter.deadline if self._setup else self._setup_by

    @property
    def speaking(self) -> bool:
        """See `StreamSession.speaking`."""
        return self._enable_tts

    def text(self, message: str, now: float) -> list[Action]:
        """See `StreamSession.text`."""
        try:
            if self._setup is None:
                return self._begin(message, now)
            return self._control(parse_object(message))
        except Refused as refused:
            return [self.refuse(refused.code, refused.msg)]

    def audio(self, message: bytes, now: float) -> list[Action]:
        """See `StreamSession.audio`."""
        try:
            if self._setup is None:
                raise Refused(Code.SETUP, "the first message must be the set-up, in JSON")
            self._meter.take(message, now)
        except Refused as refused:
            return [self.refuse(refused.code, refused.msg)]
        return [Hear(message)]

    def expired(self, now: float) -> list[Action]:
        """See `StreamSession.expired`."""
        try:
            if self._setup is not None:
                self._meter.check(now)
            elif now > self._setup_by:
                raise Refused(Code.SETUP, f"no set-up within {self._rules.setup_ms} ms")
        except Refused as refused:
            return [self.refuse(refused.code, refused.msg)]
        return []

    def heard(self, heard: Heard, translation: str) -> list[Action]:
        """Original and translation in one message; only a final translation is spoken."""
        actions: list[Action] = [Send(self._result(heard, translation), "result")]
        setup = self._setup
        if setup and self._enable_tts and heard.kind == "final" and translation:
            actions.append(Say(translation, setup.lang_target, setup.is_tts_stream))
        return actions

    def refuse(self, code: int, msg: str) -> Refuse:
        """See `StreamSession.refuse`."""
        return Refuse(_dump({"code": int(code), "msg": msg}), int(code), msg)

    def thaw(self, now: float, frozen_ms: float) -> None:
        """See `StreamSession.thaw`."""
        self._setup_by += frozen_ms
        self._meter.thaw(now, frozen_ms)

    def _begin(self, message: str, now: float) -> list[Action]:
        setup = read_setup(message)
        request_id = setup.request_id.lower()
        if request_id in self._request_ids:
            raise Refused(Code.SETUP, "request_id was used before")
        try:
            self._require(setup.lang_source, setup.lang_target)
        except Unsupported as unsupported:
            raise Refused(Code.LANGUAGE, str(unsupported)) from None
        self._request_ids.add(request_id)
        self._setup, self._enable_tts = setup, setup.enable_tts
        self._meter = AudioMeter(self._rules, now)
        return [Listen(parse_object(message), setup.lang_source, setup.lang_target)]

    def _control(self, fields: dict[str, object]) -> list[Action]:
        if len(fields) != 1:
            raise Refused(Code.MESSAGE, "expected enable_tts or ping alone")
        if "ping" in fields:
            return [_pong(fields["ping"])]
        check_fields(fields, {"enable_tts": bool}, Code.MESSAGE)
        self._enable_tts = bool(fields["enable_tts"])
        return []

    def _result(self, heard: Heard, translation: str) -> str:
        detail = {
            "slice_type": _SLICE_TYPES[heard.kind],
            "index": heard.index,
            "voice_text_str": heard.text,
        }
        message: dict[str, object] = {
            "msg": "success",
            "translation": translation,
            "original_detail": detail,
        }
        return _dump({"code": 0, **message} if self._with_code() else message)

    def _with_code(self) -> bool:
        self._results += 1
        if self._rules.code == "alternate":
            return self._results % 2 == 1
        return self._rules.code == "present"


def _pong(data: object) -> Send:
    """The heartbeat's answer. Its data is "a timestamp or another format": text or a number."""
    number = isinstance(data, int | float) and not isinstance(data, bool) and isfinite(data)
    if not number and not isinstance(data, str):
        raise Refused(Code.MESSAGE, "ping must be a text or a number")
    # Escaped, because a client may send half a surrogate pair that UTF-8 cannot carry.
    return Send(json.dumps({"pong": data}), "pong")


def _dump(message: dict[str, object]) -> str:
    return json.dumps(message, ensure_ascii=False)
