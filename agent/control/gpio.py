"""Buttons and the light on GPIO, by gpiozero on lgpio; imported only where pins are configured."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from typing import Any

from agent.clock import Clock
from agent.config.schema import Talk
from agent.control.light import Light
from agent.errors import RunError, UsageError
from agent.events import Command

BOUNCE_S = 0.02


class Panel:
    """The buttons and the light of ``talk``; a press is the command MQTT would give.

    Raises UsageError where the library is missing, RunError where a pin cannot be had.
    """

    def __init__(self, talk: Talk, post: Callable[[Command], None], clock: Clock) -> None:
        gpiozero = _library()
        self._post = post
        self._devices: list[Any] = []
        self.light: Light | None = None
        try:
            for number, button in enumerate(talk.buttons, 1):
                self._button(gpiozero, number, button.pin)
            if talk.led is not None:
                self.light = Light(self._lamp(gpiozero, talk.led.pin), clock)
        except BaseException:  # whatever ends this, nothing half made stays open
            self.close()
            raise

    def close(self) -> None:
        """Give the pins back; idempotent."""
        while self._devices:
            self._devices.pop().close()

    def _button(self, gpiozero: Any, number: int, pin: int) -> None:
        def make() -> Any:
            return gpiozero.Button(pin, pull_up=True, bounce_time=BOUNCE_S)

        button = self._claim(f"talk.buttons.{number - 1}.pin", pin, make)
        button.when_pressed = lambda: self._press("press", number)
        button.when_released = lambda: self._press("release", number)

    def _lamp(self, gpiozero: Any, pin: int) -> Callable[[bool], None]:
        led = self._claim("talk.led.pin", pin, lambda: gpiozero.LED(pin))
        return lambda lit: led.on() if lit else led.off()

    def _press(self, word: str, number: int) -> None:
        self._post(Command({"talk": word, "button": number}, origin="gpio"))

    def _claim(self, key: str, pin: int, make: Callable[[], Any]) -> Any:
        try:
            device = make()
        except Exception as error:  # lgpio raises its own error, gpiozero many: all mean "no pin"
            raise RunError(f"{key}: GPIO {pin} cannot be used: {_mend(error)}") from error
        self._devices.append(device)
        return device


def _library() -> Any:
    """gpiozero, with lgpio beneath it."""
    os.environ.setdefault("GPIOZERO_PIN_FACTORY", "lgpio")
    if not os.access(".", os.W_OK):  # lgpio makes a pipe in its working directory
        os.environ.setdefault("LG_WD", tempfile.gettempdir())
    try:
        import gpiozero
    except ImportError:
        raise UsageError("talk.buttons: GPIO needs gpiozero: pip install 'dragoman[pi]'") from None
    return gpiozero


def _mend(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    lowered = text.lower()
    if "permission" in lowered or "can not open" in lowered or "can't open" in lowered:
        return f"{text}; is there a /dev/gpiochip0, and this user in group gpio?"
    if "busy" in lowered or "in use" in lowered:
        return f"{text}; another program has it"
    return text
