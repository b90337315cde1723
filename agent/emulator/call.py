"""One HTTP request and its answer, without a socket: what a provider over HTTP works with.

A provider's `answer` is plain code that may take its time: `http.py` runs it in a thread, with the
request whole. What it raises as `Declined` becomes the refusal in the provider's own shape.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from agent.emulator.journal import Exchange

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


class Declined(Exception):
    """The provider says no, with a code of its own; `status` is that of HTTP."""

    def __init__(self, code: int | str, msg: str, status: int = 200) -> None:
        super().__init__(msg)
        self.code, self.msg, self.status = code, msg, status


@dataclass(frozen=True)
class Call:
    """A request. Header names are in lower case, `parameters` are what the path was matched with.

    `now_ms` is of a steady clock, `unix_s` the time of day; `origin` is `http://HOST` as the
    client calls the emulator, `remote` the client's address. `page` is its page in the journal.
    """

    method: str
    path: str
    body: bytes
    headers: Mapping[str, str]
    now_ms: float
    unix_s: float
    query: Mapping[str, str] = field(default_factory=dict)
    raw_query: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    origin: str = "http://127.0.0.1"
    remote: str = "127.0.0.1"
    page: Exchange = field(default_factory=Exchange)

    @property
    def media_type(self) -> str:
        """The content type without its parameters, in lower case; empty if there is none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def bearer(self) -> str | None:
        """The token of `Authorization: Bearer TOKEN`, or None."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else None


@dataclass(frozen=True)
class Reply:
    """An answer: one body, or `events` one after the other. `then` is done once it is sent."""

    body: bytes = b""
    status: int = 200
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    events: Sequence[bytes] = ()
    then: Callable[[], Coroutine[Any, Any, None]] | None = None


@dataclass(frozen=True)
class Codes:
    """What a provider calls failures that are not the client's: of the engine, of a fault plan.

    `too_large` is for a request whose body is longer than the provider reads.
    """

    engine: int | str
    fault: int | str
    too_large: int | str


class HttpProvider(Protocol):
    """A provider of one or more paths over HTTP. `max_body` is in bytes."""

    name: str
    max_body: int
    codes: Codes

    def answer(self, call: Call) -> Reply:
        """The answer; `Declined`, or `EngineFailed` from the engine."""

    def refusal(self, declined: Declined) -> Reply:
        """A refusal in this provider's shape."""
