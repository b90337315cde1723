"""Runs a program that turns one text into something."""

from __future__ import annotations

import subprocess

from agent.emulator.engines.engine import EngineFailed

_TIMEOUT_S = 120  # it hangs, also on a small board


def run(command: list[str], text: str) -> bytes:
    """What the program answers to this text. It goes in by a pipe: it may look like an option."""
    try:
        done = subprocess.run(
            command, input=text.encode(), capture_output=True, timeout=_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise EngineFailed(f"{command[0]}: {error}") from error
    return done.stdout
