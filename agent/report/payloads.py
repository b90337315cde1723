"""What goes over MQTT, as pure functions: values in, plain objects or JSON bytes out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from agent import __version__
from agent import clock as stamps
from agent.clock import Clock
from agent.errors import UsageError
from agent.events import Notice, Summary, Transcript
from agent.redact import LEAST_SPOKEN, hidden, hide

ONLINE = b"online"
OFFLINE = b"offline"

#: The largest command taken, in bytes.
MAX_COMMAND = 64 * 1024

#: Of an error in an answer, characters: it may quote what was wrong.
MAX_ERROR = 500
_MARK = re.compile(rb'"time":"(@[0-9a-f]+\+[0-9.]+)"')  # no text can hold that: quotes are escaped


def transcript(value: Transcript) -> dict[str, Any]:
    """The object on ``transcript`` and ``transcript/partial``.

    Keys without a value are left out, but ``translation`` is there (perhaps null)
    whenever there is a target language.
    """
    fields: dict[str, Any] = {
        "id": value.id,
        "session": value.session,
        "index": value.index,
        "text": value.text,
        "translation": value.translation,
        "source": value.source,
        "target": value.target,
        "start_ms": value.start_ms,
        "end_ms": value.end_ms,
        "service": value.service,
        "time": value.time,
        "final": value.final,
        "replayed": value.replayed,
    }
    kept = {key: item for key, item in fields.items() if item is not None}
    if value.target is not None:
        kept["translation"] = value.translation
    extra = {k: v for k, v in value.extra.items() if k not in fields and not _is_empty(v)}
    said: dict[str, Any] = hidden(kept | extra, LEAST_SPOKEN)
    return said


def notice(value: Notice, time: str) -> dict[str, Any]:
    """The object on ``event``; ``time`` is RFC 3339 (or a :func:`~agent.clock.stamp`) and, like
    the name, wins over the detail."""
    return {"event": value.event, "time": time} | {
        key: hidden(item) for key, item in value.detail.items() if key not in ("event", "time")
    }


def summary(value: Summary) -> dict[str, Any]:
    """The object on ``summary``: the text, or why there is none."""
    fields = {
        "session": value.session,
        "summary": hidden(value.text, LEAST_SPOKEN),
        "error": hidden(value.error),
        "ref": value.ref,
    }
    return {key: item for key, item in fields.items() if item is not None}


def state(
    state: str,
    *,
    service: str | None = None,
    source: str | None = None,
    target: str | None = None,
    tts: bool = False,
    muted: bool = False,
    volume: int | None = None,
    session: str | None = None,
    follow_up: bool | None = None,
    since: str | None = None,
) -> dict[str, Any]:
    """The object on ``state``: every key is always there, null when there is nothing to say.

    ``version`` is dragoman's: the object is retained, so it tells of a device that is away too.
    """
    return {
        "state": state,
        "service": service,
        "source": source,
        "target": target,
        "tts": tts,
        "muted": muted,
        "volume": volume,
        "session": session,
        "follow_up": follow_up,
        "since": since,
        "version": __version__,
    }


def result(command: Mapping[str, Any], error: str | None = None) -> dict[str, Any]:
    """The answer to ``command`` on ``command/result``; an ``error`` says why nothing was done."""
    answer: dict[str, Any] = {"ref": command["ref"]} if "ref" in command else {}
    answer["ok"] = error is None
    if error is not None:
        answer["error"] = hide(error)[:MAX_ERROR]
    return answer


def parse_command(payload: bytes) -> dict[str, Any]:
    """The object in a message on ``command``.

    Raises:
        UsageError: it is too large, not JSON or not an object.
    """
    if len(payload) > MAX_COMMAND:
        raise UsageError(f"the command is too large; at most {MAX_COMMAND} bytes are taken")
    try:
        value = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UsageError(
            'the command is not JSON; send an object like {"talk": "toggle"}'
        ) from None
    if not isinstance(value, dict):
        raise UsageError('the command is not an object; send one like {"talk": "toggle"}')
    return value


def encode(value: Any) -> bytes:
    """``value`` as compact UTF-8 JSON; never fails on what a service or a user may have sent.

    Numbers JSON does not have become null, characters UTF-8 does not have become ``?``.
    """
    try:
        return msgspec.json.encode(value, enc_hook=_plain)
    except (UnicodeEncodeError, TypeError):
        return msgspec.json.encode(_mended(value))


def dated(payload: bytes, clock: Clock) -> bytes:
    """``payload`` with the times that only a :func:`~agent.clock.stamp` holds, null where the
    clock is still not set."""
    return _MARK.sub(lambda found: _time(found, clock), payload) if b':"@' in payload else payload


def _time(found: re.Match[bytes], clock: Clock) -> bytes:
    return b'"time":' + msgspec.json.encode(stamps.dated(found[1].decode(), clock))


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, str | tuple | list | Mapping) and not value)


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else str(value)


def _mended(value: Any) -> Any:
    """``value`` of strings, numbers, lists and objects with string keys only."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {_mended(str(key)): _mended(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_mended(item) for item in value]
    if isinstance(value, msgspec.Struct):
        return {name: _mended(getattr(value, name)) for name in value.__struct_fields__}
    return _mended(str(value))
