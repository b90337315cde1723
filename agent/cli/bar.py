"""A progress bar on standard error, where that is a terminal and rich is installed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from agent.cli import output
from agent.printable import printable


@contextmanager
def bar(name: str) -> Iterator[Callable[[int, int | None], None]]:
    """Show how far ``name`` is; gives what to tell it: ms done, ms in all."""
    if not sys.stderr.isatty() or find_spec("rich") is None:
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import Progress

    with Progress(console=Console(file=output.drawing(sys.stderr)), transient=True) as progress:
        task = progress.add_task(escape(printable(name)), total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
