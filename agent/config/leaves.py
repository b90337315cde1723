"""Single values: the text as written, read as whatever the schema expects there."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import msgspec

from agent.config import sources
from agent.config.secret import Secret
from agent.config.sources import Wrong
from agent.config.tree import Items, Node, Scalar, Table
from agent.config.words import choices, did_you_mean, expected

BOOLEANS = {
    "true": True, "yes": True, "on": True,
    "false": False, "no": False, "off": False,
}  # fmt: skip
_WHOLE = re.compile(r"[-+]?[0-9]{1,18}")
_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,3})?")


class Leaves:
    """Reads scalars.  ``folder`` is where relative paths of credential files start."""

    def __init__(self, env: Mapping[str, str], folder: Path) -> None:
        self._env, self._folder = env, folder

    def value(self, kind: Any, node: Node) -> object:
        """The value of type ``kind`` that ``node`` stands for; raises :class:`Wrong`.

        The same text, in quotes or not, may be a number, a boolean or a text (``no`` is
        a language and a boolean): the type decides, by taking the first reading that fits.
        """
        if not isinstance(node, Scalar):
            raise Wrong(f"got {shape(node)}; expected {expected(kind)}")
        text = self._expand(node)
        for reading in _readings(node, text):
            try:
                return msgspec.convert(reading, kind)
            except msgspec.ValidationError:
                continue
        hint = did_you_mean(node.text, choices(kind))
        raise Wrong(f"got {_quote(node)}; expected {expected(kind)}{hint}")

    def credential(self, kind: Any, node: Node) -> object:
        """As :meth:`value`, for a text that no message may show."""
        if not isinstance(node, Scalar):
            raise Wrong(f"got {shape(node)}; expected text")
        return _private(kind, sources.credential(self._expand(node)))

    def credential_file(self, kind: Any, node: Node, label: str) -> object:
        """As :meth:`credential`, from the file that ``node`` names; ``label`` is for the log."""
        if not isinstance(node, Scalar):
            raise Wrong(f"got {shape(node)}; expected the path of a file")
        path = sources.resolve(self._expand(node), self._folder)
        return _private(kind, sources.read_credential(path, label))

    def _expand(self, node: Scalar) -> str:
        text = sources.expand(node.text, self._env)
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise Wrong("not UTF-8 text; expected the encoding UTF-8")
        return text


def shape(node: Node) -> str:
    """``a list``: what ``node`` is, without what it holds (``token:abc`` is a single value)."""
    match node:
        case Table():
            return "a mapping"
        case Items():
            return "a list"
    return "nothing" if node.null else "a single value"


def _readings(node: Scalar, text: str) -> Iterator[object]:
    if text.lower() in BOOLEANS:
        yield BOOLEANS[text.lower()]
    if _WHOLE.fullmatch(text):
        yield int(text)
    elif _NUMBER.fullmatch(text) and math.isfinite(float(text)):
        yield float(text)
    if not node.null:
        yield text


def _private(kind: Any, text: str) -> object:
    if Secret in get_args(kind):
        return Secret(text)
    try:
        return msgspec.convert(text, kind)
    except msgspec.ValidationError:
        raise Wrong(f"got another text; expected {expected(kind)}") from None


def _quote(node: Scalar) -> str:
    """The text as written (never the value of a variable), unless it may hold a password."""
    if node.null:
        return "nothing"
    if "@" in node.text:
        return "a text with '@'"
    return repr(node.text[:40]) + ("…" if len(node.text) > 40 else "")
