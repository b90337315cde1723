"""What a broker takes, as learnt from how earlier connections went.

MQTT 3.1.1 has no word for most of it: such a broker hangs up.  What it hung up on is asked for
in another way at the next connection.  Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

#: After so many connections in a row that were closed before the broker had answered, the last
#: will is not retained: perhaps the broker keeps nothing.
UNANSWERED = 3


@dataclass(slots=True)
class Terms:
    """Lasts as long as the process."""

    retain: bool = True
    qos: int = 1
    listen: int = 1  #: the QoS wanted of what is subscribed to
    unanswered: int = 0  #: connections in a row that it closed before it had answered
    unheard: int = 0  #: connections in a row that it closed instead of answering a subscription
    doubtful: bool = False  #: it let us in without a retained will: is that the reason?

    @property
    def modest(self) -> bool:
        """Whether to go without a retained will; every other time, it may be something else."""
        return self.unanswered >= UNANSWERED and self.unanswered % 2 == 1

    def listening(self) -> int:
        """The QoS to subscribe with; 0 every other time after it hung up on a subscription.

        RabbitMQ before 3.12 makes a durable queue of QoS 1, even for a session that ends with its
        connection.  Where the node that has it dies, every other node hangs up on the device until
        that one is back (docs/fleet.md).  Without a session to keep anything in, both bring the
        same.
        """
        return 0 if self.unheard % 2 else min(self.qos, self.listen)
