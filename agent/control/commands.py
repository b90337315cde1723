"""Commands (MQTT ``command``, the keyboard): checked whole before anything changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec.structs import fields

from agent.config.schema import Language, Percent
from agent.config.words import did_you_mean, expected
from agent.errors import UsageError


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One command object; any of its fields, at least one besides ``ref``."""

    talk: Literal["press", "release", "toggle"] | None = None
    button: Annotated[int, msgspec.Meta(ge=1)] | None = None
    tts: bool | None = None
    source: Language | None = None
    target: Language | None = None
    volume: Percent | None = None
    mute: bool | None = None
    service: str | None = None
    summarize: str | None = None
    restart: Literal[True] | None = None
    ref: Any = None


_TYPES = {field.name: field.type for field in fields(Order)}
FIELDS = tuple(name for name in Order.__struct_fields__ if name != "ref")


def parse(fields: Mapping[str, Any], buttons: int) -> Order:
    """A command that can be carried out by a device with ``buttons`` configured buttons.

    Raises UsageError with one line: what is wrong and what is allowed.
    """
    for name in fields:
        if name not in FIELDS and name != "ref":
            raise UsageError(f"unknown field '{name}'{did_you_mean(name, FIELDS)}")
    try:
        order = msgspec.convert(dict(fields), Order)
    except msgspec.ValidationError as error:
        raise UsageError(_plain(str(error))) from None
    if not any(name in fields for name in FIELDS if name != "button"):
        raise UsageError(f"nothing to do: give at least one of {', '.join(FIELDS)}")
    _check_button(order, buttons)
    return order


def _check_button(order: Order, buttons: int) -> None:
    if order.button is None:
        return
    if order.talk is None:
        raise UsageError("button goes with talk")
    if order.button > max(1, buttons):
        raise UsageError(f"button {order.button}: this device has {max(1, buttons)}")


def _plain(message: str) -> str:
    """msgspec's ``Expected `int` … - at `$.volume``` as ``volume: expected int …``."""
    text, _, place = message.partition(" - at `$.")
    if "matching regex" in text:  # the schema has words for what it means
        text = f"Expected {expected(_TYPES[place.rstrip('`')]).removesuffix(' or null')}"
    text = text.replace("`", "")
    return f"{place.rstrip('`')}: {text[:1].lower()}{text[1:]}" if place else text
