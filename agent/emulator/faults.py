"""Faults on request: what goes wrong, on which connection or request, and when.

A plan is a YAML list. An entry for a WebSocket connection says when by one of `after_ms` (since
the connection was opened; 0 if nothing is said), `after_audio_ms` (audio received) or
`after_messages` (received), and what by `do`:

========  ===================================  ==================================================
do        parameters (default)                 what happens
========  ===================================  ==================================================
reset                                          TCP reset, no goodbye
close     code (1011), msg ("")                WebSocket close
freeze    for_ms (for ever)                    TCP stays open, nothing is read or written
slow      delay_ms (1000), for_ms (for ever)   each outgoing message is late by this
garbage   count (6), seed (0)                  messages no client should believe
error     code (-1), msg                       the provider's own refusal
http      status (503), body (""),             the request is answered with this status instead
          retry_after_s (none)
========  ===================================  ==================================================

`connection` is the number of the connection since the start, from 1, or `any` (default). An
entry strikes once on each connection it is meant for.

With `request` (the number of the HTTP request since the start, from 1, or `any`) an entry is for
requests instead, and has no time:

========  ===================================  ==================================================
do        parameters (default)                 what happens
========  ===================================  ==================================================
reset                                          the request is worked on, then TCP reset
close                                          half of the answer, then the connection closes
freeze    for_ms (for ever)                    the request is worked on, the answer waits
slow      delay_ms (1000)                      the answer is late
garbage   seed (0)                             a body no client should believe, status 200
error     code (the provider's), msg           the provider's own refusal, nothing is worked on
http      status (503), body (""),             this status instead, nothing is worked on
          retry_after_s (none)
========  ===================================  ==================================================
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from agent.emulator.yamlfile import choice, integer, mapping, read_yaml, shown, string
from agent.errors import UsageError

_PARAMETERS = {
    "reset": (),
    "close": ("code", "msg"),
    "freeze": ("for_ms",),
    "slow": ("delay_ms", "for_ms"),
    "garbage": ("count", "seed"),
    "error": ("code", "msg"),
    "http": ("status", "body", "retry_after_s"),
}
_REQUEST_PARAMETERS = {**_PARAMETERS, "close": (), "slow": ("delay_ms",), "garbage": ("seed",)}
_TRIGGERS = ("after_ms", "after_audio_ms", "after_messages")
_LONG = 10**9
_LONGEST_MSG = 120  # a WebSocket close cannot carry more
_RANGES = {
    **dict.fromkeys((*_TRIGGERS, "for_ms", "delay_ms", "seed"), (0, _LONG)),
    **dict.fromkeys(("connection", "request"), (1, _LONG)),
    "count": (1, 1_000),
    "retry_after_s": (0, _LONG),
    "status": (300, 599),
}
_CLOSE_CODES = (1_000, 4_999)
_ERROR_CODES = (-_LONG, _LONG)


@dataclass(frozen=True)
class Fault:
    """One entry of a plan; the module says what the fields mean. Times are milliseconds.

    `connection` None is any; `request` None is not for requests. A `code` that is a text is for
    providers over HTTP whose codes are texts.
    """

    do: Literal["reset", "close", "freeze", "slow", "garbage", "error", "http"]
    connection: int | None = None
    after_ms: int | None = None
    after_audio_ms: int | None = None
    after_messages: int | None = None
    code: int | str | None = None
    msg: str = ""
    for_ms: int | None = None
    delay_ms: int = 1_000
    count: int = 6
    seed: int = 0
    status: int = 503
    body: str = ""
    retry_after_s: int | None = None
    request: int | Literal["any"] | None = None

    @property
    def headers(self) -> dict[str, str]:
        """What goes with the status."""
        return {} if self.retry_after_s is None else {"Retry-After": str(self.retry_after_s)}

    def due(self, open_ms: float, audio_ms: float, messages: int) -> bool:
        """Whether it is time, on a connection this old that has received this much."""
        if self.after_audio_ms is not None:
            return audio_ms >= self.after_audio_ms
        if self.after_messages is not None:
            return messages >= self.after_messages
        return open_ms >= self.strikes_at_ms

    @property
    def strikes_at_ms(self) -> float:
        """The age of the connection at which it strikes; infinite if it waits for messages."""
        if self.after_audio_ms is not None or self.after_messages is not None:
            return float("inf")
        return self.after_ms or 0


class Armed:
    """The faults of a plan that one connection has still before it."""

    def __init__(self, faults: Iterable[Fault], connection: int) -> None:
        mine = [
            fault
            for fault in faults
            if fault.request is None and fault.connection in (None, connection)
        ]
        self.http = next((fault for fault in mine if fault.do == "http"), None)
        self._waiting = [fault for fault in mine if fault.do != "http"]

    def take(self, open_ms: float, audio_ms: float, messages: int) -> list[Fault]:
        """The faults that strike now, in the order of the plan; each is handed out once."""
        due = [fault for fault in self._waiting if fault.due(open_ms, audio_ms, messages)]
        self._waiting = [fault for fault in self._waiting if fault not in due]
        return due

    @property
    def next_ms(self) -> float:
        """The age of the connection at which the next timed fault strikes, or infinity."""
        return min((fault.strikes_at_ms for fault in self._waiting), default=float("inf"))


def for_request(faults: Iterable[Fault], number: int) -> list[Fault]:
    """The faults that strike this HTTP request, in the order of the plan."""
    return [fault for fault in faults if fault.request in ("any", number)]


def read_faults(path: Path) -> tuple[Fault, ...]:
    """The plan in this YAML file; `UsageError` names the file, the entry and what is wrong."""
    entries = read_yaml(path)
    if not isinstance(entries, list):
        raise UsageError(f"{path}: expected a list of faults, got {shown(entries)}")
    return tuple(_fault(entry, f"{path}: entry {n}") for n, entry in enumerate(entries, 1))


def _fault(entry: object, where: str) -> Fault:
    if not isinstance(entry, dict) or "do" not in entry:
        raise UsageError(f"{where}: expected keys with at least `do`, got {shown(entry)}")
    do = choice(entry["do"], f"{where}: do", _PARAMETERS)
    keys = mapping(entry, f"{where}: {do}", _keys(do, for_request="request" in entry))
    if len(given := [trigger for trigger in _TRIGGERS if trigger in keys]) > 1:
        raise UsageError(f"{where}: {' and '.join(given)} exclude each other")
    values = {key: _value(key, value, keys, f"{where}: {key}") for key, value in keys.items()}
    return Fault(**cast("dict[str, Any]", values))


def _keys(do: str, *, for_request: bool) -> tuple[str, ...]:
    if for_request:
        return ("do", "request", *_REQUEST_PARAMETERS[do])
    when = () if do == "http" else _TRIGGERS
    return ("do", "connection", "request", *when, *_PARAMETERS[do])


def _value(key: str, value: object, keys: dict[str, object], where: str) -> object:
    if key == "do" or (key == "request" and value == "any"):
        return value
    if key == "connection" and value == "any":
        return None
    if key in ("msg", "body"):
        return _text(key, value, where)
    if key == "code":
        return _code(value, keys, where)
    return integer(value, where, *_RANGES[key])


def _code(value: object, keys: dict[str, object], where: str) -> int | str:
    if "request" in keys and isinstance(value, str):
        return string(value, where)
    code = integer(value, where, *(_CLOSE_CODES if keys["do"] == "close" else _ERROR_CODES))
    if code == 0:
        raise UsageError(f"{where}: 0 means success; an error has another code")
    return code


def _text(key: str, value: object, where: str) -> str:
    if not isinstance(value, str):
        raise UsageError(f"{where}: expected a text, got {shown(value)}")
    if key == "msg" and len(value.encode()) > _LONGEST_MSG:
        raise UsageError(f"{where}: longer than {_LONGEST_MSG} bytes")
    return value
