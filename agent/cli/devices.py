"""``dragoman devices``: the sound devices as one would write them in the configuration."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from agent.audio.listing import SoundDevice, devices
from agent.errors import DragomanError

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

NONE_FOUND = (
    "no sound card and no sound server found; plug one in, or use file:PATH.wav, stdin or null"
)
FORBIDDEN = "sound cards need group audio: sudo usermod -aG audio USER, then log in again"
ROLES = {"capture": "microphone", "playback": "speaker"}


def add_parser(subparsers: Subparsers) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "devices",
        help="list microphones and speakers as one would write them in the configuration",
        description="List ALSA devices for audio.capture.device and audio.playback.device.",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON array")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the devices; 1 when there are none or they cannot be asked."""
    try:
        found = devices()
    except DragomanError as error:
        print(error, file=sys.stderr)
        return 1
    if args.json:
        print(json.dumps([asdict(device) for device in found], indent=2))
    elif found:
        print("\n".join(table(found)))
    if not found:
        print(NONE_FOUND, file=sys.stderr)
    elif any(device.forbidden for device in found):
        print(FORBIDDEN, file=sys.stderr)
    return 0 if found else 1


def table(found: list[SoundDevice]) -> list[str]:
    """One line a device: name, microphone or speaker, what is known of it."""
    width = max(len(device.name) for device in found)
    return [
        f"{device.name:<{width}}  {ROLES[device.direction]:<10}  {details(device)}"
        for device in found
    ]


def details(device: SoundDevice) -> str:
    """Description, card, port, rates, channels, and whether it is in use or forbidden."""
    parts = [device.description]
    if device.card and device.card != device.description:
        parts.append(device.card)
    if device.port:
        parts.append(device.port)
    if device.rates:
        parts.append(f"{_numbers(device.rates)} Hz")
    if device.channels:
        parts.append(f"{_numbers(device.channels)} ch")
    if device.in_use:
        parts.append("in use")
    if device.forbidden:
        parts.append("may not be used by this user")
    return "; ".join(parts)


def _numbers(values: tuple[int, ...]) -> str:
    return " ".join(map(str, values)) if len(values) <= 8 else f"{values[0]}–{values[-1]}"
