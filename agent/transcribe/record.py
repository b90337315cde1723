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

    Filled while the work goes on, so that what came before a failure is not lost.
    Times of results are ms on the file's time line.
    """

    file: str
    service: str
    duration_ms: int | None = None
    _results: dict[int, Result] = field(default_factory=dict)

    @property
    def results(self) -> list[Result]:
        """The results, indexed from 0 in their order."""
        return list(self._results.values())

    @property
    def count(self) -> int:
        return len(self._results)

    def put(self, result: Result) -> None:
        """Add ``result``, or replace the one with its index.

        Its times are kept within the file, and its end from coming before its start.
        """
        start, end = self._inside(result.start_ms), self._inside(result.end_ms)
        if start is not None and end is not None:
            end = max(start, end)
        self._results[result.index] = replace(result, start_ms=start, end_ms=end)

    def _inside(self, ms: int | None) -> int | None:
        """``ms`` within the file: what a stream is ended with lies behind it."""
        if ms is None or self.duration_ms is None:
            return ms
        return max(0, min(ms, self.duration_ms))
