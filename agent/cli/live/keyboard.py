"""The keyboard: single keys; each is the command a button or MQTT would give."""

from __future__ import annotations

import os
import re
import select
import termios
import tty
from contextlib import suppress
from functools import partial
from typing import Any

from agent.app import App
from agent.events import Command, Pair, Question
from agent.threads import Worker

STEP = 5  # percent of volume for each press of + and -

_LOOK_S = 0.2
_SEQUENCE = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|O.|.)?")  # an arrow or a function key
_CONTROL_CHARACTERS = 6  # where they are in what tcgetattr gives


class Keyboard(Worker):
    """Reads the terminal ``fd`` between :meth:`quiet` and :meth:`restore` (main thread)."""

    name = "keyboard"

    def __init__(self, app: App, fd: int) -> None:
        super().__init__(app.clock)
        self._app, self._fd = app, fd
        self._before: list[Any] = []

    def quiet(self) -> None:
        """From now on keys come one by one and are not echoed.

        Ctrl-C works as ever; Ctrl-Z does not, because a stopped device loses its connection.
        """
        self._before = termios.tcgetattr(self._fd)
        tty.setcbreak(self._fd, termios.TCSANOW)
        mode = termios.tcgetattr(self._fd)
        mode[_CONTROL_CHARACTERS][termios.VSUSP] = b"\0"
        termios.tcsetattr(self._fd, termios.TCSANOW, mode)

    def restore(self) -> None:
        """The terminal as it was; what was typed meanwhile is not the shell's."""
        with suppress(termios.error):  # it may have gone
            termios.tcflush(self._fd, termios.TCIFLUSH)
            termios.tcsetattr(self._fd, termios.TCSANOW, self._before)

    @property
    def help(self) -> tuple[tuple[str, str], ...]:
        """Each key and what it does, the most useful first."""
        languages = (("l", "languages"),) if pairs(self._app) else ()
        first = (("space", "talk"), ("q", "quit"), ("m", "mute"), ("t", "speech"))
        return (*first, *languages, ("+/-", "volume"))

    def run(self) -> None:
        while not self.stopping:
            ready, _, _ = select.select([self._fd], [], [], _LOOK_S)
            if not ready:
                continue
            typed = os.read(self._fd, 64)
            if not typed:
                return  # the terminal has gone
            for key in _SEQUENCE.sub("", typed.decode(errors="ignore")):
                self.press(key)

    def press(self, key: str) -> None:
        """Do what ``key`` stands for; nothing where it stands for nothing."""
        if key == "q":
            self._app.stop("q was pressed")
        else:  # what it means depends on what the keys before it have done
            self._app.post(Question(partial(self._obey, key)))

    def _obey(self, key: str) -> None:
        """In the main thread."""
        if fields := self._command(key):
            self._app.controller.handle(Command(fields, origin="keyboard"))

    def _command(self, key: str) -> dict[str, Any]:
        state, volume = self._app.controller.state(), self._app.player.volume
        commands: dict[str, dict[str, Any]] = {
            " ": {"talk": "toggle"},
            "t": {"tts": not state["tts"]},
            "m": {"mute": not state["muted"]},
            "l": self._languages(),
            "+": {"volume": min(100, volume + STEP)},
            "-": {"volume": max(0, volume - STEP)},
        }
        return commands.get(key, {})

    def _languages(self) -> dict[str, Any]:
        """The languages of the next button."""
        choices = pairs(self._app)
        if not choices:
            return {}
        now = self._app.provider.pair
        at = choices.index(now) + 1 if now in choices else 0
        pair = choices[at % len(choices)]
        return {"source": pair.source, "target": pair.target}


def pairs(app: App) -> list[Pair]:
    """The language pairs of the buttons."""
    buttons = [button for button in app.config.talk.buttons if button.source or button.target]
    service = app.config.service
    found = [Pair(each.source or service.source, each.target or service.target) for each in buttons]
    return list(dict.fromkeys(found))
