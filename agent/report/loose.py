"""Messages of QoS 0: for the moment, and dropped where they cannot leave at once."""

from __future__ import annotations

import logging

from agent.report.dispatch import LARGEST, packet_size
from agent.report.signals import Link
from agent.report.suspects import Suspects
from agent.report.topics import Topic

log = logging.getLogger(__name__)

#: They are dropped while this many wait in the queue or for the socket.
BUSY = 64

#: The broker takes a message when it has not hung up within this time, seconds.
SOON_S = 2.0


class Loose:
    """Publishes them; used by the thread of the reports.

    Nobody acknowledges them, so the broker may hang up on one as on any other message (see
    :mod:`agent.report.suspects`): then no more are sent on that topic that are as large.

    Attributes:
        largest: bytes of a packet the broker takes.
    """

    def __init__(self) -> None:
        self.largest = LARGEST
        self._waiting: set[int] = set()  # message ids of those not yet in the socket
        self._young: dict[str, tuple[int, float]] = {}  # by topic: the newest's bytes, and when
        self._suspects = Suspects()
        self._muted: dict[str, int] = {}  # by topic: what is as large the broker hangs up on

    def publish(self, link: Link, topic: Topic, payload: bytes, now: float) -> None:
        """Send, or drop it."""
        name, size = topic.name, packet_size(topic.name, payload)
        for old in [name for name, (_, at) in self._young.items() if now - at > SOON_S]:
            del self._young[old]
            self._suspects.answered(old)
        if self._suspects.alone and (self._young or not self._suspects.suspects(name)):
            return
        if len(self._waiting) >= BUSY or size > min(self.largest, self._muted.get(name, size)):
            return
        self._waiting.add(link.publish(name, payload, topic.qos))
        self._young[name] = size, now

    def acknowledged(self, message_id: int) -> bool:
        """True: it is in the socket.  False: it is none of these, and the broker has answered."""
        if message_id in self._waiting:
            self._waiting.discard(message_id)
            return True
        self._suspects.alive()
        return False

    def connected(self, largest: int) -> None:
        """A new connection: so many bytes of a packet."""
        self.largest = largest
        self._suspects.connected()

    def young(self, now: float) -> dict[str, int]:
        """Bytes by topic of what the broker may still hang up on."""
        return {name: size for name, (size, at) in self._young.items() if now - at <= SOON_S}

    def lost(self, hung_up: bool, now: float) -> None:
        """The connection has ended; ``hung_up``: by the broker, perhaps because of one of ours."""
        young = self.young(now)
        self._young.clear()
        self._waiting.clear()
        guilty = self._suspects.lost(young) if hung_up and young else None
        if isinstance(guilty, str):
            self._muted[guilty] = young[guilty] - 1
            log.error("the broker hangs up on %s: no more of %d bytes", guilty, young[guilty])
