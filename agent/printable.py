"""Text from elsewhere (captions, reasons, names) made safe for a terminal.

A server could send escape sequences, carriage returns or overrides of the writing direction;
none of them may reach the terminal.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable

#: Joiners and direction marks that scripts need; they steer nothing beyond the next letter.
_NEEDED = "\u200c\u200d\u200e\u200f"

_UNKNOWN = "\ufffd"


def one_line(text: str) -> str:
    """``text`` as :func:`printable`, on one line, with single spaces between the words."""
    return " ".join(printable(text).split())


def lines(text: str) -> str:
    """``text`` as :func:`printable`, but for its line ends and tabs."""
    if text.isprintable():
        return text
    return _each(text, lambda char: char if char in "\n\t" else _instead(char))


def printable(text: str) -> str:
    """``text`` with nothing in it that is not there to be seen."""
    return text if text.isprintable() else _each(text, _instead)


def as_json(value: object, indent: int | None = None) -> str:
    """JSON in which every character of a text is there to be seen, the others escaped."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return _each(text, lambda char: char if char == "\n" else json.dumps(char)[1:-1])


def _each(text: str, instead: Callable[[str], str]) -> str:
    return "".join(char if char.isprintable() else instead(char) for char in text)


def _instead(char: str) -> str:
    """What stands for a character that cannot be shown."""
    if char in _NEEDED:
        return char
    if char.isspace():
        return " "
    # Controls and formats (escape, bell, direction overrides) vanish; what nobody knows (half a
    # surrogate pair, private use, not assigned) has no width one could rely on.
    return "" if unicodedata.category(char) in ("Cc", "Cf") else _UNKNOWN
