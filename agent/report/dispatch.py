"""What is published next, and what its acknowledgement means.  No thread, no MQTT, no clock.

Three sources, served in this order: *pinned* messages (retained, only the newest of a
topic counts), *answers* to commands, and the *outbox*.  All are QoS 1 and share one
window of unacknowledged messages.

The outbox is read with a cursor that only moves forward while a connection lives; a row
is removed when its acknowledgement arrives and not before.  When the connection is lost
the cursor goes back to the oldest row that is left, so order is kept and what is sent
twice is at most one window.

A message the broker can never take is set aside: one that is larger than it said, one it
refuses for good, one it hangs up on (see :mod:`agent.report.suspects`).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agent.report.aside import Aside
from agent.report.suspects import Key, Suspects
from agent.report.topics import Topic

if TYPE_CHECKING:
    from agent.report.outbox import Outbox, Row

#: Unacknowledged messages at a time; brokers and paho take 20 without queueing.
WINDOW = 16

#: Unacknowledged bytes from which on nothing more is sent.
WINDOW_BYTES = 256_000

#: How many answers to commands wait for a connection.
MAX_ANSWERS = 100

#: The largest packet MQTT has, bytes.
LARGEST = 268_435_455

#: How many pinned messages, lost alone, say that the broker takes nothing retained.
UNRETAINED = 2

#: MQTT 5 reason codes that no retry can mend: the message itself is at fault.
HOPELESS = {0x90: "topic name invalid", 0x95: "packet too large", 0x99: "payload format invalid"}


@dataclass(frozen=True, slots=True)
class Parcel:
    """One message on its way; ``row`` is its id in the outbox."""

    topic: str
    payload: bytes
    retain: bool = False
    row: int | None = None
    pinned: bool = False

    @property
    def size(self) -> int:
        """Bytes of the packet, at most."""
        return packet_size(self.topic, self.payload)

    @property
    def key(self) -> Key:
        """What it is known by over several connections."""
        if self.row is not None:
            return self.row
        return self.topic if self.pinned else self.payload


def packet_size(topic: str, payload: bytes) -> int:
    """Bytes of a PUBLISH packet, at most."""
    return len(topic.encode("utf-8", "replace")) + len(payload) + 10


def refusal(code: int) -> str:
    """What a refused acknowledgement means for the message."""
    if code in HOPELESS:
        return f"{HOPELESS[code]}; it is set aside"
    hint = "not authorised; see the broker's access list" if code == 0x87 else f"code {code:#x}"
    return f"{hint}; it is kept and tried again"


class Dispatch:
    """Chooses QoS 1 messages for the connection of the moment.

    Attributes:
        held: while true nothing is taken from the outbox.
        writing: while true the outbox must not be touched: the disk has it.
        retain: whether the broker takes retained messages, as far as is known.
        aside: what was set aside that was not in the outbox; take it out.
        answered: acknowledgements so far.
        flight_bytes: how much is on its way.
    """

    def __init__(self, outbox: Outbox) -> None:
        self.held = self.writing = False
        self.retain = True
        self.aside: list[Aside] = []
        self.answered = self.flight_bytes = 0
        self._outbox = outbox
        self._pinned: dict[str, Parcel] = {}
        self._taken: set[str] = set()  # topics of ``_pinned`` whose newest the broker has
        self._due: dict[str, None] = {}  # topics of ``_pinned`` to be published, in order
        self._given_up: set[str] = set()  # topics whose pinned messages the broker never takes
        self._answers: deque[Parcel] = deque(maxlen=MAX_ANSWERS)
        self._ready: deque[Parcel] = deque()
        self._flight: dict[int, Parcel] = {}  # by message id of the connection
        self._done: list[int] = []
        self._refused: set[str] = set()  # topics the broker refuses for now
        self._suspects = Suspects()
        self._retained_answered = False
        self._cursor = _START
        self._window, self._largest = WINDOW, LARGEST

    def pin(self, topic: Topic, payload: bytes) -> None:
        """Publish ``payload`` retained, now and after every reconnect, until a newer one comes."""
        self._pinned[topic.name] = Parcel(topic.name, payload, retain=True, pinned=True)
        self._due[topic.name] = None
        self._taken.discard(topic.name)

    def repeat(self, topic: Topic) -> None:
        """Publish what is pinned on ``topic`` once more."""
        self._due[topic.name] = None

    def answer(self, topic: Topic, payload: bytes) -> None:
        """Publish the answer to a command; kept in memory only."""
        self._answers.append(Parcel(topic.name, payload))

    def taken(self, topic: str) -> bool:
        """Whether the broker has acknowledged what is pinned on ``topic``."""
        return topic in self._taken

    # --- the connection ----------------------------------------------------------------------

    def connected(self, window: int, largest: int = LARGEST) -> None:
        """A new connection: so many unacknowledged messages, and bytes of a packet."""
        self._window, self._largest = min(window, WINDOW), largest
        self._suspects.connected()
        self.held = False
        self.release()

    def lost(self, hung_up: str | None = None) -> bool:
        """The connection is gone: what it has not acknowledged is published again.

        ``hung_up``: how the broker closed it, where it did.  Whether that settled which
        message was the reason.
        """
        flight = {parcel.key: parcel for parcel in self._flight.values()}
        guilty = self._suspects.lost(flight) if hung_up and flight else None
        unanswered = [p for p in self._flight.values() if p.row is None and not p.pinned]
        self._answers.extendleft(reversed([p for p in unanswered if p.key != guilty]))
        self._due = dict.fromkeys(self._pinned)
        self._clear_flight()
        self.rewind()
        if guilty is not None:
            self._impossible(flight[guilty], f"the broker hangs up on it: {hung_up}")
        return guilty is not None or self._doubts_retain()

    def rewind(self) -> None:
        """Look through the whole outbox again."""
        self._rewind(_START)

    def release(self) -> None:
        """Try topics again that were refused."""
        if self._refused:
            self._due |= dict.fromkeys(self._refused & self._pinned.keys())
            self._refused.clear()
            self.rewind()

    def next(self) -> Parcel | None:
        """What to publish now, or None; every parcel must be passed to :meth:`sent`."""
        window = 1 if self._suspects.alone else self._window
        while len(self._flight) < window and self.flight_bytes < WINDOW_BYTES:
            parcel = self._choose()
            if parcel is None or parcel.size <= self._largest:
                return parcel
            size, largest = parcel.size, self._largest
            self._impossible(parcel, f"{size} bytes; the broker takes {largest} at most")
        return None

    def sent(self, message_id: int, parcel: Parcel) -> None:
        """``parcel`` was handed to the connection as ``message_id``."""
        self._flight[message_id] = parcel
        self.flight_bytes += parcel.size

    def unsendable(self, parcel: Parcel, reason: str) -> None:
        """``parcel`` is nothing that MQTT can carry."""
        self._impossible(parcel, reason)

    def acknowledged(self, message_id: int, code: int = 0) -> Parcel | None:
        """The broker answered; the parcel when it did not take it (``code`` of 0x80 and up)."""
        parcel = self._flight.pop(message_id, None)
        if parcel is None:
            return None
        self.answered += 1
        self.flight_bytes -= parcel.size
        self._suspects.answered(parcel.key)
        if code < 0x80:
            self._retained_answered |= parcel.retain
            if parcel.row is not None:
                self._done.append(parcel.row)
            elif parcel.pinned and parcel.payload == self._pinned[parcel.topic].payload:
                self._taken.add(parcel.topic)
            return None
        if code in HOPELESS:
            self._impossible(parcel, f"the broker refuses it: {HOPELESS[code]}")
        elif parcel.row is not None or parcel.pinned:
            self._refused.add(parcel.topic)
            self._rewind(_START if parcel.row is None else parcel.row - 1)
        return parcel

    def take_done(self) -> list[int]:
        """The rows that were acknowledged since, to be taken out of the outbox now."""
        done, self._done = self._done, []
        return done

    @property
    def waiting(self) -> int:
        """Messages in the outbox that are not acknowledged."""
        return self._outbox.count() - len(self._done)

    @property
    def unsettled(self) -> int:
        """Acknowledged messages that are still on the disk."""
        return len(self._done)

    @property
    def busy(self) -> bool:
        """Whether an acknowledgement is awaited."""
        return bool(self._flight)

    @property
    def careful(self) -> bool:
        """Whether only one message may be on its way at a time."""
        return self._suspects.alone

    @property
    def idle(self) -> bool:
        """Whether everything that can be has been published and acknowledged."""
        if self._flight or self._answers or self._due.keys() - self._given_up:
            return False
        return self.held or not (self.writing or self._ready or self._fill())

    # --- choosing ----------------------------------------------------------------------------

    def _choose(self) -> Parcel | None:
        last = self._suspects.last
        for topic in self._due:
            if topic not in last and topic not in self._given_up:
                return self._take_pinned(topic)
        if self._answers:
            return self._answers.popleft()
        return self._next_row() or self._next_suspect()

    def _take_pinned(self, topic: str) -> Parcel:
        del self._due[topic]
        return replace(self._pinned[topic], retain=self.retain)

    def _next_row(self) -> Parcel | None:
        if self.held or self.writing or not (self._ready or self._fill()):
            return None
        parcel = self._ready.popleft()
        self._cursor = _START if parcel.row is None else parcel.row
        return parcel

    def _next_suspect(self) -> Parcel | None:
        """One of those that were to wait for all others."""
        if self._flight:
            return None
        for key in list(self._suspects.last):
            if isinstance(key, str) and key in self._due:
                return self._take_pinned(key)
            if isinstance(key, int) and not (self.held or self.writing):
                for row in self._outbox.after(key - 1, 1):
                    if row.id == key:
                        return _parcel(row)
                self._suspects.forget(key)  # there was no more room for it
        return None

    def _fill(self) -> bool:
        """Read ahead, past rows that are on their way, done (after a rewind) or suspected."""
        if self.waiting <= 0:  # as it is at nearly every partial result: the disk is not asked
            return False
        taken = {parcel.row for parcel in self._flight.values()} | set(self._done)
        taken |= {key for key in self._suspects.last if isinstance(key, int)}
        rows = self._outbox.after(self._cursor, WINDOW + len(taken), self._refused)
        self._ready.extend(_parcel(row) for row in rows if row.id not in taken)
        return bool(self._ready)

    def _rewind(self, row: int) -> None:
        self._cursor = min(self._cursor, row)
        self._ready.clear()

    def _clear_flight(self) -> None:
        self._flight.clear()
        self.flight_bytes = 0

    # --- what the broker never takes -----------------------------------------------------------

    def _impossible(self, parcel: Parcel, reason: str) -> None:
        found = Aside(parcel.topic, parcel.payload, reason)
        self._suspects.forget(parcel.key)
        if parcel.row is not None:
            self._outbox.set_aside(parcel.row, found)
            return
        if parcel.pinned:
            self._given_up.add(parcel.topic)
        self.aside.append(found)

    def _doubts_retain(self) -> bool:
        """Whether it is all retained messages that the broker does not take."""
        lost = [key for key in self._suspects.last if isinstance(key, str)]
        if len(lost) < UNRETAINED or self._retained_answered or not self.retain:
            return False
        self.retain = False
        for key in lost:
            self._suspects.forget(key)
        return True


#: Below all ids of rows.
_START = -(1 << 62)


def _parcel(row: Row) -> Parcel:
    return Parcel(row.topic, row.payload, row=row.id)
