"""What the messages of TWeTalk's interfaces have in common."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from math import isfinite

from agent.emulator.stream import Code, Refused, Send

LANGUAGES = (
    "zh", "yue", "en", "fr", "pt", "es", "ja", "tr", "ru", "ar", "ko", "th", "it", "de", "vi",
    "ms", "id",
)  # fmt: skip
"""The document lists languages with its translation interface only; they are taken for all."""

SLICE_TYPES = {"start": 0, "partial": 1, "final": 2}

Require = Callable[[str, str | None], None]
"""Raises `Unsupported` for languages the engine cannot do."""


def check_fields(fields: Mapping[str, object], types: Mapping[str, type], code: Code) -> None:
    """`Refused` with this code for a field of an unknown name or a wrong type."""
    for name, value in fields.items():
        if name not in types:
            raise Refused(code, f"unknown field {name[:40]!r}")
        if type(value) is not types[name]:  # exactly: a bool is an int to isinstance
            raise Refused(code, f"{name} must be of type {types[name].__name__}")


def check_request_id(request_id: str) -> None:
    """`Refused` unless it is a UUID in its usual form, as in the document's sample."""
    try:
        canonical = str(uuid.UUID(request_id)) == request_id.lower()
    except ValueError:
        canonical = False
    if not canonical:
        raise Refused(Code.SETUP, "request_id must be a UUID")


def pong(data: object) -> Send:
    """The heartbeat's answer (section on heartbeats); `Refused` for data it cannot carry.

    Its data is "a timestamp or another format": text or a number.
    """
    number = isinstance(data, int | float) and not isinstance(data, bool) and isfinite(data)
    if not number and not isinstance(data, str):
        raise Refused(Code.MESSAGE, "ping must be a text or a number")
    # Escaped, because a client may send half a surrogate pair that UTF-8 cannot carry.
    return Send(json.dumps({"pong": data}), "pong")


def dump(message: Mapping[str, object]) -> str:
    """A message as it goes over the line."""
    return json.dumps(message, ensure_ascii=False)


class Alternation:
    """Whether something the document has both ways is there this time."""

    def __init__(self, choice: str) -> None:
        self._choice, self._times = choice, 0

    def __call__(self) -> bool:
        self._times += 1
        if self._choice == "alternate":
            return self._times % 2 == 1
        return self._choice == "present"
