"""A summary by extraction: the sentences whose words the text repeats most, in their order.

No model and no new words: a sentence scores the mean frequency of its words, and about a third
of the sentences stay. Scripts without spaces are counted by pairs of characters.
"""

from __future__ import annotations

import re
from collections import Counter

_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])\s*|\n+")
_WORD = re.compile(r"[a-z0-9à-öø-ÿа-яёء-ي'’]{4,}")
_SPACELESS = re.compile(r"[぀-ヿ㐀-鿿가-힣฀-๿]+")
_KEPT = 3
"""One sentence of this many stays."""


def sentences(text: str) -> list[str]:
    """The text cut where sentences end, without empty ones."""
    return [part.strip() for part in _END.split(text) if part.strip()]


def summary(text: str, longest: int | None = None) -> str:
    """The most telling sentences of a text; at most `longest` characters, but one sentence."""
    parts = sentences(text)
    counts = Counter(word for part in parts for word in _words(part))
    ranked = sorted(range(len(parts)), key=lambda at: (-_score(parts[at], counts), at))
    chosen: list[int] = []
    for at in ranked[: max(1, len(parts) // _KEPT)]:
        length = sum(len(parts[kept]) for kept in (*chosen, at))
        if longest is None or not chosen or length <= longest:
            chosen.append(at)
    return _join([parts[at] for at in sorted(chosen)])


def _words(sentence: str) -> list[str]:
    """Words of four letters and more: shorter ones are mostly grammar. Pairs where no spaces."""
    lower = sentence.lower()
    pairs = [run[at : at + 2] for run in _SPACELESS.findall(lower) for at in range(len(run) - 1)]
    return [*_WORD.findall(lower), *pairs]


def _score(sentence: str, counts: Counter[str]) -> float:
    words = _words(sentence)
    return sum(counts[word] for word in words) / len(words) if words else 0.0


def _join(parts: list[str]) -> str:
    return "".join(part if part[-1] in "。！？" else f"{part} " for part in parts).strip()
