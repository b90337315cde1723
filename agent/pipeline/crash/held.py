"""What is unanswered, held back until its final is on the disk.  Pure.

The way to the service forgets speech when its final comes; that final still has to reach the
disk.  Were it forgotten here, too, a crash in between would lose it.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from msgspec.structs import replace

from agent.events import Stretch, Unanswered

MOST = 256  # finals that wait for the disk; where it takes none, memory is short anyway


class _Answer(NamedTuple):
    """Once ``final`` is on the disk a replay begins at ``resume``, and takes are ``gone``."""

    final: str
    resume: int
    gone: frozenset[int]


class Held:
    """Follows what is :class:`~agent.events.Unanswered`, answers coming true only when saved."""

    def __init__(self) -> None:
        self._newest = Unanswered()
        self._takes: dict[int, Stretch] = {}  # by where they start, in order
        self._resume = 0
        self._waiting: deque[_Answer] = deque(maxlen=MOST)

    def keep(self, now: Unanswered) -> None:
        """So it stands for the service."""
        self._newest = now
        here = {take.start: take for take in now.takes}
        self._takes |= here
        final = self._waiting[-1].final if self._waiting else ""  # never before those
        if now.final is not None:
            final = f"{now.session}-{now.final}"
        answer = _Answer(final, now.resume, frozenset(self._takes.keys() - here.keys()))
        if final:
            self._waiting.append(answer)
        else:
            self._apply(answer)

    def saved(self, final: str) -> bool:
        """The final of this id is on the disk; whether that changes what is unanswered."""
        known = False
        while any(answer.final == final for answer in self._waiting):
            self._apply(self._waiting.popleft())
            known = True
        return known

    @property
    def unanswered(self) -> Unanswered:
        """What the next process must know."""
        takes = tuple(self._takes[start] for start in sorted(self._takes))
        return replace(self._newest, takes=takes, resume=self._resume, final=None)

    def _apply(self, answer: _Answer) -> None:
        self._resume = answer.resume
        for start in answer.gone:
            self._takes.pop(start, None)
