"""Files through services that take uploads: utterances and jobs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec.structs import replace

from agent.clock import Backoff, Clock
from agent.errors import LinkError, Refused
from agent.events import Failure, Garbage, Pair, Result, ServiceEvent
from agent.link.refusal import refused
from agent.services.provider import Provider
from agent.services.shapes import Clip
from agent.transcribe.record import Progress, Record
from agent.transcribe.sound import Piece, prepare

log = logging.getLogger(__name__)

ATTEMPTS = 5  # of a piece
MOST_AFTER_S = 60.0  # of what a Retry-After asks for

#: Sends one clip and gives what came back (``agent.link.exchange``).
Send = Callable[[Clip, Pair], Sequence[ServiceEvent]]


class Uploads:
    """Transcribes files with one service, piece by piece."""

    def __init__(self, provider: Provider, send: Send, clock: Clock) -> None:
        self._provider, self._send, self._clock = provider, send, clock
        self._free_at = clock.now()

    def __call__(self, path: Path, record: Record, progress: Progress) -> None:
        """Fill ``record``; UsageError, LinkError or Refused where that cannot be done."""
        upload = prepare(path, self._provider.entry)
        try:
            for piece in upload.pieces:
                progress(piece.offset_ms, upload.duration_ms())
                for result in self._insist(piece.clip):
                    record.put(placed(result, piece, record.count))
                record.heard_ms = piece.offset_ms + (piece.clip.duration_ms or 0)
        finally:
            upload.close()
            record.ends(upload.duration_ms())
        progress(record.duration_ms or 0, record.duration_ms)

    def _insist(self, clip: Clip) -> list[Result]:
        """The results of one clip, asked for again where that may help."""
        backoff = Backoff()
        while True:
            self._wait_for_turn()
            try:
                return self._results(self._send(clip, self._provider.pair))
            except (LinkError, Refused) as error:
                if not error.retryable or backoff.attempts >= ATTEMPTS - 1:
                    raise
                log.warning("%s; trying again", error)
                asked = min(error.retry_after_s or 0.0, MOST_AFTER_S)
            self._clock.sleep(max(asked, backoff.next()))

    def _wait_for_turn(self) -> None:
        """Keep to the number of requests a second that the service allows."""
        self._clock.sleep(self._free_at - self._clock.now())
        most = self._provider.entry.limits.requests_per_s
        self._free_at = self._clock.now() + (1 / most if most else 0.0)

    def _results(self, events: Sequence[ServiceEvent]) -> list[Result]:
        results = [event for event in events if isinstance(event, Result)]
        for event in events:
            if isinstance(event, Failure):
                raise refused(self._provider.name, event)
            if isinstance(event, Garbage):
                words = f"{self._provider.name} sent something undocumented"
                if event.whole:
                    raise Refused(f"{words} ({event.kind})", event.kind, retryable=True)
                log.warning("%s (%s: %.80s)", words, event.kind, event.detail)
        return results


def placed(result: Result, piece: Piece, index: int) -> Result:
    """``result`` under its number in the file, on the file's time line (ms).

    Without times of its own it lies where the piece's speech does.
    """
    offset = piece.offset_ms
    start, end = piece.span or (None, None)
    return replace(
        result,
        index=index,
        start_ms=start if result.start_ms is None else result.start_ms + offset,
        end_ms=end if result.end_ms is None else result.end_ms + offset,
        words=tuple(
            replace(word, start_ms=word.start_ms + offset, end_ms=word.end_ms + offset)
            for word in result.words
        ),
    )
