"""Buttons and the light on GPIO, by the kernel's own interface; imported only for configured pins.

The kernel does the work: it holds the pull, waits until a contact no longer bounces, and queues
the edges until somebody takes them.
"""

from __future__ import annotations

import errno
import select
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import gpiod
from gpiod.line import Bias, Direction, Edge, Value

from agent.clock import Clock
from agent.config.schema import Button, Led, Talk
from agent.control.light import COLOURS, DARK, WHITE, Light
from agent.errors import RunError
from agent.events import Command
from agent.threads import Wake, Worker

BIASES = {"up": Bias.PULL_UP, "down": Bias.PULL_DOWN, "none": Bias.DISABLED}
DEVICES = Path("/dev")
#: The labels of the chip behind the 40-pin header: Pi Zero to 3, Pi 4, Pi 5.
HEADERS = ("pinctrl-bcm2835", "pinctrl-bcm2711", "pinctrl-rp1")


class Panel:
    """The buttons and the light of ``talk``; a press is the command MQTT would give.

    Raises RunError where a pin cannot be had. Until the workers run, presses wait in the kernel.
    """

    def __init__(self, talk: Talk, post: Callable[[Command], None], clock: Clock) -> None:
        self._lines: list[gpiod.LineRequest] = []
        self.light: Light | None = None
        self.workers: list[Worker] = []
        self._chip = _header()
        try:
            buttons = [self._button(number, each) for number, each in enumerate(talk.buttons)]
            if buttons:
                self.workers.append(Buttons(buttons, post, clock))
            if talk.led is not None:
                self.light = Light(self._lamp(talk.led), clock)
                self.workers.append(self.light)
        except BaseException:  # whatever ends this, nothing half made stays open
            self.close()
            raise

    def close(self) -> None:
        """Give the pins back; idempotent. The workers have ended."""
        while self._lines:
            self._lines.pop().release()

    def _button(self, index: int, button: Button) -> gpiod.LineRequest:
        low = button.active == "low"  # the button closes the pin to ground, and a pull lifts it
        settings = gpiod.LineSettings(
            direction=Direction.INPUT,
            bias=BIASES[button.pull or ("up" if low else "down")],
            active_low=low,
            edge_detection=Edge.BOTH,
            debounce_period=timedelta(milliseconds=button.debounce_ms),
        )
        return self._claim(f"talk.buttons.{index}.pin", button.pin, settings)

    def _lamp(self, led: Led) -> Callable[[str | None], None]:
        settings = gpiod.LineSettings(
            direction=Direction.OUTPUT,
            output_value=Value.INACTIVE,
            active_low=led.active == "low",
        )
        pins = {"pin": led.pin, "green": led.green, "blue": led.blue}
        lines = [
            (pin, self._claim(f"talk.led.{key}", pin, settings))
            for key, pin in pins.items()
            if pin is not None
        ]

        def shine(state: str | None) -> None:
            colour = DARK if state is None else COLOURS[state] if len(lines) > 1 else WHITE
            for (pin, line), lit in zip(lines, colour, strict=False):
                line.set_value(pin, Value.ACTIVE if lit else Value.INACTIVE)

        return shine

    def _claim(self, key: str, pin: int, settings: gpiod.LineSettings) -> gpiod.LineRequest:
        try:
            line = gpiod.request_lines(str(self._chip), consumer="dragoman", config={pin: settings})
        except (OSError, ValueError) as error:
            raise RunError(f"{key}: GPIO {pin} cannot be used: {self._mend(error)}") from error
        self._lines.append(line)
        return line

    def _mend(self, error: OSError | ValueError) -> str:
        if isinstance(error, ValueError):
            return f"{self._chip} has no such pin"
        if error.errno == errno.ENOENT:
            return f"there is no {self._chip}; is this a board with GPIO pins?"
        if error.errno in (errno.EACCES, errno.EPERM):
            return f"{self._chip}: permission denied; is this user in the group gpio?"
        if error.errno == errno.EBUSY:
            return "it is in use; another program has it"
        return f"{self._chip}: {error.strerror or error}"


class Buttons(Worker):
    """Posts each press and release; ``lines`` are the buttons, the first is number 1."""

    name = "buttons"

    def __init__(
        self, lines: list[gpiod.LineRequest], post: Callable[[Command], None], clock: Clock
    ) -> None:
        super().__init__(clock)
        self._lines = {line.fileno(): (n, line) for n, line in enumerate(lines, 1)}
        self._post = post
        self._wake = Wake()

    def wake(self) -> None:
        self._wake.set()

    def run(self) -> None:
        while not self.stopping:
            ready, _, _ = select.select([*self._lines, self._wake.fileno()], [], [])
            for fd in ready:
                if fd in self._lines:
                    self._take(*self._lines[fd])

    def _take(self, number: int, line: gpiod.LineRequest) -> None:
        for event in line.read_edge_events():
            pressed = event.event_type is event.Type.RISING_EDGE
            talk = "press" if pressed else "release"
            self._post(Command({"talk": talk, "button": number}, origin="gpio"))


def _header() -> Path:
    """The header's chip, whose number depends on board and kernel; on other boards the first."""
    for path in sorted(DEVICES.glob("gpiochip*")):
        try:
            with gpiod.Chip(str(path)) as chip:
                if chip.get_info().label in HEADERS:
                    return path
        except OSError:  # not for us; where it is the one, claiming a pin says so
            continue
    return DEVICES / "gpiochip0"
