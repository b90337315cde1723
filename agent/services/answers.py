"""Reading an HTTP answer: its JSON object, the service's own error, or what else it is.

Shared by the services that answer requests.  Nothing here raises for what a server
sent: an answer nobody can read is ``Garbage`` when its status says success, and a
``Failure`` named after the status when it does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from msgspec.structs import replace

from agent.events import About, Failure, Garbage, Result, ServiceEvent
from agent.services.reading import Fields, Malformed, mended, parse_object
from agent.services.shapes import Response

T = TypeVar("T")

#: HTTP statuses below 500 that a later attempt may mend, and those above that none does.
_PASSING, _LASTING = frozenset({408, 425, 429}), frozenset({501, 505})
TOO_MANY = 429
#: What the sound itself is refused with: too large, in a wrong format (RFC 9110).
_RECORDING = frozenset({413, 415})

MAX_MESSAGE = 500  # characters of a server's wording that are passed on

_STATUS_WORDS = {
    400: "the request was refused as wrong",
    401: "the credentials were refused",
    402: "the account has no credit",
    403: "the account may not use this service",
    404: "no such service address",
    408: "the service waited too long for the upload",
    413: "the upload is too large",
    415: "the sound format was refused",
    429: "too many requests",
}


def read(
    response: Response,
    refusal: Callable[[Fields], Failure | None],
    results: Callable[[Fields], T],
) -> T | list[ServiceEvent]:
    """What ``results`` makes of a good answer; else one ``Failure`` or ``Garbage``.

    ``refusal`` finds the service's own error in the body, None where there is none.
    Both may raise Malformed.
    """
    try:
        data = parse_object(response.body)
        said = refusal(data)
        if said is None and ok(response.status):
            found = results(data)
            return [*found, *data.odd] if isinstance(found, list) else found
        return [_patient(said or status_failure(response.status), response)]
    except Malformed as error:
        if ok(response.status):
            return [Garbage(error.kind, str(error)[:MAX_MESSAGE], whole=True)]
        return [_patient(status_failure(response.status), response)]


def each(
    items: Iterable[Fields], read_one: Callable[[Fields], ServiceEvent | None]
) -> list[ServiceEvent]:
    """An event for each object of a list; a bad one becomes ``Garbage`` and harms no other."""
    return [event for item in items if (event := _one(item, read_one)) is not None]


def _one(item: Fields, read_one: Callable[[Fields], ServiceEvent | None]) -> ServiceEvent | None:
    try:
        return read_one(item)
    except Malformed as error:
        return Garbage(error.kind, str(error)[:MAX_MESSAGE])


def numbered(events: Iterable[ServiceEvent]) -> list[ServiceEvent]:
    """The same, with results indexed from 0 in their order and ahead of everything else.

    Where something could not be read, and nothing else was, the whole answer was not.
    """
    every = list(events)
    results = [event for event in every if isinstance(event, Result)]
    others = [event for event in every if not isinstance(event, Result)]
    if not results:
        others = [replace(e, whole=True) if isinstance(e, Garbage) else e for e in others]
    return [*(replace(result, index=n) for n, result in enumerate(results)), *others]


def ok(status: int) -> bool:
    return 200 <= status < 300


def transient(status: int) -> bool:
    """Whether a later attempt may mend it: a gateway invents new ones above 500."""
    return status in _PASSING or (status >= 500 and status not in _LASTING)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The wait a Retry-After asks for, in seconds or up to a date (RFC 9110, 10.2.3).

    A date is read against the ``date`` of the same answer: our clock may be wrong.
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    from email.utils import parsedate_to_datetime  # 1 MB, for what happens seldom

    try:
        until = parsedate_to_datetime(value)
        return max(0.0, (until - parsedate_to_datetime(headers.get("date", ""))).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None


def _patient(failure: Failure, response: Response) -> Failure:
    return replace(failure, retry_after_s=retry_after(response.headers))


def status_failure(status: int) -> Failure:
    """The refusal an HTTP status means where the body does not say: code ``http-429``."""
    words = _STATUS_WORDS.get(status, "the service failed" if status >= 500 else "refused")
    return failure(
        f"http-{status}", f"{words} (HTTP {status})", transient(status), about=blamed(status)
    )


def blamed(status: int) -> About:
    """What an HTTP status blames."""
    return "limit" if status == TOO_MANY else "recording" if status in _RECORDING else ""


def failure(code: str, message: str, retryable: bool, *, about: About = "") -> Failure:
    """A ``Failure`` whose wording is one line of bounded length, whatever the server wrote."""
    line = " ".join(mended(message[: 4 * MAX_MESSAGE]).split())[:MAX_MESSAGE]
    return Failure(code[:60], line or "no reason given", retryable, about)
