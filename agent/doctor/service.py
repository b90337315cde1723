"""The systemd unit: is it there, running, and staying up?"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from contextlib import suppress

from agent.doctor.check import Check

UNIT = "dragoman.service"
PROPERTIES = "LoadState,ActiveState,SubState,Result,NRestarts,UnitFileState"
MANY_RESTARTS = 3
LOG = "journalctl -u dragoman -n 50"


def properties() -> dict[str, str]:
    """What systemd says of the unit; empty where there is no systemd to ask."""
    command = ["systemctl", "show", UNIT, f"--property={PROPERTIES}"]
    with suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run(command, capture_output=True, text=True, timeout=4, check=False)
        if done.returncode == 0:
            return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    return {}


def running(unit: Mapping[str, str]) -> bool:
    """Whether the daemon has the devices now."""
    return unit.get("ActiveState") in ("active", "reloading")


def service(unit: Mapping[str, str]) -> Check:
    """The verdict on the unit's properties."""
    name = "service"
    if not unit:
        return Check(name, "skip", "systemd does not run here")
    if unit.get("LoadState") != "loaded":
        return Check(name, "skip", f"{UNIT} is not installed")
    state = f"{unit.get('ActiveState')} ({unit.get('SubState')})"
    restarts = int(unit.get("NRestarts") or 0)
    if unit.get("ActiveState") == "failed" or unit.get("SubState") == "auto-restart":
        return Check(name, "fail", f"{state}: {unit.get('Result')}, {restarts} restarts", LOG)
    if not running(unit):
        return Check(name, "warn", state, "sudo systemctl start dragoman")
    if restarts >= MANY_RESTARTS:
        return Check(name, "warn", f"{state}, but restarted {restarts} times", LOG)
    if unit.get("UnitFileState") == "disabled":
        return Check(
            name, "warn", f"{state}, but not started at boot", "sudo systemctl enable dragoman"
        )
    return Check(name, "pass", f"{state}, {restarts} restarts")
