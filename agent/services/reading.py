"""Reading untrusted JSON liberally: a text that can be read is read, what is odd is noted.

Everything a server sends passes through here.  A field of another type than documented
(``"2"`` for 2, 2.0, a text cut in the middle of an emoji, a byte order mark) is read as what it
means or left out, and noted in :attr:`Fields.odd`, from where the protocol passes it on.
:class:`Malformed` says that nothing can be made of the message.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from agent.events import Garbage

MAX_TEXT = 20_000  # characters of one sentence; what is longer is cut
MAX_WORD = 100  # characters of a language, a speaker, a code
MOST = 2**53  # of a number: JSON's own limit

_NUMBER = re.compile(r"\s*[+-]?\d{1,17}(\.\d*)?\s*", re.ASCII)
_FINE = frozenset({"", "0", "ok", "success"})  # codes of careless servers when all is well


class Malformed(ValueError):
    """A message nothing can be made of; ``kind`` is a short stable word."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind


class Fields(dict[str, Any]):
    """An object of a message.  Its methods never raise but :class:`Malformed`.

    What they find odd is added to ``odd``, which an object shares with all within it.
    """

    def __init__(self, data: Mapping[str, Any] = {}, odd: list[Garbage] | None = None) -> None:
        super().__init__(data)
        self.odd: list[Garbage] = [] if odd is None else odd

    def note(self, kind: str, detail: str) -> None:
        """``detail`` is not as documented, but does not keep the rest from being read."""
        self.odd.append(Garbage(kind, detail))

    def nested(self, key: str) -> Fields:
        """The object ``key``; Malformed where there is none."""
        value = self.get(key)
        if not isinstance(value, dict):
            kind = "missing-field" if value is None else "wrong-type"
            raise Malformed(kind, f"{key}: {type(value).__name__} for an object")
        return Fields(value, self.odd)

    def objects(self, key: str) -> list[Fields]:
        """The objects in the list ``key``; one that stands alone is a list of one."""
        value = self.get(key)
        if isinstance(value, dict):
            self._wrong(key, value, "a list")
            value = [value]
        found = self._list(key, value)
        for each in found:
            if not isinstance(each, dict):
                self._wrong(key, each, "an object")
        return [Fields(each, self.odd) for each in found if isinstance(each, dict)]

    def texts(self, key: str) -> list[str]:
        """The texts in the list ``key``; a bare text is a list of one."""
        value = self.get(key)
        if isinstance(value, str):
            value = [value]
        found = [self._text(key, each, MAX_TEXT) for each in self._list(key, value)]
        return [text for text in found if text is not None]

    def text(self, key: str, default: str | None = "", most: int = MAX_TEXT) -> str:
        """A text of at most ``most`` characters; ``default`` where none can be read.

        Malformed where there is no default.
        """
        value = self.get(key)
        found = None if value is None else self._text(key, value, most)
        if found is not None:
            return found
        if default is None:
            kind = "missing-field" if value is None else "wrong-type"
            raise Malformed(kind, f"{key}: {type(value).__name__} for a text")
        return default

    def word(self, key: str) -> str | None:
        """A short text such as a language or a speaker (a number counts); None for none."""
        value = self.get(key)
        if value is None or value == "":
            return None
        if type(value) not in (str, int) or len(str(value)) > MAX_WORD:
            self._wrong(key, value, "a short text")
            return None
        return mended(str(value))

    def number(self, key: str) -> float | None:
        """A number from 0 to 2**53; None where none can be read."""
        value = self.get(key)
        if value is None or (type(value) in (int, float) and 0 <= value <= MOST):
            return None if value is None else float(value)
        read = _number(value)
        self._wrong(key, value, "a number")
        return read if read is not None and 0 <= read <= MOST else None

    def whole(self, key: str) -> int | None:
        """The same, without a fraction."""
        value = self.number(key)
        if type(self.get(key)) is float and value is not None:
            self._wrong(key, value, "a whole number")
        return None if value is None else int(value)

    def flag(self, key: str) -> bool:
        """A boolean; 0 and 1 too, and their words."""
        value = self.get(key)
        if value is None or isinstance(value, bool):
            return bool(value)
        if type(value) is not int or value not in (0, 1):
            self._wrong(key, value, "a boolean")
        if isinstance(value, str):
            return value.strip().lower() in ("true", "1", "1.0", "yes")
        return value == 1

    def code(self, key: str = "code", kind: type = int) -> str:
        """The code of a refusal, of type ``kind``; "0" where all is well or it is left out."""
        value = self.get(key)
        if value is None or type(value) is int:
            return str(value or 0)
        if type(value) is not kind:
            self._wrong(key, value, "a code")
        if isinstance(value, str) and value.strip().lower() in _FINE:
            return "0"
        number = _number(value)
        if number is not None:
            return str(int(number))
        return mended(value.strip())[:MAX_WORD] if isinstance(value, str) else "0"

    def _text(self, key: str, value: object, most: int) -> str | None:
        if type(value) in (int, float):
            self._wrong(key, value, "a text")
            value = str(value)
        if not isinstance(value, str):
            self._wrong(key, value, "a text")
            return None
        text = mended(value)
        if text != value:
            self.note("half-character", key)
        if len(text) > most:
            self.note("huge-text", f"{key}: {len(text)} characters")
        return text[:most]

    def _list(self, key: str, value: object) -> list[Any]:
        if value is not None and not isinstance(value, list):
            self._wrong(key, value, "a list")
        return value if isinstance(value, list) else []

    def _wrong(self, key: str, value: object, expected: str) -> None:
        self.note("wrong-type", f"{key}: {type(value).__name__} for {expected}")


def parse_object(text: str | bytes) -> Fields:
    """A JSON object; Malformed (``bad-json``, ``not-an-object``) for everything else."""
    odd: list[Garbage] = []
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        value = _careless(text, error)
        odd.append(Garbage("odd-json", str(error)))
    if not isinstance(value, dict):
        raise Malformed("not-an-object", type(value).__name__)
    return Fields(value, odd)


def mended(text: str) -> str:
    """``text`` with U+FFFD for every half of a character: what can be written as UTF-8."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _careless(text: str | bytes, error: Exception) -> Any:
    """JSON with a byte order mark, halves of characters, control characters, broken UTF-8."""
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    try:
        return json.loads(words.strip("\ufeff\0 \t\r\n"), strict=False)
    except (ValueError, RecursionError):
        raise Malformed("bad-json", str(error)) from error


def _number(value: object) -> float | None:
    """What a careless server means by ``value``; None where that is no number."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value)
    if type(value) in (int, float) and abs(value) <= MOST:  # type: ignore[arg-type]
        return float(value)  # type: ignore[arg-type]
    return None
