"""A board's pins in memory, in the place of libgpiod: buttons can be pressed, the light seen.

What the kernel does with a real chip, the hardware tests show.
"""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Mapping
from pathlib import Path

import gpiod
from gpiod.line import Direction, Value

PINS = 54


class Line:
    """A pin that somebody holds, as ``gpiod.LineRequest``."""

    def __init__(self, board: Board, pin: int, settings: gpiod.LineSettings) -> None:
        self.pin, self.settings = pin, settings
        self._board = board
        self._events: deque[gpiod.EdgeEvent] = deque()
        self._queued = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_SEMAPHORE)

    def fileno(self) -> int:
        return self._queued

    def read_edge_events(self) -> list[gpiod.EdgeEvent]:
        os.eventfd_read(self._queued)
        return [self._events.popleft()]

    def set_value(self, pin: int, value: Value) -> None:
        assert pin == self.pin
        assert self.settings.direction is Direction.OUTPUT
        self._board.high[pin] = (value is Value.ACTIVE) != self.settings.active_low

    def edge(self, high: bool) -> None:
        """The level of the pin has changed to this."""
        kinds = gpiod.EdgeEvent.Type
        kind = kinds.RISING_EDGE if high != self.settings.active_low else kinds.FALLING_EDGE
        self._events.append(gpiod.EdgeEvent(kind.value, 0, self.pin, 0, 0))
        os.eventfd_write(self._queued, 1)

    def release(self) -> None:
        del self._board.lines[self.pin]
        os.close(self._queued)


class Board:
    """One chip of 54 pins; ``lines`` are those that somebody holds, ``high`` what they show."""

    def __init__(self) -> None:
        self.lines: dict[int, Line] = {}
        self.high: dict[int, bool] = {}

    def drive(self, pin: int, high: bool) -> None:
        """Give the pin this level from outside."""
        self.high[pin] = high
        self.lines[pin].edge(high)

    def request_lines(
        self, path: str, consumer: str, config: Mapping[int, gpiod.LineSettings]
    ) -> Line:
        """As ``gpiod.request_lines``, of one line."""
        ((pin, settings),) = config.items()
        if pin >= PINS:
            raise ValueError("line offset of out range")
        if pin in self.lines:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        line = self.lines[pin] = Line(self, pin, settings)
        self.high[pin] = settings.direction is Direction.INPUT or settings.active_low
        return line


def environment() -> dict[str, str]:
    """For a child: every board it meets is one of these (by ``sitecustomize`` beside this)."""
    here = Path(__file__).parent
    return {"PYTHONPATH": f"{here}:{here.parents[1]}"}
