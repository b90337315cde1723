"""Text from elsewhere (captions, reasons, names) made safe for a terminal.

A server could send escape sequences, carriage returns or overrides of the writing direction;
none of them may reach the terminal.
"""

from __future__ import annotations

import unicodedata

#: Joiners and direction marks that scripts need; they steer nothing beyond the next letter.
_NEEDED = "\u200c\u200d\u200e\u200f"

_UNKNOWN = "\ufffd"


def one_line(text: str) -> str:
    """``text`` as :func:`printable`, on one line, with single spaces between the words."""
    return " ".join(printable(text).split())


def printable(text: str) -> str:
    """``text`` with nothing in it that is not there to be seen."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _instead(char) for char in text)


def _instead(char: str) -> str:
    """What stands for a character that cannot be shown."""
    if char in _NEEDED:
        return char
    if char.isspace():
        return " "
    # Controls and formats (escape, bell, direction overrides) vanish; what nobody knows (half a
    # surrogate pair, private use, not assigned) has no width one could rely on.
    return "" if unicodedata.category(char) in ("Cc", "Cf") else _UNKNOWN
