"""Finals on their way to the disk: what may only be forgotten when they are there."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

MOST = 1000  # that wait; a disk that takes none for so long is told, and nothing waits for ever


class Finals:
    """Has calls made when a final is saved; every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[tuple[str, Callable[[], None]]] = deque()
        self._newest = ""  # that is saved: it may be quicker than who waits for it

    def after(self, final: str, call: Callable[[], None]) -> None:
        """Make ``call`` when the final of this id is saved, or one that was given later."""
        with self._lock:
            self._waiting.append((final, call))
            full = len(self._waiting) > MOST
            due = [self._waiting.popleft()[1]] if full else []
            if final == self._newest:
                due += self._upto(final)
        for each in due:
            each()

    def saved(self, final: str) -> None:
        """The final of this id is on the disk."""
        with self._lock:
            self._newest, due = final, self._upto(final)
        for each in due:
            each()

    def _upto(self, final: str) -> list[Callable[[], None]]:
        due = []
        while any(name == final for name, _ in self._waiting):
            due.append(self._waiting.popleft()[1])
        return due
