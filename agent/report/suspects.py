"""Which message makes the broker hang up?  Pure.

A broker that speaks MQTT 3.1.1 has no word for "I do not take this": it closes the
connection, and what was on its way is published again at the next one, for ever.  So who
was on the way at ``TOGETHER`` such losses in a row is suspected and everything goes out
one message at a time.  Who is then alone at ``ALONE`` losses is guilty, if the broker
answered anything else on the same connection; a broker that answers nothing is ill itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

TOGETHER, ALONE = 2, 2

#: What stands for a message: its row, or its topic where only the newest counts, or itself.
Key = int | str | bytes


class Suspects:
    """Counts losses by message.

    Attributes:
        last: those that were lost alone while the broker answered nothing else; all others go
            before them, to have it answer something.
    """

    def __init__(self) -> None:
        self.last: dict[Key, None] = {}
        self._losses: Counter[Key] = Counter()
        self._alone: Counter[Key] = Counter()
        self._answers = False

    @property
    def alone(self) -> bool:
        """Whether at most one message may be on its way."""
        return any(losses >= TOGETHER for losses in self._losses.values())

    def connected(self) -> None:
        """A new connection: nothing is answered on it yet."""
        self._answers = False

    def alive(self) -> None:
        """The broker answered something on this connection."""
        self._answers = True

    def answered(self, key: Key) -> None:
        """The broker answered this message: it is not guilty."""
        self.alive()
        self.forget(key)

    def suspects(self, key: Key) -> bool:
        """Whether this message was on its way at the last losses."""
        return self._losses[key] >= TOGETHER

    def forget(self, key: Key) -> None:
        """The message is gone, or was changed."""
        for book in (self.last, self._losses, self._alone):
            book.pop(key, None)

    def lost(self, flight: Collection[Key]) -> Key | None:
        """The broker hung up with ``flight`` on its way; the guilty one, when it is known."""
        if not self.alone:  # in a row, or it was somebody else
            self._losses = Counter({key: self._losses[key] for key in flight})
        self._losses.update(list(flight))  # a mapping would be added up
        if len(flight) != 1:
            return None
        (key,) = flight
        self._alone[key] += 1
        if self._losses[key] > TOGETHER and self._alone[key] >= ALONE:
            if self._answers:
                self.forget(key)
                return key
            self.last.pop(key, None)
            self.last[key] = None
        return None
