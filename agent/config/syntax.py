"""What is wrong with a document that is not YAML, in words of the person who wrote it.

PyYAML's own messages are never passed on: they quote the file, and the quoted part may
be a password.
"""

from __future__ import annotations

from typing import Any

TOO_DEEP = "nested too deeply"
TOO_MANY = "too many values"

_MAPPING = "expected 'key: value', indented like its neighbours"
_QUOTE = "expected quotes around a text with special characters"

# (what PyYAML says, what we say, whether the line that counts is where the thing began)
_WORDS = (
    (TOO_DEEP, "nested too deeply; expected at most a few levels", False),
    (TOO_MANY, "too many values; expected a configuration, not a data file", False),
    ("character '\\t'", "a tab; expected spaces", False),
    ("cannot start any token", f"a character that cannot begin a value; {_QUOTE}", False),
    ("mapping values are not allowed", f"a ':' that cannot stand here; {_MAPPING}", False),
    ("undefined alias", f"an alias '*' without its anchor '&'; {_QUOTE}", False),
    ("duplicate anchor", "an anchor '&' given twice; expected each once", False),
    ("another document", "a second document; expected a single one, without '---'", False),
    ("unexpected end of stream", "a quote that is never closed; expected its pair", True),
    ("flow mapping", "'{' without its '}', or a missing ','; expected {key: value, …}", True),
    ("flow sequence", "'[' without its ']', or a missing ','; expected [a, b, …]", True),
    ("flow node", "a bracket that is never closed; expected its pair", True),
    ("escape", "an unknown escape after a backslash; expected '…' quotes around it", False),
    ("could not find expected ':'", f"a line without ':'; {_MAPPING}", True),
    ("<block end>", f"wrong indentation or a stray quote; {_MAPPING}", False),
    ("not allowed here", f"a list or key that cannot stand here; {_MAPPING}", False),
    ("scanning a directive", f"a line that begins with '%'; {_QUOTE}", False),
    ("tag", "a YAML tag; expected quotes around a text that begins with '!'", False),
    ("anchor", f"'&' begins an anchor; {_QUOTE}", False),
    ("alias", f"'*' begins an alias; {_QUOTE}", False),
    ("block scalar", "a wrong '|' or '>' text; expected it to begin on the next line", True),
)


def explain(error: Exception, text: str) -> tuple[int, str]:
    """The line (from 1) and the words for an exception of PyYAML on ``text``."""
    position = getattr(error, "position", None)
    if position is not None:
        line = text.count("\n", 0, position) + 1
        return line, "an invisible control character; expected text"
    said = f"{getattr(error, 'context', '')} {getattr(error, 'problem', error)}"
    for fragment, words, at_start in _WORDS:
        if fragment in said:
            return _line(error, at_start), words
    return _line(error, False), f"not valid YAML; {_MAPPING}"


def _line(error: Any, at_start: bool) -> int:
    marks = [getattr(error, "problem_mark", None), getattr(error, "context_mark", None)]
    known = [mark for mark in (reversed(marks) if at_start else marks) if mark]
    return known[0].line + 1 if known else 1
