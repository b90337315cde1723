"""Where text meets the outside: standard output and standard error of every command.

On a terminal nothing gets through that could steer it; a file or a pipe gets the text as
it is.  Output that cannot be written is an error like any other.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast

from agent.errors import RunError
from agent.printable import lines


class OutputError(RunError):
    """Standard output is closed, its reader has gone or its disk is full."""


class _Stream:
    """What commands print to in place of ``plain``."""

    def __init__(self, plain: TextIO | None, *, must: bool) -> None:
        self.plain, self._must = plain, must
        self._terminal = plain is not None and plain.isatty()

    def write(self, text: str) -> int:
        if self.plain is None:
            self._failed("it is closed")
            return len(text)
        try:
            return self.plain.write(lines(text) if self._terminal else text)
        except OSError as error:
            self._failed(_reason(error))
            return len(text)

    def flush(self) -> None:
        try:
            if self.plain is not None:
                self.plain.flush()
        except OSError as error:
            self._failed(_reason(error))

    def isatty(self) -> bool:
        return self._terminal

    def fileno(self) -> int:
        if self.plain is None:
            raise OSError("closed")
        return self.plain.fileno()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.plain, name)

    def _failed(self, reason: str) -> None:
        if self._must:
            raise OutputError(f"standard output cannot be written: {reason}")


def _reason(error: OSError) -> str:
    return "its reader has gone" if isinstance(error, BrokenPipeError) else str(error.strerror)


@contextmanager
def guarded() -> Iterator[None]:
    """Have everything that is printed meanwhile go through here; OutputError where standard
    output does not take it, at the end if not before."""
    before = sys.stdout, sys.stderr
    sys.stdout = cast(TextIO, _Stream(before[0], must=True))
    sys.stderr = cast(TextIO, _Stream(before[1], must=False))
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OutputError:
        _forget(before[0])
        raise
    finally:
        sys.stdout, sys.stderr = before


def _forget(stream: TextIO | None) -> None:
    """What could not be written goes nowhere: Python would try again at its exit."""
    with suppress(OSError, ValueError):
        if stream is not None:
            nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


def drawing(stream: TextIO) -> TextIO:
    """``stream`` for whoever draws on a terminal, and lets no text from elsewhere through."""
    return stream.plain or stream if isinstance(stream, _Stream) else stream


def lenient() -> None:
    """Write what the locale has no sign for as a question mark."""
    out = drawing(sys.stdout)
    if isinstance(out, io.TextIOWrapper):
        out.reconfigure(errors="replace")


def utf8() -> None:
    """Write UTF-8 whatever the locale: JSON and WebVTT are nothing else."""
    out = drawing(sys.stdout)
    if isinstance(out, io.TextIOWrapper):
        out.reconfigure(encoding="utf-8", errors="replace")
