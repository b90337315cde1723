"""Server-Sent Events (WHATWG HTML, section 9.2) from bytes cut anywhere.

Only the data of events is given out: names, ids and ``retry`` serve a browser's
reconnecting, and no service here uses them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from agent.events import Garbage

MAX_LINE = 256 * 1024  # bytes of one line, and characters of one event

_END_OF_LINE = re.compile(rb"\r\n|\r|\n")  # no others: not U+2028, not form feed


class Lines:
    """Lines of UTF-8 without their ends; what is no UTF-8 becomes U+FFFD.

    A line over ``limit`` bytes is dropped and reported as ``Garbage`` (``huge-line``).
    """

    def __init__(self, limit: int = MAX_LINE) -> None:
        self._limit = limit
        self._line = bytearray()
        self._dropping = False
        self._after_cr = False
        self._first = True

    def feed(self, data: bytes) -> Iterator[str | Garbage]:
        """The lines that ``data`` completes; read them all before feeding more."""
        if self._after_cr and data:
            data = data.removeprefix(b"\n")  # the second half of a CRLF that was cut
            self._after_cr = False
        self._after_cr = self._after_cr or data.endswith(b"\r")
        *complete, rest = _END_OF_LINE.split(data)
        for part in complete:
            yield from self._grow(part)
            yield from self._end()
        yield from self._grow(rest)

    def finish(self) -> Iterator[str | Garbage]:
        """The last line, where no line end follows it."""
        if self._line:
            yield from self._end()

    def _grow(self, part: bytes) -> Iterator[Garbage]:
        if self._dropping:
            return
        if len(self._line) + len(part) > self._limit:
            self._dropping = True
            self._line.clear()
            yield Garbage("huge-line", f"over {self._limit} bytes")
        else:
            self._line += part

    def _end(self) -> Iterator[str]:
        line = self._line.decode("utf-8", "replace")
        self._line.clear()
        if not self._dropping:
            yield line.removeprefix("\ufeff") if self._first else line
        self._dropping = self._first = False


def _never(_: str) -> bool:
    return False


class Decoder:
    """The data of each event, its lines joined by LF.

    Two things go beyond the standard, for servers that are careless with it:

    * ``whole`` tells that a first line of data is an event by itself, so that pieces
      come out at once although no blank line follows them;
    * a line that begins with ``{`` is no field but bare JSON up to the next blank line
      (an error sent as the whole answer to a request for a stream).

    An event of more than ``MAX_LINE`` characters is dropped: ``Garbage`` (``huge-event``).
    """

    def __init__(self, whole: Callable[[str], bool] = _never) -> None:
        self._lines = Lines()
        self._whole = whole
        self._data: list[str] = []
        self._size = 0
        self._bare = False

    def feed(self, data: bytes) -> Sequence[str | Garbage]:
        """The events that ``data`` completes."""
        return [event for line in self._lines.feed(data) for event in self._take(line)]

    def finish(self) -> Sequence[str | Garbage]:
        """The last event, where the stream ends without a blank line."""
        events = [event for line in self._lines.finish() for event in self._take(line)]
        return [*events, *self._dispatch()]

    def _take(self, line: str | Garbage) -> Iterator[str | Garbage]:
        if isinstance(line, Garbage):
            yield line
        elif not line:
            yield from self._dispatch()
        elif self._bare or (not self._data and line.lstrip().startswith("{")):
            self._bare = True
            yield from self._append(line)
        else:
            name, _, value = line.partition(":")  # a comment has the empty name
            if name == "data":
                yield from self._append(value.removeprefix(" "))

    def _append(self, value: str) -> Iterator[str | Garbage]:
        self._data.append(value)
        self._size += len(value) + 1
        if self._size > MAX_LINE:
            self._forget()
            yield Garbage("huge-event", f"over {MAX_LINE} characters")
        elif len(self._data) == 1 and self._whole(value):
            yield from self._dispatch()

    def _dispatch(self) -> Iterator[str]:
        data = self._data
        self._forget()
        if data:
            yield "\n".join(data)

    def _forget(self) -> None:
        self._data, self._size, self._bare = [], 0, False
