"""What a spotter of words says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spotted:
    """A word that was said: its name, its score, and how long ago (s) it ended."""

    word: str
    score: float
    ago_s: float
