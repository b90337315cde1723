"""This machine: what it needs to hold other systems, and how it reaches packages."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from pathlib import Path

from tests.hardware.host import (
    BOARD,
    apt_settings,
    ca_bundle,
    emulate,
    missing,
    pip_paths,
    pip_settings,
    provide,
    proxies,
)

__all__ = ["BOARD", "apt_settings", "ca_bundle", "pip_paths", "pip_settings", "proxies"]

#: program: Debian package
NEEDED = {
    "mmdebstrap": "mmdebstrap",
    "systemd-nspawn": "systemd-container",
    "unshare": "util-linux",
}


def arch() -> str:
    """This machine's processor, as Debian names it."""
    machine = platform.machine()
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)


def obstacle() -> str:
    """Why no system can be made here; empty when nothing is in the way."""
    if sys.platform != "linux":
        return f"needs Linux, this is {sys.platform}"
    if os.geteuid() != 0:
        return "needs root, to make systems and to boot them"
    absent = missing(NEEDED)
    if absent and not shutil.which("apt-get"):
        return f"not a Debian system, and these are missing: {', '.join(absent)}"
    return ""


def prepare(*, emulation: bool) -> None:
    """Install what is missing; RuntimeError when that does not work."""
    provide(NEEDED)
    if emulation:
        emulate()


def booted() -> bool:
    """This machine itself runs systemd, which then keeps the systems' control groups."""
    return Path("/run/systemd/system").is_dir()
