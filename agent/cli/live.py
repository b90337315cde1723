"""``--live``: level meter, state, captions and counters in the terminal, and its keyboard.

Drawn only on a terminal; elsewhere finished captions are printed as plain lines.
"""

from __future__ import annotations

import os
import select
import sys
import termios
import tty
from collections import deque
from types import TracebackType
from typing import Any

from agent.app import App
from agent.audio.pcm import level_dbfs
from agent.errors import UsageError
from agent.events import Command, Event, Notice, Transcript
from agent.threads import Worker

FLOOR_DBFS = -60.0
METER = 30
KEPT = 50
HELP = "space talk · t speech · m mute · + − volume · q quit"

_STYLES = {
    "listening": "bold green",
    "thinking": "bold yellow",
    "speaking": "bold cyan",
    "offline": "bold red",
    "fault": "bold red",
}


class Live:
    """A context manager around a run; give :meth:`notice` every event."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._terminal = sys.stdout.isatty()
        self._screen = _Screen(app) if self._terminal else None
        self._keys = _Keys(app) if self._terminal and sys.stdin.isatty() else None

    def __enter__(self) -> Live:
        for worker in (self._keys, self._screen):
            if worker is not None:
                worker.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for worker in (self._keys, self._screen):
            if worker is not None:
                worker.stop()
                worker.join(1.0)

    def notice(self, event: Event) -> None:
        """Take note of one event (main thread)."""
        if self._screen is not None:
            self._screen.notice(event)
        elif isinstance(event, Transcript) and event.final:
            print(plain(event), flush=True)


def plain(transcript: Transcript) -> str:
    """A caption as one line of text."""
    arrow = f"  →  {transcript.translation}" if transcript.translation else ""
    return f"{transcript.text}{arrow}"


def meter(dbfs: float, width: int = METER) -> str:
    """A level as a bar: empty at -60 dBFS, full at 0."""
    filled = round((max(FLOOR_DBFS, min(0.0, dbfs)) / -FLOOR_DBFS + 1) * width)
    return "█" * filled + "·" * (width - filled)


class _Screen(Worker):
    """Draws ten times a second; knows what to draw from the events it was given."""

    name = "terminal"

    def __init__(self, app: App) -> None:
        super().__init__(app.clock)
        try:
            from rich.live import Live as RichLive
        except ImportError:
            raise UsageError("--live needs rich: pip install 'dragoman[live]'") from None
        self._app = app
        self._captions: deque[Transcript] = deque(maxlen=KEPT)
        self._partial: Transcript | None = None
        self._news = ""
        self._live = RichLive(auto_refresh=False, transient=False, redirect_stderr=True)

    def notice(self, event: Event) -> None:
        if isinstance(event, Transcript):
            if event.final:
                self._captions.append(event)
                self._partial = None
            else:
                self._partial = event
        elif isinstance(event, Notice):
            self._news = f"{event.event} " + " ".join(f"{k}={v}" for k, v in event.detail.items())

    def run(self) -> None:
        with self._live as live:
            while not self.stopping:
                live.update(self._draw(), refresh=True)
                self.clock.sleep(0.1)
            live.update(self._draw(), refresh=True)

    def _draw(self) -> Any:
        from rich.console import Group
        from rich.rule import Rule
        from rich.text import Text

        rows = max(2, min(KEPT, self._live.console.size.height - 8) // 2)
        captions = [_caption(item) for item in list(self._captions)[-rows:]]
        if self._partial is not None:
            captions.append(_caption(self._partial))
        return Group(
            self._head(),
            self._level(),
            Rule(style="dim"),
            *captions,
            Rule(style="dim"),
            self._counters(),
            Text(self._news or HELP, style="dim", no_wrap=True, overflow="ellipsis"),
        )

    def _head(self) -> Any:
        from rich.text import Text

        state = self._app.controller.state()
        style = _STYLES.get(state["state"], "bold")
        muted = " · muted" if state["muted"] else ""
        return Text.assemble(
            ("● " + state["state"].ljust(10), style),
            f"{state['service']}  {state['source']} → {state['target'] or '–'}"
            f"  speech {'on' if state['tts'] else 'off'}{muted}",
        )

    def _level(self) -> Any:
        from rich.text import Text

        newest = self._app.ring.read(self._app.ring.head - 1)
        dbfs = level_dbfs(newest.data) if newest else FLOOR_DBFS
        voiced = newest is not None and newest.voiced
        return Text.assemble(
            (meter(dbfs), "green" if voiced else "dim"),
            f" {max(dbfs, -96):5.0f} dBFS  volume {self._app.player.volume}",
        )

    def _counters(self) -> Any:
        from rich.text import Text

        total, cloud = self._app.telemetry.total, self._app.cloud
        return Text(
            f"sent {total('packets_sent')}  behind {cloud.backlog_ms} ms  "
            f"reconnects {total('reconnects')}  lost {total('lost_packets')}  "
            f"underruns {total('underruns')}",
            style="dim",
        )


def _caption(transcript: Transcript) -> Any:
    from rich.text import Text

    style = "" if transcript.final else "italic dim"
    text = Text(transcript.text, style=style)
    if transcript.translation:
        text.append(f"\n  {transcript.translation}", style=f"{style} cyan".strip())
    return text


class _Keys(Worker):
    """Reads single keys; each is the command a button or MQTT would give."""

    name = "keyboard"

    def __init__(self, app: App) -> None:
        super().__init__(app.clock)
        self._app = app
        self._fd = sys.stdin.fileno()

    def run(self) -> None:
        before = termios.tcgetattr(self._fd)
        tty.setcbreak(self._fd)
        try:
            while not self.stopping:
                ready, _, _ = select.select([self._fd], [], [], 0.2)
                key = os.read(self._fd, 1) if ready else None
                if key == b"":
                    return  # the terminal has gone
                if key:
                    self._key(key.decode(errors="ignore"))
        finally:
            termios.tcsetattr(self._fd, termios.TCSADRAIN, before)

    def _key(self, key: str) -> None:
        state, volume = self._app.controller.state(), self._app.player.volume
        commands: dict[str, dict[str, Any]] = {
            " ": {"talk": "toggle"},
            "t": {"tts": not state["tts"]},
            "m": {"mute": not state["muted"]},
            "+": {"volume": min(100, volume + 5)},
            "-": {"volume": max(0, volume - 5)},
        }
        if key in commands:
            self._app.post(Command(commands[key], origin="keyboard"))
        elif key == "q":
            self._app.stop("q was pressed")
