"""Reading untrusted JSON: field access that checks types and never raises anything else.

Everything a server sends passes through here.  :class:`Malformed` says what was not
as documented; the protocol turns it into one ``Garbage`` event.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

MAX_TEXT = 20_000  # characters of one sentence; a longer one is an attack or a bug


class Malformed(ValueError):
    """A message that is not what the document says; ``kind`` is a short stable word."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind


def parse_object(text: str | bytes) -> dict[str, Any]:
    """A JSON object; Malformed (``bad-json``, ``not-an-object``) for everything else."""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Malformed("bad-json", str(error)) from error
    if not isinstance(value, dict):
        raise Malformed("not-an-object", type(value).__name__)
    return value


def get(data: Mapping[str, Any], key: str, kind: type[T], default: T | None = None) -> T:
    """``data[key]`` of exactly type ``kind`` (a bool is no int); ``default`` where it is absent.

    Raises Malformed (``wrong-type``, ``missing-field``).
    """
    if key not in data or data[key] is None:
        if default is None:
            raise Malformed("missing-field", key)
        return default
    value = data[key]
    if type(value) is not kind:
        raise Malformed("wrong-type", f"{key}: {type(value).__name__} for {kind.__name__}")
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise Malformed("huge-text", f"{key}: {len(value)} characters")
    return value


def natural(data: Mapping[str, Any], key: str, default: int | None = None) -> int:
    """A whole number from 0 to 2**53, as :func:`get`."""
    value = get(data, key, int, default)
    if not 0 <= value <= 2**53:
        raise Malformed("out-of-range", f"{key}: {value}")
    return value


def code_of(data: Mapping[str, Any]) -> int:
    """TWeTalk's ``code``: 0 when it is left out ("omitted when normal")."""
    return get(data, "code", int, 0)
