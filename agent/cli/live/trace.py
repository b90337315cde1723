"""Small moving plots: a value each second over the last minute, as one line of blocks."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

SECONDS = 60

Value = float | None


class Trace:
    """The last minute of one value; None where it was not known."""

    def __init__(self) -> None:
        self._values: deque[tuple[int, Value]] = deque(maxlen=SECONDS)

    def add(self, second: int, value: Value) -> None:
        """Note ``value`` at ``second`` (a count that only grows)."""
        self._values.append((second, value))

    @property
    def newest(self) -> Value:
        return self._values[-1][1] if self._values else None

    def columns(self, room: int) -> tuple[Value, ...]:
        """The largest value of each of at most ``room`` columns, the newest last.

        A column is whole seconds and begins where a multiple of them does, so what is
        drawn moves on and does not shimmer.
        """
        if not self._values or room < 1:
            return ()
        each = -(-SECONDS // room)
        last = self._values[-1][0] // each
        columns: list[Value] = [None] * (SECONDS // each)
        for second, value in self._values:
            at = second // each - last - 1 + len(columns)
            if value is not None and at >= 0:
                columns[at] = max(value, columns[at] or 0.0)
        return tuple(columns)


def plot(columns: Sequence[Value], least: float, levels: str) -> str:
    """``columns`` as blocks; the highest is as high as their largest value, or ``least``."""
    top = max([least, *(value for value in columns if value is not None)])
    return "".join(
        " " if value is None else levels[round(max(0.0, value) / top * (len(levels) - 1))]
        for value in columns
    )
