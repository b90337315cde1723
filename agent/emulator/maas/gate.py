"""What the products of MaaS have in common: who may come in, forms with a sound, refusals.

After the speech-to-text interface document (v1.1). It has no table of errors: theirs are shaped
as OpenAI's, whose clients these paths are made for, and `code` is the emulator's own.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import ceil
from typing import ClassVar

from agent.emulator.call import Call, Codes, Declined, Reply
from agent.emulator.engines import Engine, Unsupported
from agent.emulator.forms import BadForm, Part, read_multipart
from agent.emulator.hearing import first_heard
from agent.emulator.sound import NoSound, Sound, read_sound
from agent.emulator.stream import DEMO

LARGEST = 25 * 1024 * 1024
"""Bytes of a sound file (the document's 25M)."""

_STATUS = {"invalid_api_key": 401, "endpoint_not_found": 404, "file_too_large": 413}


@dataclass(frozen=True)
class Form:
    """A form that is in order: its sound, and its plain fields without quotes around them."""

    sound: Sound
    fields: Mapping[str, str]


class Gate(ABC):
    """One product. `file_field` has the sound, `known` are the other fields it takes."""

    max_body = LARGEST + 1_000_000
    codes = Codes("engine_failed", "fault", "file_too_large")
    name: str
    file_field: ClassVar[str] = "file"
    known: Collection[str] = ()
    kinds: ClassVar[Collection[str]] = ()
    """Sound formats the document names; empty: any."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def answer(self, call: Call) -> Reply:
        """See `HttpProvider.answer`."""
        if call.parameters.get("endpoint") != DEMO:
            raise Declined("endpoint_not_found", "there is no such endpoint")
        if call.bearer != DEMO:
            raise Declined("invalid_api_key", "the AccessKey is not valid")
        return Reply(json.dumps(self.result(call), ensure_ascii=False).encode())

    @abstractmethod
    def result(self, call: Call) -> Mapping[str, object]:
        """The answer to a request that was let in; `Declined` or `EngineFailed`."""

    def refusal(self, declined: Declined) -> Reply:
        """See `HttpProvider.refusal`. A numeric code of a fault plan is a status."""
        code = declined.code
        if isinstance(code, int):
            status = code if 400 <= code < 600 else 500
        else:
            default = 500 if code in ("engine_failed", "fault") else 400
            status = _STATUS.get(code, default)
        error = {"message": declined.msg, "type": "invalid_request_error", "code": str(code)}
        return Reply(json.dumps({"error": error}, ensure_ascii=False).encode(), status)

    def form(self, call: Call) -> Form:
        """The request's form; `Declined` when it or its sound breaks a rule."""
        try:
            parts = read_multipart(call.headers.get("content-type", ""), call.body)
            fields = {k: unquoted(p.text) for k, p in parts.items() if k != self.file_field}
        except BadForm as bad:
            raise invalid(str(bad)) from None
        file = parts.get(self.file_field)
        call.page.note_fields({**fields, **({self.file_field: file.data} if file else {})})
        for name in fields.keys() - set(self.known):
            raise invalid(f"unknown field {name[:40]!r}")
        sound = self._sound(file)
        call.page.note_audio(sound.mono)
        return Form(sound, fields)

    def _sound(self, file: Part | None) -> Sound:
        if file is None or not file.data:
            raise invalid(f"{self.file_field} is missing or empty")
        if len(file.data) > LARGEST:
            raise Declined("file_too_large", "the file is larger than 25 MB")
        try:
            sound = read_sound(file.data)
        except NoSound as none:
            raise invalid(f"{self.file_field}: {none}") from None
        if self.kinds and sound.kind not in self.kinds:
            expected = ", ".join(self.kinds)
            raise invalid(f"{self.file_field} is {sound.kind}, expected one of {expected}")
        return sound

    def heard_language(self, candidates: Collection[str], target: str | None = None) -> str:
        """The first of these locales the engine can hear and translate; `Declined` if none."""
        engine_code = {language_of(locale): locale for locale in reversed(list(candidates))}
        ordered = [language_of(locale) for locale in candidates]
        try:
            return engine_code[first_heard(self._engine, ordered, target)]
        except Unsupported as unsupported:
            raise invalid(str(unsupported), "unsupported_language") from None


def invalid(msg: str, code: str = "invalid_request") -> Declined:
    """A refusal of a request that is not as the document has it."""
    return Declined(code, msg)


def unquoted(text: str) -> str:
    """A value without the quotes that the document's curl samples put around it."""
    quoted = len(text) > 1 and text[0] == text[-1] == '"'
    return text[1:-1] if quoted else text


def listed(text: str) -> list[str]:
    """The values in `a,b`; also each with quotes of its own, as the tables show them."""
    return [value.strip(' "') for value in text.split(",") if value.strip()]


def number(fields: Mapping[str, str], name: str) -> int | None:
    """A field that is a whole number of at least 1, None if it is not there."""
    if name not in fields:
        return None
    if not re.fullmatch(r"[1-9][0-9]{0,8}", fields[name]):
        raise invalid(f"{name} must be a whole number of milliseconds")
    return int(fields[name])


def language_of(locale: str) -> str:
    """The engine's code for a locale: `en` for `en-US`; Hong Kong speaks Cantonese."""
    return "yue" if locale == "zh-HK" else locale.partition("-")[0]


def durations(ms: float) -> dict[str, int]:
    """In 100 ns and in seconds, rounded up as the samples are (6.52 s: 7, 26.04 s: 27)."""
    return {"duration": round(ms * 10_000), "durationInSeconds": ceil(ms / 1_000)}
