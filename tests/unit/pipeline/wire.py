"""A WebSocket that gives what was scripted and keeps what was sent."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from agent.errors import LinkError
from agent.link.waiter import Cancelled, never
from agent.link.websocket import WebSocket
from agent.services.base import Message
from tests.unit.pipeline.timeline import Timeline

Item = Message | LinkError | float | Callable[[], None]


class ScriptedSocket(WebSocket):
    """Items of the script: a message, seconds that pass, something to do, or the end."""

    def __init__(self, clock: Timeline, *script: Item) -> None:
        self._time, self._script = clock, deque(script)
        self.sent: list[Message] = []
        self.pings: list[float] = []
        self.said: list[str] = []  # abort, goodbye, close in their order
        self.breaks_on_send: LinkError | None = None
        self.round_trip_s = 0.025

    def receive(self, until: float | None = None) -> list[Message]:
        while self._script and not self.said:
            item = self._script.popleft()
            if isinstance(item, str | bytes):
                return [item]
            if isinstance(item, LinkError):
                raise item
            if isinstance(item, float):
                self._time.advance(item)
            else:
                item()
        if self.said:
            raise LinkError("the connection was dropped", "aborted")
        if until is not None:
            self._time.advance(until - self._time.now())
            raise LinkError("the service did not answer in time", "timeout")
        self._time.advance(10.0)
        raise LinkError("nothing heard for 10 s", "silent")

    def send(self, message: Message, cancelled: Cancelled = never) -> None:
        if self.breaks_on_send is not None:
            raise self.breaks_on_send
        self.sent.append(message)

    def ping(self, cancelled: Cancelled = never) -> None:
        self.pings.append(self._time.now())

    def abort(self) -> None:
        self.said.append("abort")

    def goodbye(self, last: Sequence[Message] = ()) -> None:
        self.sent += last
        self.said.append("goodbye")

    def close(self) -> None:
        self.said.append("close")

    @property
    def sound(self) -> list[bytes]:
        """The binary messages sent."""
        return [message for message in self.sent if isinstance(message, bytes)]

    @property
    def texts(self) -> list[dict[str, Any]]:
        """The JSON messages sent."""
        return [json.loads(message) for message in self.sent if isinstance(message, str)]


def sentence(index: int, text: str, translation: str = "", *, final: bool = False) -> str:
    """An answer of TWeTalk V2."""
    detail = {"slice_type": 2 if final else 1, "index": index, "voice_text_str": text}
    return json.dumps({"original_detail": detail, "translation": translation})
