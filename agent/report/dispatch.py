"""What is published next, and what its acknowledgement means.  No thread, no MQTT, no clock.

Three sources, served in this order: *pinned* messages (retained, only the newest of a
topic counts), *answers* to commands, and the *outbox*.  All are QoS 1 and share one
window of unacknowledged messages.

The outbox is read with a cursor that only moves forward while a connection lives; a row
is removed when its acknowledgement arrives and not before.  When the connection is lost
the cursor goes back to the oldest row that is left, so order is kept and what is sent
twice is at most one window.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.report.topics import Topic

if TYPE_CHECKING:
    from agent.report.outbox import Outbox

#: Unacknowledged messages at a time; brokers and paho take 20 without queueing.
WINDOW = 16

#: How many answers to commands wait for a connection.
MAX_ANSWERS = 100

#: MQTT 5 reason codes that no retry can mend: the message itself is at fault.
HOPELESS = {0x90: "topic name invalid", 0x95: "packet too large", 0x99: "payload format invalid"}


@dataclass(frozen=True, slots=True)
class Parcel:
    """One message on its way; ``row`` is its id in the outbox."""

    topic: str
    payload: bytes
    retain: bool = False
    row: int | None = None


def refusal(code: int) -> str:
    """What a refused acknowledgement means for the message."""
    if code in HOPELESS:
        return f"{HOPELESS[code]}; it is given up"
    hint = "not authorised; see the broker's access list" if code == 0x87 else f"code {code:#x}"
    return f"{hint}; it is kept and tried again"


class Dispatch:
    """Chooses QoS 1 messages for the connection of the moment.

    Attributes:
        held: while true nothing is taken from the outbox (the broker refuses it).
        refused: outbox messages given up because the broker can never take them.
    """

    def __init__(self, outbox: Outbox) -> None:
        self.held = False
        self.refused = 0
        self._outbox = outbox
        self._pinned: dict[str, Parcel] = {}
        self._due: dict[str, None] = {}  # topics of ``_pinned`` to be published, in order
        self._answers: deque[Parcel] = deque(maxlen=MAX_ANSWERS)
        self._ready: deque[Parcel] = deque()
        self._flight: dict[int, Parcel] = {}  # by message id of the connection
        self._done: list[int] = []
        self._cursor = 0
        self._window = WINDOW

    def pin(self, topic: Topic, payload: bytes) -> None:
        """Publish ``payload`` retained, now and after every reconnect, until a newer one comes."""
        self._pinned[topic.name] = Parcel(topic.name, payload, retain=True)
        self._due[topic.name] = None

    def repeat(self, topic: Topic) -> None:
        """Publish what is pinned on ``topic`` once more."""
        self._due[topic.name] = None

    def answer(self, topic: Topic, payload: bytes) -> None:
        """Publish the answer to a command; kept in memory only."""
        self._answers.append(Parcel(topic.name, payload))

    def connected(self, window: int) -> None:
        """A new connection that takes ``window`` unacknowledged messages."""
        self._window = min(window, WINDOW)
        self.held = False

    def lost(self) -> None:
        """The connection is gone: what it has not acknowledged is published again."""
        self.settle()
        unanswered = [p for p in self._flight.values() if p.row is None and not p.retain]
        self._answers.extendleft(reversed(unanswered))
        self._due = dict.fromkeys(self._pinned)
        self._flight.clear()
        self._rewind(0)

    def next(self) -> Parcel | None:
        """What to publish now, or None; every parcel must be passed to :meth:`sent`."""
        if len(self._flight) >= self._window:
            return None
        if self._due:
            topic = next(iter(self._due))
            del self._due[topic]
            return self._pinned[topic]
        if self._answers:
            return self._answers.popleft()
        return self._next_row()

    def sent(self, message_id: int, parcel: Parcel) -> None:
        """``parcel`` was handed to the connection as ``message_id``."""
        self._flight[message_id] = parcel

    def acknowledged(self, message_id: int, code: int = 0) -> Parcel | None:
        """The broker answered; the parcel when it did not take it (``code`` of 0x80 and up)."""
        parcel = self._flight.pop(message_id, None)
        if parcel is None:
            return None
        refused = code >= 0x80
        if parcel.row is not None:
            if refused and code not in HOPELESS:
                self.held = True
                self._rewind(parcel.row - 1)
            else:
                self.refused += refused
                self._done.append(parcel.row)
        return parcel if refused else None

    def settle(self) -> None:
        """Remove what was acknowledged from the outbox, in one commit."""
        if self._done:
            self._outbox.remove(self._done)
            self._done.clear()

    @property
    def idle(self) -> bool:
        """Whether everything has been published and acknowledged."""
        waiting = self._due or self._answers or self._flight
        return not waiting and (self.held or self._outbox.count() <= len(self._done))

    def _next_row(self) -> Parcel | None:
        if self.held:
            return None
        if not self._ready:
            self._fill()
        if not self._ready:
            return None
        parcel = self._ready.popleft()
        self._cursor = parcel.row or 0
        return parcel

    def _fill(self) -> None:
        """Read ahead, past rows that are on their way or done (after a rewind)."""
        taken = {parcel.row for parcel in self._flight.values()} | set(self._done)
        rows = self._outbox.after(self._cursor, WINDOW + len(taken))
        self._ready.extend(
            Parcel(row.topic, row.payload, row=row.id) for row in rows if row.id not in taken
        )

    def _rewind(self, row: int) -> None:
        self._cursor = min(self._cursor, row)
        self._ready.clear()
