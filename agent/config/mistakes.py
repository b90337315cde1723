"""Mistakes of a configuration, collected one by one and told all at once."""

from __future__ import annotations

import re
from dataclasses import dataclass

KeyPath = tuple[str, ...]

_NAME = re.compile(r"[\w-]{1,40}")


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was written: a line of a file (from 1), or an option (line 0)."""

    source: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.source}:{self.line}" if self.line else self.source


def shown(key: str) -> str:
    """``key`` for a message: its leading name only, as ``token:abc`` may hold a secret."""
    name = _NAME.match(key)
    head = name.group() if name else ""
    return head if head and head == key else f"{head}…"


def dotted(path: KeyPath) -> str:
    """``audio.capture.device``, fit for a message."""
    return ".".join(map(shown, path))


class Mistakes:
    """What is wrong, in the order of the file, and where each key was written.

    A place is noted for every key that was seen, so that a rule that finds out later
    (two keys that do not go together) can still name a line.
    """

    def __init__(self, root: Place) -> None:
        self._root = root
        self._places: dict[KeyPath, Place] = {}
        self._found: dict[tuple[Place, KeyPath, str], None] = {}

    def note(self, path: KeyPath, place: Place) -> None:
        """Remember where the key at ``path`` was written."""
        self._places[path] = place

    def place(self, path: KeyPath) -> Place:
        """Where ``path`` was written, or else the nearest section above it."""
        for end in range(len(path), 0, -1):
            if path[:end] in self._places:
                return self._places[path[:end]]
        return self._root

    def add(self, path: KeyPath, text: str, place: Place | None = None) -> None:
        """Collect one mistake: what is wrong and what was expected, without any location."""
        self._found[(place or self.place(path), path, text)] = None

    def touch(self, path: KeyPath) -> bool:
        """Whether a mistake is known at ``path``, above it or below it."""
        return any(known[: len(path)] == path[: len(known)] for _, known, _ in self._found)

    def lines(self, *sections: str) -> list[str]:
        """One finished line for each mistake, options last.

        With ``sections`` only those in them and those of the file as a whole.
        """
        chosen = [
            found
            for found in self._found
            if not sections or len(found[1]) < 2 or found[1][0] in sections
        ]
        ordered = sorted(chosen, key=lambda found: (not found[0].line, found[0].line))
        return [": ".join(filter(None, (str(p), dotted(path), text))) for p, path, text in ordered]
