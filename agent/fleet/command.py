"""What ``fleet send`` is to send: JSON or KEY=VALUE words, checked before anything is sent."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import msgspec

from agent.control import commands
from agent.errors import UsageError
from agent.report import payloads

EXAMPLE = '{"volume": 40} or volume=40'
ANY_BUTTON = sys.maxsize  # how many a device has only the device knows


def parse(words: Sequence[str]) -> dict[str, Any]:
    """The command that ``words`` stand for, each an object or a ``KEY=VALUE``.

    Raises UsageError with one line where no device would take it, or with a ``ref``,
    which is for ours.
    """
    fields: dict[str, Any] = {}
    for word in words:
        for key, value in _read(word).items():
            if key in fields:
                raise UsageError(f"{key} is given twice")
            fields[key] = value
    if "ref" in fields:
        raise UsageError("ref: fleet send gives its own to know the answers; leave it out")
    commands.parse(fields, ANY_BUTTON)
    return fields


def _read(word: str) -> dict[str, Any]:
    try:
        body = word.encode()
    except UnicodeEncodeError:
        raise UsageError("the command is not UTF-8 text") from None
    if word.lstrip().startswith("{"):
        return payloads.parse_command(body)
    key, equals, text = word.partition("=")
    if not equals or not key:
        raise UsageError(f"'{word}' is no command; give {EXAMPLE}")
    return {key: _value(key, text)}


def _value(key: str, text: str) -> Any:
    """``text`` as a number, a boolean or a text: the type of ``key`` decides."""
    try:
        plain = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text
    try:
        msgspec.convert({key: plain}, commands.Order)
    except msgspec.ValidationError:
        return text if _fits(key, text) else plain
    return plain


def _fits(key: str, text: str) -> bool:
    try:
        msgspec.convert({key: text}, commands.Order)
    except msgspec.ValidationError:
        return False
    return True
