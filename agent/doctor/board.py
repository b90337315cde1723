"""The board: clock, disk, temperature, power, pins."""

from __future__ import annotations

import ctypes
import os
import shutil
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from agent import assembly
from agent.clock import Clock
from agent.config.schema import Config
from agent.doctor.check import Check, failed
from agent.errors import DragomanError

SYS = Path("/sys")
EARLIEST = datetime(2025, 1, 1, tzinfo=UTC)  # no certificate in use is older than this program
UNSYNCHRONISED = 5  # TIME_ERROR of adjtimex(2)
FULL_BYTES, LOW_BYTES = 20_000_000, 200_000_000
WARM_C, HOT_C = 75.0, 85.0  # a Pi slows down from 80 on

#: Bits of the firmware's ``get_throttled``; the same 16 places higher: since it was started.
TROUBLES = ("too little voltage", "clock capped", "throttled", "near the temperature limit")
POWER_MEND = "a power supply and cable of the rated current; cooling"


def clock(now: datetime, state: int | None) -> Check:
    """The verdict on the wall clock ``now``; ``state`` is what adjtimex says, None: nothing."""
    mend = "sudo timedatectl set-ntp true; is the network up?"
    said = now.strftime("%Y-%m-%d %H:%M UTC")
    if now < EARLIEST:
        return Check("clock", "fail", f"it says {said}: certificates will not be accepted", mend)
    if state == UNSYNCHRONISED:
        return Check("clock", "warn", f"{said}, not synchronised", mend)
    return Check("clock", "pass", said + (", synchronised" if state is not None else ""))


def clock_state() -> int | None:
    """Whether the kernel's clock is synchronised, as adjtimex tells; None where it does not."""
    timex = ctypes.create_string_buffer(1024)  # larger than the struct; modes 0: only ask
    try:
        state = int(ctypes.CDLL(None).adjtimex(timex))
    except (OSError, AttributeError):
        return None
    return state if state >= 0 else None


def disk(outbox: str) -> Check:
    """Whether the outbox and the recordings can be kept: tried with a file."""
    folder = Path(outbox).absolute().parent
    try:
        while not folder.exists():
            folder = folder.parent
        with tempfile.TemporaryFile(dir=folder):
            return space(folder, shutil.disk_usage(folder).free)
    except OSError as error:
        mend = "sudo dragoman doctor" if os.geteuid() else "is the disk read-only, or broken?"
        return Check("disk", "fail", f"{folder} cannot be written: {error.strerror}", mend)


def space(folder: Path, free: int) -> Check:
    """The verdict on ``free`` bytes."""
    text = f"{free / 1e9:.1f} GB free for {folder}"
    mend = "make room: sudo journalctl --vacuum-size=50M; sudo apt-get clean"
    if free < FULL_BYTES:
        return Check("disk", "fail", f"full: {text}", mend)
    return Check("disk", "warn", text, mend) if free < LOW_BYTES else Check("disk", "pass", text)


def temperature(celsius: float | None) -> Check:
    """The verdict on the hottest sensor."""
    if celsius is None:
        return Check("temperature", "skip", "this machine has no sensor")
    text, mend = f"{celsius:.0f} °C", "a heat sink, air, or shade"
    if celsius >= HOT_C:
        return Check("temperature", "fail", text, mend)
    return Check(
        "temperature", "warn" if celsius >= WARM_C else "pass", text, mend * (celsius >= WARM_C)
    )


def power(bits: int | None) -> Check:
    """The verdict on what a Pi's firmware says of voltage and throttling."""
    if bits is None:
        return Check("power", "skip", "no Raspberry Pi firmware to ask")
    now, before = _troubles(bits), _troubles(bits >> 16)
    if now:
        return Check("power", "fail", f"now: {', '.join(now)}", POWER_MEND)
    if before:
        return Check("power", "warn", f"since it was started: {', '.join(before)}", POWER_MEND)
    return Check("power", "pass", "not throttled")


def throttled(sys: Path = SYS) -> int | None:
    """The firmware's bits, None where there is none."""
    for path in sys.glob("devices/platform/soc*/*firmware/get_throttled"):
        try:
            return int(path.read_text(), 16)
        except (OSError, ValueError):  # not for us to read
            continue
    return None


def pins(config: Config, clock: Clock) -> Check:
    """Claim the pins of buttons and light as the daemon does, and give them back."""
    buttons, led = config.talk.buttons, config.talk.led
    try:
        panel = assembly.panel(config.talk, lambda command: None, clock)
        if panel is None:
            return Check("pins", "skip", "no talk.buttons and no talk.led")
        panel.close()
    except DragomanError as error:
        check = failed("pins", error)
        return replace(check, mend=check.mend or "buttons and a light need a Raspberry Pi")
    words = [f"button {n} on GPIO {button.pin}" for n, button in enumerate(buttons, 1)]
    if led:
        numbers = [str(pin) for pin in (led.pin, led.green, led.blue) if pin is not None]
        words.append(f"light on GPIO {' '.join(numbers)}")
    return Check("pins", "pass", ", ".join(words))


def _troubles(bits: int) -> list[str]:
    return [word for place, word in enumerate(TROUBLES) if bits >> place & 1]
