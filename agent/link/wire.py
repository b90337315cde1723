"""What a stream runs over: the seam between the two threads and whatever carries messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from agent.link.waiter import Cancelled
from agent.services.base import Message


class Wire(Protocol):
    """A connection one thread sends on and another receives from.

    :class:`agent.link.websocket.WebSocket` and :class:`agent.link.ears.Ears` are such; what their
    methods raise is said there.
    """

    round_trip_s: float | None  #: of the newest answered ping

    def send(self, message: Message, cancelled: Cancelled = ...) -> None:
        """Send one message."""

    def ping(self, cancelled: Cancelled = ...) -> None:
        """Ask whether the other side is there."""

    def receive(self, until: float | None = None) -> list[Message]:
        """Wait for the next messages, at least one; at most ``until`` (s)."""

    def abort(self) -> None:
        """Tear it down, from any thread."""

    def goodbye(self, last: Sequence[Message] = ()) -> None:
        """The same, politely, after ``last``."""

    def close(self) -> None:
        """Free it; only for the thread that receives."""
