"""What the sender and the receiver share: the connection of the moment.

The receiver makes connections and attaches them here; the sender sends on whatever
is attached.  Either may drop a connection it finds broken; dropping wakes the other.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from agent.events import Pair
from agent.link.uplink import Uplink
from agent.link.websocket import WebSocket
from agent.services.base import StreamProtocol
from agent.threads import Wake


@dataclass(slots=True)
class Connection:
    """A WebSocket with the state of the service's protocol on it."""

    socket: WebSocket
    protocol: StreamProtocol
    pair: Pair
    tts: bool  #: whether the service was told to speak
    planned: str | None = None  #: why we hang up ourselves, if we do


class Session:
    """The attached connection and the wake-ups of the two threads."""

    def __init__(self, uplink: Uplink, tts: bool) -> None:
        self.uplink = uplink
        self.tts = tts  #: whether synthesised speech is wanted; the sender tells the service
        self.sender_wake = Wake()
        self.receiver_wake = Wake()
        self._lock = threading.Lock()
        self._connection: Connection | None = None

    @property
    def connection(self) -> Connection | None:
        return self._connection

    def attach(self, connection: Connection) -> None:
        """Give the sender a connection that is ready for audio."""
        with self._lock:
            self._connection = connection
        self.sender_wake.set()

    def drop(self, connection: Connection, planned: str | None = None) -> None:
        """Tear ``connection`` down (idempotent); ``planned`` says why if we wanted it."""
        with self._lock:
            if self._connection is connection:
                self._connection = None
                self.uplink.disconnected()
            connection.planned = connection.planned or planned
        if planned:
            connection.socket.goodbye()
        else:
            connection.socket.abort()
        self.wake()

    def switch_tts(self, enabled: bool) -> None:
        """Have the service speak or not, from now on."""
        self.tts = enabled
        self.sender_wake.set()

    def renew(self, pair: Pair) -> None:
        """Have an idle connection made anew for ``pair``; a busy one is renewed by the uplink."""
        connection = self._connection
        if connection is not None and connection.pair != pair and not self.uplink.busy:
            self.drop(connection, planned="language pair")

    def wake(self) -> None:
        """Something changed: let both threads look."""
        self.sender_wake.set()
        self.receiver_wake.set()

    def close(self) -> None:
        """Free the wake-ups, after both threads have ended."""
        self.sender_wake.close()
        self.receiver_wake.close()
