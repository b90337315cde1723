"""What services say, handed on: results become transcripts, speech goes to the player.

The same for every shape; only where a result lies on the microphone's time line is
told by the caller.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from agent.audio.convert import Converter
from agent.clock import stamp
from agent.errors import Refused
from agent.events import (
    Failure,
    Garbage,
    Pair,
    Result,
    ServiceEvent,
    Speech,
    Transcript,
    Unanswered,
)
from agent.link.refusal import refused
from agent.link.uplink import Answer
from agent.pipeline.cloud import Parts
from agent.services.base import SPEECH_RATE
from agent.services.provider import Provider

log = logging.getLogger(__name__)


class Answers:
    """The answers of one service; ``session`` names the conversation they belong to."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._garbage: Counter[str] = Counter()
        rate = parts.config.audio.rate
        self._spoken = None if rate == SPEECH_RATE else Converter(SPEECH_RATE, 1, "s16", rate)
        self.session = ""

    @property
    def provider(self) -> Provider:
        """The service."""
        return self._parts.provider

    def named(
        self, keep: Callable[[Unanswered], None] | None
    ) -> Callable[[Unanswered], None] | None:
        """What tells ``keep`` whose conversation it is, too."""
        if keep is None:
            return None
        service = self.provider.name
        return lambda now: keep(replace(now, service=service, session=self.session))

    def new_stream(self) -> None:
        """A new connection: no part of a sample of the old one belongs to it."""
        if self._spoken is not None:
            self._spoken.flush()
        self._parts.player.new_stream()

    def need(self, events: Sequence[ServiceEvent]) -> None:
        """Refused where an answer is the service's error, or what nobody can read at all."""
        name = self._parts.provider.name
        for event in events:
            if isinstance(event, Failure):
                raise refused(name, event)
            if isinstance(event, Garbage) and event.whole:  # what was sent was not understood
                self._count(event)
                raise Refused(f"{name} answered what nobody can read", "garbage", retryable=True)

    def other(self, event: ServiceEvent) -> None:
        """Anything but a result; Refused where the service answered with an error."""
        if isinstance(event, Speech):
            spoken = self._spoken.feed(event.pcm) if self._spoken else event.pcm
            self._parts.player.speech(spoken)
        elif isinstance(event, Failure):
            raise refused(self._parts.provider.name, event)
        elif isinstance(event, Garbage):
            self._count(event)

    def result(self, result: Result, answer: Answer, pair: Pair) -> None:
        """A result that lies at ``answer``."""
        if result.final:
            if self._spoken is not None:  # the end of the sentence before is still in it
                self._parts.player.speech(self._spoken.flush())
            self._parts.player.sentence()
            self._parts.telemetry.count("finals")
        if result.text or result.translation:
            self._parts.post(self._transcript(result, answer, pair))

    def _transcript(self, result: Result, answer: Answer, pair: Pair) -> Transcript:
        offset = answer.start_ms - (result.start_ms or 0)
        return Transcript(
            session=self.session,
            index=answer.number,
            text=result.text,
            translation=result.translation,
            source=pair.source,
            target=pair.target,
            start_ms=answer.start_ms,
            end_ms=answer.end_ms,
            service=self._parts.provider.name,
            time=stamp(self._parts.clock),
            final=result.final,
            replayed=answer.replayed,
            extra=extra(result, offset),
        )

    def _count(self, garbage: Garbage) -> None:
        self._garbage[garbage.kind] += 1
        self._parts.telemetry.count("garbage")
        if self._garbage[garbage.kind] == 1:
            log.warning(
                "%s sent something undocumented (%s: %.80s); more of it is only counted",
                self._parts.provider.name,
                garbage.kind,
                garbage.detail,
            )


def extra(result: Result, offset_ms: int) -> dict[str, object]:
    """What only some services give, keys without a value left out; ``offset_ms`` moves times."""
    if not (result.words or result.translations or result.speaker or result.language) and (
        result.confidence is None
    ):
        return {}
    words = [
        {"text": w.text, "start_ms": w.start_ms + offset_ms, "end_ms": w.end_ms + offset_ms}
        for w in result.words
    ]
    given = {
        "translations": dict(result.translations),
        "speaker": result.speaker,
        "language": result.language,
        "confidence": result.confidence,
        "words": words,
    }
    return {key: value for key, value in given.items() if value not in (None, {}, [])}
