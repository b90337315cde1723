"""The terminal's full-screen mode: only lines that have changed are written, and never waited for.

The alternate screen is used because it survives resizing: a terminal re-wraps lines of the
normal screen as it likes, and what is drawn in place there tears.  What was on the terminal
before is there again afterwards.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress

_ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l"  # alternate screen, no cursor, no line wrap
_LEAVE = "\x1b[m\x1b[?7h\x1b[?25h\x1b[?1049l"
_FROM, _TO = "\x1b[?2026h", "\x1b[?2026l"  # what is between is shown at once (where known)
_DEFAULT = (80, 24)


def can_draw(env: Mapping[str, str]) -> bool:
    """Whether the terminal has a cursor to move."""
    return env.get("TERM", "dumb") not in ("", "dumb", "unknown")


class Terminal:
    """The terminal behind ``fd``, drawn on between :meth:`enter` and :meth:`leave`.

    It may be slow (a serial line) or stopped (Ctrl-S): :meth:`show` writes what it takes and
    skips the frames it has no time for.  All but :meth:`close` raise OSError when it has gone.
    """

    def __init__(self, fd: int, encoding: str = "utf-8") -> None:
        self._fd, self._encoding = _own(fd), encoding
        self._shown: list[str] = []
        self._size = (0, 0)
        self._waiting = b""

    def size(self) -> tuple[int, int]:
        """Columns and rows; 80 × 24 where the terminal does not say."""
        columns, rows = os.get_terminal_size(self._fd)
        return (columns or _DEFAULT[0], rows or _DEFAULT[1])

    def enter(self) -> None:
        """Take the screen over; what was drawn before counts no more."""
        self._shown = []
        self._write(_ENTER)

    def show(self, rows: Sequence[str], size: tuple[int, int]) -> None:
        """Draw ``rows``, made for a terminal of ``size``."""
        if not self._flush():
            return
        if size != self._size:
            self._size, self._shown = size, []
        old = [*self._shown, *[None] * (len(rows) - len(self._shown))]
        changed = [(at, row) for at, row in enumerate(rows) if row != old[at]]
        if changed:
            drawn = "".join(f"\x1b[{at + 1}H\x1b[K{row}" for at, row in changed)
            self._shown = list(rows)
            self._write(f"{_FROM}{drawn}{_TO}")

    def leave(self) -> None:
        """Give the screen back; what is not taken at once is left to :meth:`close`."""
        bottom = f"\x1b[{self.size()[1]}H\r\n"  # for a terminal without an alternate screen
        self._write(f"{bottom}{_LEAVE}")

    def close(self) -> None:
        """Write the rest, waiting for the terminal as every program does at its end."""
        with suppress(OSError):  # it may have gone
            os.set_blocking(self._fd, True)
            self._flush()
        os.close(self._fd)

    def _write(self, text: str) -> None:
        self._waiting += text.encode(self._encoding, "replace")
        self._flush()

    def _flush(self) -> bool:
        """Write what waits; true when nothing waits any more."""
        while self._waiting:
            try:
                written = os.write(self._fd, self._waiting)
            except BlockingIOError:
                return False
            self._waiting = self._waiting[written:]
        return True


def _own(fd: int) -> int:
    """A descriptor of our own that never blocks; that of others stays as it is.

    A terminal of another user (after ``su``) cannot be opened again: then it may block.
    """
    try:
        return os.open(os.ttyname(fd), os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return os.dup(fd)
