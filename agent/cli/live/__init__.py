"""``--live``: meter, state, captions and counters in the terminal, and its keyboard.

Drawn only where standard output is a terminal that can; elsewhere finished captions are
plain lines.  Where it is drawn, the same lines are printed at the end, so that the captions
stay on the terminal.

=============  =============================================================
``screen``     the thread that draws, and what it draws of
``layout``     what stands where; ``parts``, ``captions``, ``vitals``, ``meter``
               and ``trace`` are what stands there
``paint``      styles and signs; ``wrap`` measures and ``clean`` disarms texts
``words``      events in plain words
``terminal``   the full-screen mode; ``stderr`` is kept aside meanwhile
``keyboard``   the keys
=============  =============================================================
"""

from __future__ import annotations

import os
import sys
from collections import deque
from contextlib import ExitStack
from importlib.util import find_spec
from types import TracebackType
from typing import TYPE_CHECKING

from agent.app import App
from agent.cli import output
from agent.cli.live.keyboard import Keyboard
from agent.cli.live.stderr import Aside
from agent.cli.live.terminal import Terminal, can_draw
from agent.errors import UsageError
from agent.events import Event, Transcript
from agent.printable import one_line
from agent.threads import Worker

if TYPE_CHECKING:
    from agent.cli.live.screen import Screen

KEPT = 2000  # captions printed at the end, at most
JOIN_S = 1.5


class Live:
    """A context manager around a run; give :meth:`notice` every event.

    Raises UsageError where the screen is to be drawn and rich is not installed.
    """

    def __init__(self, app: App) -> None:
        terminal = sys.stdout.isatty()
        typed = terminal and sys.stdin is not None and sys.stdin.isatty()
        drawn = terminal and can_draw(os.environ)
        self._keyboard = Keyboard(app, sys.stdin.fileno()) if typed else None
        self._aside = Aside() if drawn and sys.stderr.isatty() else None
        self._screen = _screen(app, self._keyboard, self._aside) if drawn else None
        self._kept: deque[str] = deque(maxlen=KEPT)
        self._undo = ExitStack()

    def __enter__(self) -> Live:
        output.lenient()  # captions are in any language, locales not
        with ExitStack() as undo:
            if self._aside is not None:
                self._aside.take()
                undo.callback(self._aside.give_back)
            undo.callback(self._print_kept)
            if self._keyboard is not None:
                self._keyboard.quiet()
                undo.callback(self._keyboard.restore)
                self._keyboard.start()
                undo.callback(_end, self._keyboard)
            if self._screen is not None:
                undo.callback(self._screen.close)
                self._screen.start()
                undo.callback(_end, self._screen)
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._undo.close()

    def notice(self, event: Event) -> None:
        """Take note of one event (main thread)."""
        if self._screen is not None:
            self._screen.notice(event)
        if isinstance(event, Transcript) and event.final:
            self._kept.append(plain(event))
        if self._screen is None or not self._screen.alive:
            self._print_kept()

    def _print_kept(self) -> None:
        while self._kept:
            print(self._kept.popleft(), flush=True)


def plain(transcript: Transcript) -> str:
    """A caption as one line of text."""
    texts = one_line(transcript.text), one_line(transcript.translation or "")
    return "  →  ".join(text for text in texts if text)


def _screen(app: App, keyboard: Keyboard | None, aside: Aside | None) -> Screen:
    if find_spec("rich") is None:
        raise UsageError("--live needs rich: pip install 'dragoman[live]'")
    from agent.cli.live.layout import Layout
    from agent.cli.live.paint import look
    from agent.cli.live.screen import Screen

    encoding = sys.stdout.encoding
    terminal = Terminal(sys.stdout.fileno(), encoding)
    return Screen(app, terminal, Layout(look(os.environ, encoding)), keyboard, aside)


def _end(worker: Worker) -> None:
    worker.stop()
    worker.join(JOIN_S)
