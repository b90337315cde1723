"""Standard error while the screen is drawn: kept aside, so that nothing is written across it.

On the level of the descriptor, because not only Python writes there (ALSA does).
"""

from __future__ import annotations

import fcntl
import os
import sys
from collections import deque

from agent.printable import printable

KEPT = 500  # lines
LARGEST = 1 << 20  # bytes in the file before it is begun anew

_FD = 2


class Aside:
    """What is written to standard error between :meth:`take` and :meth:`give_back`."""

    def __init__(self) -> None:
        self._file = self._real = -1
        self._read = 0
        self._rest = b""
        self._kept: deque[str] = deque(maxlen=KEPT)

    def take(self) -> None:
        """From now on it goes into a file in memory."""
        self._file = os.memfd_create("stderr", os.MFD_CLOEXEC)
        fcntl.fcntl(self._file, fcntl.F_SETFL, os.O_APPEND)
        self._real = os.dup(_FD)
        os.dup2(self._file, _FD)

    def new_lines(self) -> list[str]:
        """The lines written since this was asked last, as they are."""
        size = os.fstat(self._file).st_size
        data = self._rest + os.pread(self._file, size - self._read, self._read)
        *whole, self._rest = data.split(b"\n")
        self._read = size
        if size > LARGEST:
            os.ftruncate(self._file, 0)
            self._read = 0
        lines = [line.decode(errors="replace") for line in whole]
        self._kept.extend(lines)
        return lines

    def give_back(self) -> None:
        """Put standard error back, and write there what was kept of it."""
        sys.stderr.flush()
        os.dup2(self._real, _FD)
        self.new_lines()
        last = [self._rest.decode(errors="replace")] if self._rest else []
        for line in (*self._kept, *last):
            print(printable(line), file=sys.stderr)
        os.close(self._real)
        os.close(self._file)
