"""Numbers of sentences in a session, over the connections of which each counts from 0."""

from __future__ import annotations

KEPT = 64  # sentences of a connection that may still change


class Numbering:
    """Gives each sentence of a connection its number in the session.

    A sentence that was not final when its connection was lost is recognised again, and
    gets the same number again.
    """

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}
        self._finals = 0  # one past the highest number that is final
        self._next = 0

    def number(self, index: int, final: bool) -> int:
        """The number of the sentence the service calls ``index``."""
        number = self._numbers.setdefault(index, self._next)
        self._next = max(self._next, number + 1)
        if final:
            self._finals = max(self._finals, number + 1)
            if index < 0:  # a sentence the service gave no number: the next is another
                del self._numbers[index]
        if len(self._numbers) > KEPT:
            self._numbers.pop(next(iter(self._numbers)))
        return number

    def new_connection(self) -> None:
        """The service counts from 0 again."""
        self._numbers.clear()
        self._next = self._finals

    @property
    def next(self) -> int:
        """The number of the sentence after the last final."""
        return self._finals

    def go_on(self, number: int) -> None:
        """The next sentence is ``number``: another process gave away those before it."""
        self._numbers.clear()
        self._finals = self._next = number

    def new_session(self) -> None:
        """Everything begins with 0."""
        self.go_on(0)
