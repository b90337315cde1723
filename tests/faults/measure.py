"""What a fault did: speech lost, finals lost, doubles, pacing.  Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.faults.speech import WORD_MS, Word

PACKET_MS = 40
DEPTH = 3  # packets that may leave at once


@dataclass
class Outcome:
    """One run in figures; seconds are None where there is nothing to measure."""

    words: int = 0
    lost_words: list[int] = field(default_factory=list)
    lost_packets: int = 0  # that hold speech and never reached the service
    reported_ms: int = 0  # told as `lost_audio`
    finals: int = 0
    finals_lost: int = 0  # the device had them, the broker's subscriber never
    duplicates: int = 0  # words again in a final that is not marked `replayed`
    resent: int = 0  # finals delivered again under the same id, as QoS 1 may
    replayed: int = 0
    burst: float | None = None  # packets, see `burst`
    connections: int = 0
    recover_s: float | None = None  # from the repair to audio at the service
    late_s: float | None = None  # the same from when the backoff lets an attempt begin
    notice_s: float | None = None
    excused: set[int] = field(default_factory=set)  # words the fault itself takes away
    excused_packets: int = 0
    notes: list[str] = field(default_factory=list)  # what else is not as expected

    @property
    def lost_ms(self) -> int:
        return max(len(self.lost_words) * WORD_MS, self.lost_packets * PACKET_MS)


def words_of(final: Mapping[str, Any]) -> list[int]:
    """The numbers of the words in a transcript."""
    return [int(number) for number in re.findall(r"\bw(\d{1,2})\b", str(final.get("text", "")))]


def lost_words(spoken: Iterable[Word], finals: Iterable[Mapping[str, Any]]) -> list[int]:
    """The words that are in no final."""
    heard = {number for final in finals for number in words_of(final)}
    return [word.number for word in spoken if word.number not in heard]


def unique(finals: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Each final once: one delivered twice has the same id and the same content."""
    kept: list[Mapping[str, Any]] = []
    for final in finals:
        if final not in kept:
            kept.append(final)
    return kept


def duplicates(finals: Iterable[Mapping[str, Any]]) -> int:
    """Words that finals not marked ``replayed`` give again, and ids used twice."""
    words: set[int] = set()
    ids: set[str] = set()
    doubled = 0
    for final in finals:
        numbers = words_of(final)
        if not final["replayed"]:
            doubled += sum(number in words for number in numbers)
        doubled += final["id"] in ids
        words.update(numbers)
        ids.add(final["id"])
    return doubled


def burst(times: Sequence[float]) -> float:
    """The most packets any window of T ms holds beyond T/40; the bound is ``DEPTH``.

    ``times`` (s) are those of one connection, taken before each send.
    """
    least, most = float("inf"), 0.0
    for count, at in enumerate(times):
        place = count - at * 1000 / PACKET_MS
        least = min(least, place)
        most = max(most, place - least + 1)
    return most
