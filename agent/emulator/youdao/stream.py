"""Youdao 实时语音翻译 (WebSocket): speech in, the newest state of a sentence out.

The page at hand has the address and its parameters; the messages are as programs of others that
speak to the service have them. Codes are of the table Youdao's services share; where that has
none, the nearest.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from agent.emulator.engines import Heard
from agent.emulator.signed import Require, SignedSession
from agent.emulator.stream import (
    DEMO,
    Action,
    Code,
    Listen,
    Refuse,
    Refused,
    Rules,
    Send,
)
from agent.emulator.youdao.languages import LANGUAGES, ONLY_WITH_CHINESE
from agent.emulator.youdao.request import WITHIN_S

PATH = "/stream_speech_trans"

MISSING, LANGUAGE, KIND_OF_SIGN, KEY, SIGN, TIME, REPEATED = 101, 102, 105, 108, 202, 206, 207
FORMAT, RATE, CHANNEL, FAULT, IDLE, TOO_MANY = 3001, 3002, 3003, 303, 304, 411
_CODES = {
    Code.AUTH: KEY,
    Code.SETUP: MISSING,
    Code.MESSAGE: MISSING,
    Code.LANGUAGE: LANGUAGE,
    Code.AUDIO_FORMAT: FORMAT,
    Code.TOO_FAST: TOO_MANY,
    Code.TOO_QUIET: IDLE,
    Code.ENGINE: FAULT,
}
_REQUIRED = (
    "appKey", "salt", "curtime", "sign", "signType", "from", "to", "format", "rate", "channel",
    "version",
)  # fmt: skip
_FIXED = {
    "signType": (("v4",), KIND_OF_SIGN),
    "format": (("wav",), FORMAT),
    "channel": (("1",), CHANNEL),
    "version": (("v1",), MISSING),
}
_PATTERNS = ("sentence", "stream")
_LONGEST_SALT = 128
_DIGITS = re.compile(r"[0-9]{1,11}")


@dataclass(frozen=True)
class Wish:
    """The parameters of an address, in order; at `unix_s`."""

    query: tuple[tuple[str, str], ...]
    unix_s: float

    def parameters(self, rate: int) -> dict[str, str]:
        """All of them; `Refused` when they are not as documented, or not signed, now, by `demo`."""
        found = dict(self.query)
        if len(found) != len(self.query):
            raise Refused(MISSING, "a parameter is there twice")
        for name in _REQUIRED:
            if not found.get(name):
                raise Refused(MISSING, f"{name} is missing")
        for name in found.keys() - {*_REQUIRED, "transPattern"}:
            raise Refused(MISSING, f"unknown parameter {name[:40]!r}")
        self._check_signature(found)
        for name, (allowed, code) in _FIXED.items():
            if found[name] not in allowed:
                raise Refused(code, f"{name} must be {' or '.join(allowed)}")
        if found["rate"] != str(rate):
            raise Refused(RATE, f"rate must be {rate}")
        if found.get("transPattern", _PATTERNS[0]) not in _PATTERNS:
            raise Refused(MISSING, f"transPattern must be {' or '.join(_PATTERNS)}")
        return found

    def _check_signature(self, found: Mapping[str, str]) -> None:
        if found["appKey"] != DEMO:
            raise Refused(KEY, "appKey is not valid")
        if len(found["salt"]) > _LONGEST_SALT:
            raise Refused(MISSING, f"salt is longer than {_LONGEST_SALT} characters")
        curtime = found["curtime"]
        if not _DIGITS.fullmatch(curtime) or abs(self.unix_s - int(curtime)) > WITHIN_S:
            raise Refused(TIME, f"curtime is not the time within {WITHIN_S} s")
        right = sign(found["salt"], curtime).encode()
        if not hmac.compare_digest(right, found["sign"].lower().encode("utf-8", "replace")):
            raise Refused(SIGN, "sign is not right")


def sign(salt: str, curtime: str, key: str = DEMO, secret: str = DEMO) -> str:
    """Version 4: SHA-256 of key, salt, time and secret, in lower case."""
    whole = f"{key}{salt}{curtime}{secret}".encode("utf-8", "replace")
    return hashlib.sha256(whole).hexdigest()


class StreamTranslation(SignedSession):
    """The server's side of one connection."""

    def __init__(
        self, rules: Rules, wish: Wish, used: set[str], require: Require, now: float
    ) -> None:
        super().__init__(rules, used, require, now)
        self._wish = wish
        self._streamed = False

    def heard(self, heard: Heard, translation: str) -> list[Action]:
        """The sentence as it is now; until it is settled it may have no translation."""
        final = heard.kind == "final"
        if not heard.text:
            return []
        shown = translation if final or self._streamed else ""
        result = {"context": heard.text, "tranContent": shown, "partial": not final}
        return [Send(_dump("recognition", "0", result), "result")]

    def audio(self, message: bytes, now: float) -> list[Action]:
        """Sound, or in the same kind of message, `{"end": "true"}`."""
        if message.startswith(b'{"end"'):
            return self.text(message.decode("utf-8", "replace"), now)
        return super().audio(message, now)

    def refuse(self, code: int, msg: str) -> Refuse:
        """See `StreamSession.refuse`."""
        own = _CODES.get(code, code) if isinstance(code, Code) else int(code)
        return Refuse(_dump("error", str(own), []), own, msg)

    def _open(self) -> list[Action]:
        parameters = self._wish.parameters(self._rules.rate)
        source, target = parameters["from"], parameters["to"]
        if source not in LANGUAGES or target not in LANGUAGES:
            raise Refused(LANGUAGE, "from or to is not in the table of languages")
        for one, other in ((source, target), (target, source)):
            if one in ONLY_WITH_CHINESE and other not in ("zh-CHS", one):
                raise Refused(LANGUAGE, f"{one} goes with zh-CHS only")
        self._require_languages(LANGUAGES[source], LANGUAGES[target])
        self._take_name(parameters["salt"], REPEATED)
        self._streamed = parameters.get("transPattern") == "stream"
        setup: dict[str, object] = {k: v for k, v in parameters.items() if k != "sign"}
        welcome = Send(_dump("started", "0", []), "handshake")
        return [welcome, Listen(setup, LANGUAGES[source], LANGUAGES[target])]

    def _control(self, fields: dict[str, object]) -> list[Action]:
        if fields != {"end": "true"}:
            raise Refused(Code.MESSAGE, "expected end alone")
        return self._end()


def _dump(action: str, code: str, result: object) -> str:
    fields = {"action": action, "errorCode": code, "result": result}
    return json.dumps(fields, ensure_ascii=False)
