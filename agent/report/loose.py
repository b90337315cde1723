"""Messages of QoS 0: for the moment, and dropped where they cannot leave at once."""

from __future__ import annotations

import logging
from collections import Counter

from agent.report.dispatch import LARGEST, packet_size
from agent.report.signals import Link
from agent.report.topics import Topic

log = logging.getLogger(__name__)

#: They are dropped while this many wait in the queue or for the socket.
BUSY = 64

#: The broker hung up so soon after one that it may have been the reason, seconds.
SOON_S = 2.0

#: After so many of these in a row on one topic no more are sent that are as large.
STRIKES = 3


class Loose:
    """Publishes them; used by the thread of the reports.

    Attributes:
        largest: bytes of a packet the broker takes.
    """

    def __init__(self) -> None:
        self.largest = LARGEST
        self._waiting: set[int] = set()  # message ids of those not yet in the socket
        self._newest: tuple[str, int, float] | None = None  # topic, bytes, when
        self._strikes: Counter[str] = Counter()
        self._muted: dict[str, int] = {}  # by topic: what is as large the broker hangs up on

    def publish(self, link: Link, topic: Topic, payload: bytes, now: float) -> None:
        """Send, or drop it."""
        size = packet_size(topic.name, payload)
        most = min(self.largest, self._muted.get(topic.name, LARGEST) - 1)
        if len(self._waiting) < BUSY and size <= most:
            self._waiting.add(link.publish(topic.name, payload, topic.qos))
            self._newest = topic.name, size, now

    def written(self, message_id: int) -> None:
        """It is in the socket."""
        self._waiting.discard(message_id)

    def lost(self, hung_up: bool, now: float) -> None:
        """The connection has ended; ``hung_up``: by the broker, with nothing else on its way."""
        newest, self._newest = self._newest, None
        self._waiting.clear()
        if not hung_up or newest is None or now - newest[2] > SOON_S:
            return
        topic, size, _ = newest
        self._strikes = Counter({topic: self._strikes[topic] + 1})
        if self._strikes[topic] >= STRIKES:
            self._strikes.clear()
            self._muted[topic] = size
            log.error("the broker hangs up on %s: no more of %d bytes and up", topic, size)
