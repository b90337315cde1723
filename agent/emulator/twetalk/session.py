"""What the WebSocket interfaces of TWeTalk have in common: set-up first, audio in real time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from agent.emulator.engines import Heard, Unsupported
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
    parse_object,
)
from agent.emulator.twetalk.messages import (
    LANGUAGES,
    Alternation,
    Require,
    check_fields,
    check_request_id,
    dump,
    pong,
)


class TwetalkSession(ABC):
    """A session that listens after its set-up; see `stream.StreamSession`.

    `require` raises `Unsupported` for languages the engine cannot do.
    """

    error_key: ClassVar[str] = "msg"
    """Where the text of an error is: translation has it in `msg`, recognition in `message`."""

    def __init__(self, rules: Rules, require: Require, now: float) -> None:
        self._rules, self._require = rules, require
        self._setup_by = now + rules.setup_ms
        self._meter = AudioMeter(rules, now)
        self._listening = False
        self._with_code = Alternation(rules.code)

    @property
    def deadline(self) -> float:
        """See `StreamSession.deadline`."""
        return self._meter.deadline if self._listening else self._setup_by

    @property
    def speaking(self) -> bool:
        """See `StreamSession.speaking`."""
        return False

    def opened(self, now: float) -> list[Action]:
        """See `StreamSession.opened`."""
        return []

    def text(self, message: str, now: float) -> list[Action]:
        """See `StreamSession.text`."""
        try:
            if not self._listening:
                return self._set_up(message, now)
            return self._control(parse_object(message))
        except Refused as refused:
            return [self.refuse(refused.code, refused.msg)]

    def audio(self, message: bytes, now: float) -> list[Action]:
        """See `StreamSession.audio`."""
        try:
            if not self._listening:
                raise Refused(Code.SETUP, "the first message must be the set-up, in JSON")
            self._meter.take(message, now)
        except Refused as refused:
            return [self.refuse(refused.code, refused.msg)]
        return [Hear(message)]

    def expired(self, now: float) -> list[Action]:
        """See `StreamSession.expired`."""
        try:
            if self._listening:
                self._meter.check(now)
            elif now > self._setup_by:
                raise Refused(Code.SETUP, f"no set-up within {self._rules.setup_ms} ms")
        except Refused as refused:
            return [self.refuse(refused.code, refused.msg)]
        return []

    @abstractmethod
    def heard(self, heard: Heard, translation: str) -> list[Action]:
        """See `StreamSession.heard`."""

    def finished(self) -> list[Action]:
        """See `StreamSession.finished`."""
        return []

    def spoken(self) -> list[Action]:
        """See `StreamSession.spoken`."""
        return []

    def refuse(self, code: int, msg: str) -> Refuse:
        """See `StreamSession.refuse`."""
        return Refuse(dump({"code": int(code), self.error_key: msg}), int(code), msg)

    def thaw(self, now: float, frozen_ms: float) -> None:
        """See `StreamSession.thaw`."""
        self._setup_by += frozen_ms
        self._meter.thaw(now, frozen_ms)

    @abstractmethod
    def _set_up(self, message: str, now: float) -> list[Action]:
        """The first text message."""

    def _control(self, fields: dict[str, object]) -> list[Action]:
        """A later one: a heartbeat is all that every interface takes."""
        if set(fields) != {"ping"}:
            raise Refused(Code.MESSAGE, "expected ping alone")
        return [pong(fields["ping"])]

    def _listen(self, source: str, target: str | None, setup: dict[str, object]) -> Listen:
        """Let audio come, unless the engine cannot do these languages."""
        try:
            self._require(source, target)
        except Unsupported as unsupported:
            raise Refused(Code.LANGUAGE, str(unsupported)) from None
        self._listening = True
        return Listen(setup, source, target)


@dataclass(frozen=True)
class Setup:
    """The first message of a translation. `speak` is what `disable_tts` (V1) or `enable_tts`
    (V2) say; what is missing is as the document's samples have it."""

    request_id: str
    source: str
    target: str
    speak: bool
    streamed: bool


class TranslationSession(TwetalkSession):
    """What V1 and V2 share: the set-up, but for the name of its switch."""

    switch: ClassVar[str]
    """Turns speech on (`enable_tts`) or off (`disable_tts`); false when it is missing."""

    def __init__(self, rules: Rules, request_ids: set[str], require: Require, now: float) -> None:
        """`request_ids` are those used before on this emulator."""
        super().__init__(rules, require, now)
        self._request_ids = request_ids
        self._setup: Setup | None = None
        self._speak = False

    @property
    def speaking(self) -> bool:
        """See `StreamSession.speaking`."""
        return self._speak

    def _set_up(self, message: str, now: float) -> list[Action]:
        fields = parse_object(message)
        setup = self._read_setup(fields)
        if setup.request_id in self._request_ids:
            raise Refused(Code.SETUP, "request_id was used before")
        listen = self._listen(setup.source, setup.target, fields)
        self._request_ids.add(setup.request_id)
        self._setup, self._speak = setup, setup.speak
        self._meter = AudioMeter(self._rules, now)
        return [listen]

    def _read_setup(self, fields: dict[str, object]) -> Setup:
        switches = dict.fromkeys(("is_tts_stream", self.switch), bool)
        texts = dict.fromkeys(("lang_source", "lang_target", "request_id", "token"), str)
        check_fields(fields, {**switches, **texts}, Code.SETUP)
        for name in ("token", "request_id"):
            if name not in fields:
                raise Refused(Code.SETUP, f"{name} is missing")
        if fields["token"] != DEMO:
            raise Refused(Code.AUTH, "Invalid Token")
        request_id = str(fields["request_id"])
        check_request_id(request_id)
        on = bool(fields.get(self.switch, False))
        return Setup(
            request_id=request_id.lower(),
            source=_language(fields.get("lang_source", "zh")),
            target=_language(fields.get("lang_target", "en")),
            speak=not on if self.switch == "disable_tts" else on,
            streamed=bool(fields.get("is_tts_stream", False)),
        )


def _language(value: object) -> str:
    if value not in LANGUAGES:
        raise Refused(Code.LANGUAGE, f"unknown language {str(value)[:20]!r}")
    return str(value)
