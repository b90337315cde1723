"""This machine: what it needs to hold other systems, and how it reaches packages."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from tests.hardware.host import apt_settings, ca_bundle, install, pip_paths, pip_settings, proxies

__all__ = ["apt_settings", "ca_bundle", "pip_paths", "pip_settings", "proxies"]

#: program: Debian package
NEEDED = {
    "mmdebstrap": "mmdebstrap",
    "systemd-nspawn": "systemd-container",
    "unshare": "util-linux",
}
#: The same, for systems of another processor.
EMULATION = {"arch-test": "arch-test", "qemu-aarch64-static": "qemu-user-static"}
_BINFMT = Path("/proc/sys/fs/binfmt_misc")
_FORMAT = Path("/usr/lib/binfmt.d/qemu-aarch64.conf")
_ENTRY = "dragoman-arm64"


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
    missing = _missing(NEEDED)
    if missing and not shutil.which("apt-get"):
        return f"not a Debian system, and these are missing: {', '.join(missing)}"
    return ""


def prepare(*, emulation: bool) -> None:
    """Install what is missing; RuntimeError when that does not work."""
    needed = NEEDED | EMULATION if emulation else NEEDED
    install([needed[program] for program in _missing(needed)])
    if emulation:
        _register()


def booted() -> bool:
    """This machine itself runs systemd, which then keeps the systems' control groups."""
    return Path("/run/systemd/system").is_dir()


def _missing(needed: dict[str, str]) -> list[str]:
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return [program for program in needed if not shutil.which(program, path=path)]


def _register() -> None:
    """Have the kernel run programs for arm64 by QEMU, sudo with root's rights.

    The entry of the package leaves those away; the one registered last is the one used.
    """
    if arch() == "arm64":
        return
    if not (_BINFMT / "register").exists():
        mount = ["mount", "-t", "binfmt_misc", "binfmt_misc", str(_BINFMT)]
        if subprocess.run(mount, check=False).returncode:
            raise RuntimeError("this kernel has no binfmt_misc: no programs of another processor")
    if not (_BINFMT / _ENTRY).exists():
        _, _, *kind, _ = _FORMAT.read_text().strip().split(":")
        (_BINFMT / "register").write_text(":".join(["", _ENTRY, *kind, "POCF"]))
        print(f"this kernel now runs programs for arm64 by QEMU: {_BINFMT / _ENTRY}", flush=True)
