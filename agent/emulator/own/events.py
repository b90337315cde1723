"""Wyoming's events as they go over the wire."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_LONGEST_LINE = 65_536
_MOST_DATA, _MOST_PAYLOAD = 1_000_000, 4_000_000


@dataclass(frozen=True)
class Event:
    """One event, either way."""

    type: str
    data: Mapping[str, Any] = field(default_factory=dict)
    payload: bytes = b""

    def encode(self) -> bytes:
        data = json.dumps(self.data, ensure_ascii=False).encode() if self.data else b""
        head: dict[str, object] = {"type": self.type, "version": "1.5.4"}
        head |= {"data_length": len(data)} if data else {}
        head |= {"payload_length": len(self.payload)} if self.payload else {}
        return json.dumps(head).encode() + b"\n" + data + self.payload


class Wrong(Exception):
    """The client's event is not as the protocol has it; the text is fit for it to read."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


async def read_event(reader: asyncio.StreamReader) -> Event | None:
    """The next event, None at the end; `Wrong` for what is none."""
    try:
        line = await reader.readline()
    except ValueError:
        raise Wrong("huge-line", f"a line is longer than {_LONGEST_LINE} bytes") from None
    if not line:
        return None
    try:
        head = json.loads(line)
        data = dict(head.get("data") or {})
        sizes = [head.get(key) or 0 for key in ("data_length", "payload_length")]
    except (ValueError, AttributeError, TypeError, RecursionError):
        raise Wrong("bad-event", "an event begins with a line of JSON") from None
    for size, most in zip(sizes, (_MOST_DATA, _MOST_PAYLOAD), strict=True):
        if type(size) is not int or not 0 <= size <= most:
            raise Wrong("bad-length", f"a length is a whole number up to {most}")
    if sizes[0]:
        try:
            data |= json.loads(await reader.readexactly(sizes[0]))
        except (ValueError, TypeError, RecursionError):
            raise Wrong("bad-data", "data is a JSON object") from None
    payload = await reader.readexactly(sizes[1]) if sizes[1] else b""
    if not isinstance(head.get("type"), str):
        raise Wrong("bad-event", "an event has a type")
    return Event(head["type"], data, payload)
