"""The guest's hardware from outside: the sound card, the GPIO pins, processes."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MICROPHONE = "hw:Loopback,1,0"  # what is played into FEED comes out here
FEED = "hw:Loopback,0,0"
SPEAKER = "hw:Loopback,0,1"  # what goes in here is heard from ECHO
ECHO = "hw:Loopback,1,1"
BUTTON, LED = 17, 27

_DRIVER = Path("/sys/bus/platform/drivers/snd_aloop")
_CHIP = Path("/sys/kernel/config/gpio-sim/board")


def sh(*command: str, timeout: float = 120) -> str:
    """What ``command`` prints; RuntimeError with all it said when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit {done.returncode}: {done.stderr.strip()}")
    return done.stdout.strip()


def plug() -> None:
    """Put the sound card in."""
    sh("modprobe", "snd-aloop", "index=0", "id=Loopback", "pcm_substreams=2")
    sh("udevadm", "settle")


def unplug() -> None:
    """Take the sound card out, whoever uses it; returns when the last user has let go."""
    for device in _DRIVER.glob("snd_aloop.*"):
        (_DRIVER / "unbind").write_text(device.name)
    sh("modprobe", "-r", "snd-aloop")


def power_pins() -> None:
    """Make ``/dev/gpiochip0`` with the lines of a Raspberry Pi; harmless to repeat."""
    if _CHIP.exists():
        return
    sh("modprobe", "gpio-sim")
    bank = _CHIP / "bank0"
    bank.mkdir(parents=True)
    (bank / "num_lines").write_text("54")
    (bank / "label").write_text("pinctrl-bcm2835")
    (_CHIP / "live").write_text("1")
    sh("udevadm", "settle")


def _line(pin: int) -> Path:
    device = (_CHIP / "dev_name").read_text().strip()
    chip = (_CHIP / "bank0/chip_name").read_text().strip()
    return Path("/sys/devices/platform") / device / chip / f"sim_gpio{pin}"


def press(pin: int = BUTTON) -> float:
    """Close the button to ground; the moment it was done (s, wall clock)."""
    (_line(pin) / "pull").write_text("pull-down")
    return time.time()


def release(pin: int = BUTTON) -> float:
    """Open the button; the moment it was done."""
    (_line(pin) / "pull").write_text("pull-up")
    return time.time()


@contextmanager
def watched(pin: int = LED) -> Iterator[list[tuple[float, bool]]]:
    """The level of an output, looked at every 5 ms: (wall clock, lit)."""
    seen: list[tuple[float, bool]] = []
    over = threading.Event()
    value = _line(pin) / "value"

    def look() -> None:
        while not over.wait(0.005):
            seen.append((time.time(), value.read_text().strip() == "1"))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()
