"""What was heard in one file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from msgspec.structs import replace

from agent.events import Result

#: Told how far a file is: ms done, ms in all (None where nobody knows).
Progress = Callable[[int, int | None], None]


@dataclass
class Record:
    """One file's transcripts; ``file`` is its name as the user wrote it.

    Filled while the work goes on, so that what came before a failure is not lost:
    ``heard_ms`` of the file have been.  Times of results are ms on the file's time line.
    """

    file: str
    service: str
    duration_ms: int | None = None
    heard_ms: int = 0
    _results: dict[int, Result] = field(default_factory=dict)

    @property
    def results(self) -> list[Result]:
        """The results, indexed from 0 in their order.

        Their times lie within the file (what a stream is ended with lies behind it), and no
        end before its start.
        """
        return [self._inside(result) for result in self._results.values()]

    @property
    def last(self) -> Result | None:
        """The newest result."""
        return next(reversed(self._results.values()), None)

    @property
    def count(self) -> int:
        return len(self._results)

    def put(self, result: Result) -> None:
        """Add ``result``, or replace the one with its index."""
        self._results[result.index] = result

    def ends(self, duration_ms: int | None) -> None:
        """The file is ``duration_ms`` long, as far as is known by now."""
        self.duration_ms = duration_ms and max(duration_ms, self.heard_ms)

    def _inside(self, result: Result) -> Result:
        start, end = self._within(result.start_ms), self._within(result.end_ms)
        if start is not None and end is not None:
            end = max(start, end)
        if (start, end) == (result.start_ms, result.end_ms):
            return result
        return replace(result, start_ms=start, end_ms=end)

    def _within(self, ms: int | None) -> int | None:
        if ms is None or self.duration_ms is None:
            return ms
        return max(0, min(ms, self.duration_ms))
