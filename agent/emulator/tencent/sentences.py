"""One TSI session: takes its chunks in order and in time, and has the sentences so far."""

from __future__ import annotations

import copy
import threading
from dataclasses import dataclass, replace

from agent.emulator.call import Declined
from agent.emulator.engines import Heard, Recognizer
from agent.emulator.stream import AudioMeter, Refused, Rules

_NO_GAP_RULE = 10**12


@dataclass(frozen=True)
class Chunk:
    """A request's audio (s16le of 16 kHz) and its place."""

    seq: int
    pcm: bytes
    ends: bool

    @property
    def ms(self) -> float:
        """How long it is."""
        return len(self.pcm) / 32


@dataclass(frozen=True)
class Sentence:
    """What is known of a sentence; `version` counts the times it was told."""

    heard: Heard
    version: int


class Session:
    """The state behind one `SessionUuid`; `lock` keeps what it is told in order.

    `languages` must stay the same; `began_ms` is when its first sample was spoken at the latest.
    """

    def __init__(
        self,
        languages: tuple[str, str | None],
        recognizer: Recognizer,
        rules: Rules,
        began_ms: float,
    ) -> None:
        self._languages = languages
        self.lock = threading.Lock()
        self.used_ms = began_ms
        self._recognizer: Recognizer | None = recognizer
        self._meter = AudioMeter(replace(rules, rate=16_000, gap_ms=_NO_GAP_RULE), began_ms)
        self._versions: dict[int, int] = {}
        self._last: tuple[Chunk, bytes] | None = None

    def answered(self, chunk: Chunk) -> bytes | None:
        """The answer this chunk had: a repeat of the last one is a retry and gets the same."""
        return self._last[1] if self._last and self._last[0] == chunk else None

    def check(self, languages: tuple[str, str | None], chunk: Chunk, now_ms: float) -> None:
        """`Declined` unless this chunk is the next one and not before its time."""
        expected = self._last[0].seq + 1 if self._last else 0
        if languages != self._languages:
            raise Declined("InvalidParameterValue", "The languages of a session cannot change.")
        if self._recognizer is None:
            raise Declined("InvalidParameterValue", "The session has ended.")
        if chunk.seq != expected:
            raise Declined("InvalidParameterValue", f"`Seq` is {chunk.seq}, expected {expected}.")
        meter = copy.copy(self._meter)
        try:
            meter.take(chunk.pcm, now_ms)
        except Refused as refused:
            raise Declined("RequestLimitExceeded", f"The {refused.msg}.") from None
        self._meter, self.used_ms = meter, now_ms

    def hear(self, chunk: Chunk) -> list[Sentence]:
        """The sentences this chunk changed, in order, each as it is now."""
        assert self._recognizer is not None
        steps = self._recognizer.feed(chunk.pcm)
        if chunk.ends:
            steps += self._recognizer.finish()
            self._recognizer = None
        return [self._sentence(heard) for heard in {step.index: step for step in steps}.values()]

    def remember(self, chunk: Chunk, answer: bytes) -> None:
        """Keep the answer for a retry."""
        self._last = (chunk, answer)

    def _sentence(self, heard: Heard) -> Sentence:
        version = self._versions.get(heard.index, -1) + 1
        self._versions[heard.index] = version
        return Sentence(heard, version)
