"""The seam between a stream's two threads and what carries their messages.

:class:`agent.link.websocket.WebSocket` and :class:`agent.link.ears.Ears` are such: the sender
sends and pings, the receiver receives and closes, anybody aborts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from agent.link.waiter import Cancelled, never
from agent.services.base import Message


class Channel(Protocol):
    """An open connection that one thread sends on while another receives."""

    @property
    def round_trip_s(self) -> float | None:
        """Of the newest answered :meth:`ping`; None while there is none."""

    def send(self, message: Message, cancelled: Cancelled = never) -> None:
        """Send one text (``str``) or binary message.

        Waits while the connection takes nothing; LinkError ``stalled`` when that lasts for
        the silence limit, ``cancelled``, and others when the connection is gone.
        """

    def ping(self, cancelled: Cancelled = never) -> None:
        """Ask for an answer, which updates :attr:`round_trip_s`.  As :meth:`send`."""

    def receive(self, until: float | None = None) -> list[Message]:
        """Wait for the next messages, at least one; at most ``until`` (s, LinkError ``timeout``).

        Raises LinkError: ``silent`` when nothing at all came for the silence limit,
        ``closed`` when the peer said goodbye, ``reset`` and others when the connection is gone.
        """

    def abort(self) -> None:
        """Tear it down from any thread; whoever waits on it gets a LinkError."""

    def goodbye(self, last: Sequence[Message] = ()) -> None:
        """Send ``last`` and say goodbye, if these leave at once, then :meth:`abort`."""

    def close(self) -> None:
        """Free it; only for the thread that receives, when no other uses it any more."""
