"""The cloud as a stream: a connection two threads share.

The receiver makes connections and attaches them here; the sender sends on whatever
is attached.  Either may drop a connection it finds broken; dropping wakes the other.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf

from agent.clock import Clock
from agent.errors import LinkError
from agent.events import Pair, Result, Unanswered
from agent.link.channel import Channel
from agent.link.handover import Handover
from agent.link.uplink import Uplink
from agent.pipeline.answers import Answers
from agent.services.base import StreamProtocol
from agent.services.provider import Provider
from agent.threads import Wake, Worker


@dataclass(slots=True)
class Connection:
    """A channel with the state of the service's protocol on it."""

    socket: Channel
    protocol: StreamProtocol
    pair: Pair
    tts: bool  #: whether the service was told to speak
    turn: Pair | None = None  #: what it is to go on with, while nobody speaks
    planned: str | None = None  #: why we hang up ourselves, if we do
    failure: LinkError | None = None  #: what the sender found, before the receiver could
    lock: threading.Lock = field(default_factory=threading.Lock)  #: for ``protocol``


class Session:
    """A stream service in use (see :class:`agent.pipeline.cloud.Cloud`)."""

    def __init__(self, uplink: Uplink, answers: Answers, tts: bool, clock: Clock) -> None:
        self.uplink = uplink
        self.answers = answers
        self.tts = tts
        self.workers: Sequence[Worker] = ()  #: the receiver and the sender
        self.hurried_at = -inf
        self.sender_wake = Wake()
        self.receiver_wake = Wake()
        self._clock = clock
        self._lock = threading.Lock()
        #: what the receiver attached and nobody dropped
        self.connection: Connection | None = None

    # --- for the controller ------------------------------------------------------------------

    @property
    def provider(self) -> Provider:
        return self.answers.provider

    @property
    def connected(self) -> bool:
        return self.connection is not None

    @property
    def backlog_ms(self) -> int:
        return self.uplink.backlog_ms

    @property
    def unanswered_ms(self) -> int:
        return self.uplink.unanswered_ms

    def captured(self) -> None:
        if self.uplink.tape.current is not None and self.connection is not None:
            self.sender_wake.set()

    def open(self, start: int, pair: Pair) -> None:
        self.uplink.open(start, pair, self._clock.now())
        self.wake()

    def close(self, end: int) -> None:
        self.uplink.close(end)
        self.wake()

    def hurry(self) -> None:
        self.hurried_at = self._clock.now()
        self.wake()

    def switch_tts(self, enabled: bool) -> None:
        self.tts = enabled
        self.sender_wake.set()

    def renew(self, pair: Pair) -> None:
        """An idle connection goes on with ``pair`` or is made anew; the uplink does a busy one."""
        connection = self.connection
        if connection is None or connection.pair == pair or self.uplink.busy:
            return
        if connection.protocol.switch_pair(pair) is None:
            self.drop(connection, planned="language pair")
        else:
            connection.turn = pair
            self.sender_wake.set()

    def hand_over(self) -> Handover:
        left = self.uplink.hand_over()
        if (connection := self.connection) is not None:
            self.drop(connection, planned="another service takes over")
        return left

    def take_over(self, left: Handover) -> None:
        self.answers.session = left.session or self.answers.session
        self.uplink.take_over(left, self._clock.now())
        self.uplink.keep_warm(self._clock.now())
        self.wake()

    def remember(self, keep: Callable[[Unanswered], None] | None) -> None:
        self.uplink.remember(self.answers.named(keep))

    def probe(self) -> None:
        self.uplink.keep_warm(self._clock.now())
        self.receiver_wake.set()

    def free(self) -> None:
        self.sender_wake.close()
        self.receiver_wake.close()

    # --- for the two threads -----------------------------------------------------------------

    def attach(self, connection: Connection) -> None:
        """Give the sender a connection that is ready for audio."""
        with self._lock:
            self.connection = connection
        self.sender_wake.set()

    def drop(self, connection: Connection, planned: str | None = None) -> None:
        """Tear ``connection`` down (idempotent); ``planned`` says why if we wanted it."""
        with self._lock:
            if self.connection is connection:
                self.connection = None
                self.uplink.disconnected()
            connection.planned = connection.planned or planned
        if planned:
            connection.socket.goodbye(connection.protocol.end())
        else:
            connection.socket.abort()
        self.wake()

    def flush(self, connection: Connection) -> bool:
        """Nothing more is waited for: hand on sentences that lack only their translation.

        Whether there were any.
        """
        with connection.lock:
            events = connection.protocol.flush()
        for event in events:
            if isinstance(event, Result):
                answer = self.uplink.result(event, self._clock.now())
                if answer is not None:
                    self.answers.result(event, answer, connection.pair)
        return bool(events)

    def wake(self) -> None:
        """Something changed: let both threads look."""
        self.sender_wake.set()
        self.receiver_wake.set()
