"""The sound devices of this machine, as one would write them in the configuration."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from agent.audio.alsa_errors import errno_of, is_forbidden, is_meant
from agent.audio.card import load

Direction = Literal["capture", "playback"]
DIRECTIONS: tuple[Direction, Direction] = ("capture", "playback")
PROC = Path("/proc/asound")
SYS = Path("/sys/class/sound")
COMMON_RATES = (8000, 16000, 22050, 32000, 44100, 48000, 96000, 192000)


@dataclass(frozen=True, slots=True)
class SoundDevice:
    """One direction of one device.

    ``rates`` (Hz) and ``channels`` are those of the hardware; empty when ALSA or a
    sound server converts anyway, or when the hardware is ``in_use`` or ``forbidden``
    and not asked.  ``card`` is the name its maker gave it, ``port`` where it is plugged in.
    """

    name: str
    direction: Direction
    description: str
    rates: tuple[int, ...] = ()
    channels: tuple[int, ...] = ()
    in_use: bool = False
    forbidden: bool = False
    card: str = ""
    port: str = ""


def devices(proc: Path = PROC, sys: Path = SYS) -> list[SoundDevice]:
    """All devices that can be used now or when they are free, microphones first.

    A card another program has open is not touched.  Raises UsageError without
    pyalsaaudio; an empty list means there is no card and no sound server.
    """
    alsa = load()
    found = [*_shared(alsa), *_hardware(alsa, proc, sys)]
    return sorted(found, key=lambda device: device.direction)


def parse_pcms(text: str) -> list[tuple[int, int, str, list[Direction]]]:
    """Lines of ``/proc/asound/pcm`` as (card, device, description, directions).

    A line is ``00-01: id : name : playback 1 : capture 1``.
    """
    parsed = []
    for line in text.splitlines():
        head, *fields = (part.strip() for part in line.split(":"))
        card, dash, device = head.partition("-")
        if dash and card.isdigit() and device.isdigit() and fields:
            ways = [way for way in DIRECTIONS if any(f.startswith(f"{way} ") for f in fields)]
            parsed.append((int(card), int(device), fields[0], ways))
    return parsed


def parse_cards(text: str) -> dict[int, str]:
    """``/proc/asound/cards`` as the names makers gave their cards, by number.

    A line is `` 1 [Headset  ]: USB-Audio - USB Headset``, and another with more follows it.
    """
    found = {}
    for line in text.splitlines():
        head, colon, names = line.partition("]: ")
        number = head.partition("[")[0].strip()
        if colon and number.isdigit():
            found[int(number)] = names.partition(" - ")[2].strip() or names.strip()
    return found


def port(folder: Path) -> str:
    """Where the card of this folder of /sys is plugged in, such as ``usb 1-1.2``; "" unknown."""
    try:
        device = (folder / "device").resolve(strict=True)
    except OSError:
        return ""
    subsystem = (device / "subsystem").resolve().name
    if subsystem != "usb":
        return f"{subsystem} {device.name}"
    return f"usb {device.name.partition(':')[0]}"  # without the interface's number


def _hardware(alsa: ModuleType, proc: Path, sys: Path) -> Iterator[SoundDevice]:
    names = parse_cards(_read(proc / "cards"))
    for card, number, description, directions in parse_pcms(_read(proc / "pcm")):
        name = _read(proc / f"card{card}" / "id").strip() or str(card)
        address = f"CARD={name},DEV={number}"
        for direction in directions:
            code, rates, channels = _ask(alsa, f"hw:{address}", direction)
            yield SoundDevice(
                name=f"plughw:{address}",
                direction=direction,
                description=description,
                rates=rates,
                channels=channels,
                in_use=code == errno.EBUSY,
                forbidden=is_forbidden(code),
                card=names.get(card, ""),
                port=port(sys / f"card{card}"),
            )


def _shared(alsa: ModuleType) -> Iterator[SoundDevice]:
    """``default``, sound servers and devices of the user's own ALSA configuration."""
    for direction in DIRECTIONS:
        for name in dict.fromkeys(["default", *alsa.pcms(_kind(alsa, direction))]):
            if not is_meant(name):
                continue
            code, _, _ = _ask(alsa, name, direction)
            if code in (0, errno.EBUSY):
                description = "any rate and channels, converted as needed"
                yield SoundDevice(name, direction, description, in_use=bool(code))


def _ask(
    alsa: ModuleType, device: str, direction: Direction
) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
    """(errno of opening it or 0, rates, channels); never waits for a busy card."""
    try:
        pcm = alsa.PCM(_kind(alsa, direction), alsa.PCM_NONBLOCK, device=device)
    except alsa.ALSAAudioError as error:
        return errno_of(error) or errno.EIO, (), ()
    try:
        return 0, spread_rates(pcm.getrates()), tuple(pcm.getchannels())
    except alsa.ALSAAudioError as error:
        return errno_of(error) or errno.EIO, (), ()
    finally:
        pcm.drop()
        pcm.close()


def spread_rates(offered: Any) -> tuple[int, ...]:
    """``PCM.getrates`` (one rate, a range or a list) as the common rates in it, Hz."""
    if isinstance(offered, int):
        return (offered,)
    if isinstance(offered, tuple):
        return tuple(rate for rate in COMMON_RATES if offered[0] <= rate <= offered[1])
    return tuple(sorted(offered))


def _kind(alsa: ModuleType, direction: Direction) -> int:
    return int(alsa.PCM_CAPTURE if direction == "capture" else alsa.PCM_PLAYBACK)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
