"""What the translating WebSockets of Tencent Cloud share: the signed address, the end, the codes.

After the pages 1093/127565 and 1093/140336 for the audio and the messages and Tencent's own
speech SDKs for the address. Neither has the codes of refusals: here they are 6000 and the last
digits of the sister page's (1093/48982), 5000 for an engine that failed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from agent.emulator.signed import Require, SignedSession
from agent.emulator.stream import DEMO, Action, Code, Listen, Refuse, Refused, Rules, Send

HOST = "asr.cloud.tencent.com"
"""What a client signs, wherever it connects to."""

APP_ID = "1000001"
LONGEST_VALID_S = 90 * 24 * 3600
LONGEST_NAME = 128
EARLY_S = 300
"""How far a client's clock may run ahead: no page has a number."""

WRONG, AUTH, BUSY, UNDECODABLE, QUIET, UNKNOWN, FAULT = 6001, 6002, 6006, 6007, 6008, 6010, 5000
_CODES = {
    Code.AUTH: AUTH,
    Code.SETUP: WRONG,
    Code.LANGUAGE: WRONG,
    Code.AUDIO_FORMAT: UNDECODABLE,
    Code.TOO_FAST: UNDECODABLE,
    Code.TOO_QUIET: QUIET,
    Code.MESSAGE: UNKNOWN,
    Code.ENGINE: FAULT,
}
_SIGNED = ("secretid", "timestamp", "expired", "nonce", "voice_id")
_DIGITS = re.compile(r"[0-9]{1,10}")


@dataclass(frozen=True)
class Address:
    """Where a client connected to: the path without the application, that, and the parameters
    in order; at `unix_s`."""

    path: str
    app_id: str
    query: tuple[tuple[str, str], ...]
    unix_s: float

    def parameters(self) -> dict[str, str]:
        """Those of the interface itself; `Refused` when they are not signed, now, by `demo`."""
        found = dict(self.query)
        if len(found) != len(self.query):
            raise Refused(WRONG, "a parameter is there twice")
        signature = found.pop("signature", "")
        for name in _SIGNED:
            if not found.get(name):
                raise Refused(WRONG, f"{name} is missing")
        if self.app_id != APP_ID or found["secretid"] != DEMO:
            raise Refused(AUTH, "auth failed: no such appid or secretid")
        right = sign(f"{HOST}{self.path}/{self.app_id}", found, DEMO)
        if not hmac.compare_digest(right.encode(), signature.encode("utf-8", "replace")):
            raise Refused(AUTH, "auth failed: the signature is not right")
        self._check_times(found)
        if len(found["voice_id"]) > LONGEST_NAME:
            raise Refused(WRONG, f"voice_id is longer than {LONGEST_NAME} characters")
        return {name: value for name, value in found.items() if name not in _SIGNED[:4]}

    def _check_times(self, found: Mapping[str, str]) -> None:
        for name in ("timestamp", "expired", "nonce"):
            if not _DIGITS.fullmatch(found[name]) or not int(found[name]):
                raise Refused(WRONG, f"{name} must be a positive number of at most ten digits")
        signed, expired = int(found["timestamp"]), int(found["expired"])
        if not signed - EARLY_S <= self.unix_s < expired:
            raise Refused(AUTH, "auth failed: timestamp or expired is not of this time")
        if not 0 < expired - signed < LONGEST_VALID_S:
            raise Refused(WRONG, "expired must be after timestamp, by less than 90 days")


def sign(where: str, parameters: Mapping[str, str], secret: str) -> str:
    """HMAC-SHA1 of the address, in Base64; `where` is host, path and application."""
    text = where + "?" + "&".join(f"{name}={parameters[name]}" for name in sorted(parameters))
    mac = hmac.new(secret.encode(), text.encode("utf-8", "replace"), hashlib.sha1)
    return base64.b64encode(mac.digest()).decode()


def one_of(parameters: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> None:
    """`Refused` for a value that is not among these; left out, it is the first."""
    if parameters.get(name, allowed[0]) not in allowed:
        raise Refused(WRONG, f"{name} must be {' or '.join(allowed)}")


def within(parameters: Mapping[str, str], name: str, least: int, most: int) -> None:
    """`Refused` for a number outside these; it may be left out."""
    value = parameters.get(name, str(least))
    if not re.fullmatch(r"-?[0-9]{1,9}", value) or not least <= int(value) <= most:
        raise Refused(WRONG, f"{name} must be {least} to {most}")


class TencentSession(SignedSession):
    """One connection; `open_streams` counts those of this account, this one among them."""

    def __init__(
        self,
        rules: Rules,
        address: Address,
        used: set[str],
        require: Require,
        open_streams: Callable[[], int],
        now: float,
    ) -> None:
        super().__init__(rules, used, require, now)
        self._address, self._open_streams = address, open_streams
        self._voice_id = ""

    def refuse(self, code: int, msg: str) -> Refuse:
        """See `StreamSession.refuse`."""
        own = _CODES.get(code, code) if isinstance(code, Code) else int(code)
        fields = {"code": own, "message": msg, "voice_id": self._voice_id, **self._kind("error")}
        return Refuse(json.dumps(fields), own, msg)

    def _open(self) -> list[Action]:
        parameters = self._address.parameters()
        self._voice_id = parameters.pop("voice_id")
        source, target = self._read(parameters)
        self._require_languages(source, target)
        if self._open_streams() > self._rules.streams:
            raise Refused(BUSY, f"more than {self._rules.streams} connections at once")
        self._take_name(self._voice_id, WRONG)
        setup: dict[str, object] = {"appid": self._address.app_id, **dict(self._address.query)}
        setup.pop("signature", None)
        welcome = self._message({"final": 0, **self._kind("handshake")}, "handshake")
        return [welcome, Listen(setup, source, target)]

    @abstractmethod
    def _read(self, parameters: dict[str, str]) -> tuple[str, str]:
        """The languages the parameters ask for; `Refused` when they are not as documented."""

    def _kind(self, kind: str) -> dict[str, str]:
        """What tells the kinds of messages apart, where they have something that does."""
        return {}

    def _control(self, fields: dict[str, object]) -> list[Action]:
        if fields != {"type": "end"}:
            raise Refused(Code.MESSAGE, "unknown text message")
        return self._end()

    def _message(self, content: Mapping[str, object], kind: str = "result") -> Send:
        fields = {"code": 0, "message": "success", "voice_id": self._voice_id, **content}
        text = json.dumps(fields, ensure_ascii=False)
        return Send(text, "handshake" if kind == "handshake" else "result")
