"""Numbers for sentences that a service names, or tells apart by nothing at all."""

from __future__ import annotations

MOST = 1024  # names remembered; a sentence is long settled when so many have come after it


class Sentences:
    """Gives each name the next number.  A settled sentence has nothing more to say.

    Sentences without a name are one and the same until it settles; the next is another.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, bool]] = {}
        self._count = 0

    def number(self, name: str | None, final: bool) -> int | None:
        """The number of the sentence ``name``; None where it had settled before."""
        key = "" if name is None else f"={name}"
        number, settled = self._known.pop(key, (self._count, False))
        if number == self._count:
            self._count += 1
        if not (final and name is None):
            self._known[key] = number, settled or final
        if len(self._known) > MOST:
            del self._known[next(iter(self._known))]
        return None if settled else number
