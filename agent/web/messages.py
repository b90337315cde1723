"""What the daemon and a page say to each other over the WebSocket, as JSON.

To a page: an object with one key, which says what it holds.

=============  ===================================================================
``password``   ``"wanted"``: give it; ``"wrong"``: that was not it
``hello``      device, version, talk mode, buttons, sessions with sentences
``languages``  codes to choose from, and whether translations can be spoken:
               ``{"source": […], "target": […], "speech": true}``
``state``      the object of MQTT's ``state``
``history``    a list of the current session's newest transcripts
``transcript`` the object of MQTT's ``transcript`` and ``transcript/partial``
``event``      the object of MQTT's ``event``
``telemetry``  the object of MQTT's ``telemetry``, each second
``meter``      ``level_dbfs`` and ``voiced``, ten times a second
``summary``    the object of MQTT's ``summary``
``result``     the answer to one's own command, the object of MQTT's ``command/result``
``download``   the answer to a download: ``name``, ``text``, ``ref``
=============  ===================================================================

From a page: a command, which is the object one would send to MQTT's ``command``;
``{"download": "srt", "session": ID}``; and first of all, if it is wanted,
``{"password": "…"}``.  A ``ref`` is given back with the answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import msgspec

from agent.config.words import did_you_mean
from agent.errors import UsageError
from agent.events import Transcript
from agent.report import payloads

#: The largest message taken from a page, in bytes.
MAX_MESSAGE = 4096

#: Of a history, in bytes: the newest sentences that fit.
MAX_HISTORY = 256 * 1024

Format = Literal["srt", "vtt", "json", "txt"]
_FORMATS: tuple[str, ...] = get_args(Format)


@dataclass(frozen=True, slots=True)
class Password:
    """An attempt to get in."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Order:
    """A command, checked by whoever carries it out."""

    fields: Mapping[str, Any]


class Download(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"format": "download"}
):
    """Somebody wants ``session`` as a file."""

    format: Format
    session: str
    ref: Any = None


Request = Password | Order | Download


def read(fields: Mapping[str, Any]) -> Request:
    """What a page asks for; UsageError with one line when that cannot be told."""
    if "password" in fields:
        return _password(fields)
    if "download" in fields:
        return _download(fields)
    return Order(fields)


def _password(fields: Mapping[str, Any]) -> Password:
    text = fields["password"]
    if not isinstance(text, str) or len(fields) > 1:
        raise UsageError('expected {"password": "…"} and nothing else')
    return Password(text)


def _download(fields: Mapping[str, Any]) -> Download:
    try:
        return msgspec.convert(fields, Download)
    except msgspec.ValidationError:
        wanted = str(fields["download"])[:20]
        hint = did_you_mean(wanted, _FORMATS) if wanted not in _FORMATS else ""
        raise UsageError(
            f'expected {{"download": {" | ".join(_FORMATS)}, "session": ID}}{hint}'
        ) from None


def say(kind: str, value: object) -> bytes:
    """A message to a page."""
    return payloads.encode({kind: value})


def result(error: str | None = None, ref: object = None) -> bytes:
    """The answer to something that was no command, in the shape of a command's."""
    return say("result", payloads.result({} if ref is None else {"ref": ref}, error))


def history(sentences: Sequence[Transcript]) -> bytes:
    """Several transcripts at once, the newest of them where they are too long."""
    said: list[bytes] = []
    size = 0
    for each in reversed(sentences):
        said.append(payloads.encode(payloads.transcript(each)))
        size += len(said[-1])
        if size > MAX_HISTORY and len(said) > 1:
            said.pop()
            break
    return b'{"history":[%s]}' % b",".join(reversed(said))
