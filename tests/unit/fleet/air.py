"""A connection to a scripted broker, in virtual time."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from agent.clock import ManualClock
from agent.report.signals import Acked, Alive, Incoming

Heard = Incoming | Acked | Alive
Published = Callable[[str, bytes, int], None]


class Air:
    """What is :meth:`due` comes at its time; what is published is kept in ``sent``."""

    where = "broker:1883"

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.sent: list[tuple[str, bytes]] = []
        self.retained = False  #: whether the newest of them was to be kept
        self.pings = 0
        self._due: list[tuple[float, Heard]] = []

    def due(self, after: float, *messages: Heard) -> None:
        """``messages`` come ``after`` seconds from now."""
        self._due += [(self.clock.now() + after, message) for message in messages]
        self._due.sort(key=lambda item: item[0])

    def next(self, seconds: float) -> Heard | None:
        now = self.clock.now()
        if not self._due or self._due[0][0] > now + seconds:
            self.clock.advance(seconds)
            return None
        at, message = self._due.pop(0)
        self.clock.advance(max(0.0, at - now))
        return message

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> int:
        self.sent.append((topic, payload))
        self.retained = retain
        return len(self.sent)

    def ping(self) -> None:
        self.pings += 1


def heard(topic: str, payload: Any, *, retained: bool = False) -> Incoming:
    """A message below ``dragoman/``; what is not bytes goes as JSON."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return Incoming(f"dragoman/{topic}", body, retained)


def kept(topic: str, payload: Any) -> Incoming:
    """The same, as the broker kept it."""
    return heard(topic, payload, retained=True)
