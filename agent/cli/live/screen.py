"""The thread that draws: ten times a second at most, and only what has changed."""

from __future__ import annotations

import math
from collections import deque

from agent.app import App
from agent.cli.live.captions import Captions
from agent.cli.live.keyboard import Keyboard
from agent.cli.live.layout import Layout, View
from agent.cli.live.meter import Meter
from agent.cli.live.parts import Header, Level, Told
from agent.cli.live.stderr import Aside
from agent.cli.live.terminal import Terminal
from agent.cli.live.vitals import Vitals
from agent.cli.live.words import News, ago, logged, news
from agent.events import Event, Transcript
from agent.threads import Worker

PERIOD_S = 0.1
STALL_S = 2.0  # so late, the process was stopped, and who knows what is on the terminal
ALIKE_S = 1.0  # what is logged so soon after an event is the same in other words


class Screen(Worker):
    """Shows ``app`` on ``terminal``; give :meth:`notice` every event."""

    name = "terminal"

    def __init__(
        self,
        app: App,
        terminal: Terminal,
        layout: Layout,
        keyboard: Keyboard | None,
        aside: Aside | None,
    ) -> None:
        super().__init__(app.clock)
        self._app, self._terminal, self._layout = app, terminal, layout
        self._keyboard, self._aside = keyboard, aside
        self._events: deque[Event] = deque(maxlen=1000)
        self._meter = Meter(app.ring)
        self._captions, self._vitals = Captions(), Vitals()
        self._news: News | None = None
        self._news_at = -math.inf
        self._second = -1

    def notice(self, event: Event) -> None:
        """Show ``event`` soon; from any thread."""
        self._events.append(event)

    def close(self) -> None:
        """Give the terminal back, after the thread has ended."""
        self._terminal.close()

    def run(self) -> None:
        self._terminal.enter()
        try:
            last = self.clock.now()
            while not self.stopping:
                now = self.clock.now()
                if now - last > STALL_S:
                    self._terminal.enter()
                last = now
                self.draw(now)
                self.clock.sleep(PERIOD_S)
        finally:
            self._terminal.leave()

    def draw(self, now: float) -> None:
        """Take in what is new at ``now`` (monotonic seconds), and show it."""
        self._take_events(now)
        self._take_lines(now)
        self._meter.follow(now)
        if int(now) != self._second:
            self._second = int(now)
            connected = self._app.cloud.connected
            self._vitals.add(self._second, self._app.values(), connected=connected)
        size = self._terminal.size()
        self._terminal.show(self._layout.rows(self._view(now), *size), size)

    def _take_events(self, now: float) -> None:
        while self._events:
            event = self._events.popleft()
            if isinstance(event, Transcript):
                self._captions.put(event)
            elif told := news(event):
                self._news, self._news_at = told, now

    def _take_lines(self, now: float) -> None:
        lines = self._aside.new_lines() if self._aside else []
        if lines and now - self._news_at > ALIKE_S:
            self._news, self._news_at = logged(lines[-1]), now

    def _view(self, now: float) -> View:
        keyboard, told = self._keyboard, self._news
        return View(
            self._header(),
            self._level(),
            self._captions,
            self._vitals,
            Told(ago(now - self._news_at), told.text, told.bad) if told else None,
            keyboard.help if keyboard else (),
            self._hint(),
        )

    def _header(self) -> Header:
        state = self._app.controller.state()
        return Header(
            state["state"],
            state["service"],
            state["source"],
            state["target"],
            state["tts"],
            state["muted"],
            self._app.config.device.id,
        )

    def _level(self) -> Level:
        meter = self._meter
        level, peak = (round(value * 2) / 2 for value in (meter.level, meter.peak))
        return Level(level, peak, meter.voiced, self._app.player.volume)

    def _hint(self) -> str:
        pressed = self._app.config.talk.mode in ("hold", "toggle")
        if not pressed:
            return "Talk; captions appear here"
        return "Press space and talk" if self._keyboard else "Captions appear here"
