"""This machine: whether a guest can run here, and how it reaches its package sources.

How it runs programs for arm64 (``emulate``) and reaches mirrors is of use to `tests.fresh`, too.
"""

from __future__ import annotations

import ast
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

#: program: Debian package
NEEDED = {
    "mmdebstrap": "mmdebstrap",
    "mke2fs": "e2fsprogs",
    "cpio": "cpio",
    "xz": "xz-utils",
    "zstd": "zstd",
}
#: The same, of the guest's processor.
MACHINES = {
    "amd64": {"qemu-system-x86_64": "qemu-system-x86"},
    "arm64": {"qemu-system-aarch64": "qemu-system-arm"},
}
#: The same, to run programs for arm64 outside a guest: to build its image.
EMULATION = {"arch-test": "arch-test", "qemu-aarch64-static": "qemu-user-static"}
#: The processor that emulated programs see, of a Raspberry Pi Zero 2 W. QEMU's own choice signs
#: each return address, in software, and has SVE, with which OpenBLAS multiplies wrongly there.
BOARD = {"QEMU_CPU": "cortex-a53"}
_BINFMT = Path("/proc/sys/fs/binfmt_misc")
_FORMAT = Path("/usr/lib/binfmt.d/qemu-aarch64.conf")
_ENTRY = "dragoman-arm64"
_PIP_OPTIONS = (
    *("index-url", "extra-index-url", "find-links", "no-index", "trusted-host", "proxy"),
    *("constraint", "build-constraint", "default-timeout", "timeout", "retries"),
    "disable-pip-version-check",
)
_CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


def obstacle(architecture: str = "amd64") -> str:
    """Why no guest can be built and run here; empty when nothing is in the way."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return f"needs Linux on x86-64, this is {sys.platform} on {platform.machine()}"
    if os.geteuid() != 0:
        return "needs root, to build the image and to hand files to the guest"
    absent = missing(NEEDED | MACHINES[architecture])
    if absent and not shutil.which("apt-get"):
        return f"not a Debian system, and these are missing: {', '.join(absent)}"
    return ""


def prepare(architecture: str) -> None:
    """Install what is missing; RuntimeError when that does not work."""
    provide(NEEDED | MACHINES[architecture])
    if architecture == "arm64":
        emulate()


def emulate() -> None:
    """Have the kernel run programs for arm64 by QEMU, sudo with root's rights; RuntimeError.

    The entry of Debian's package leaves those away; the one registered last is the one used.
    """
    if platform.machine() == "aarch64":
        return
    provide(EMULATION)
    if not (_BINFMT / "register").exists():
        mount = ["mount", "-t", "binfmt_misc", "binfmt_misc", str(_BINFMT)]
        if subprocess.run(mount, check=False).returncode:
            raise RuntimeError("this kernel has no binfmt_misc: no programs of another processor")
    if not (_BINFMT / _ENTRY).exists():
        _, _, *kind, _ = _FORMAT.read_text().strip().split(":")
        (_BINFMT / "register").write_text(":".join(["", _ENTRY, *kind, "POCF"]))
        print(f"this kernel now runs programs for arm64 by QEMU: {_BINFMT / _ENTRY}", flush=True)


def missing(needed: dict[str, str]) -> list[str]:
    """The programs of these that are not here."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return [program for program in needed if not shutil.which(program, path=path)]


def provide(needed: dict[str, str]) -> None:
    """Install the Debian packages of the programs that are not here; RuntimeError."""
    packages = [needed[program] for program in missing(needed)]
    if not packages:
        return
    print(f"installing on this machine: {' '.join(packages)}", flush=True)
    env = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    apt = ["apt-get", "-o", "DPkg::Lock::Timeout=600", "-qq"]
    for command in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
        done = subprocess.run([*apt, *command], env=env, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"apt-get {' '.join(command)}: {done.stderr.strip()}")


def ca_bundle() -> str:
    """The certificates this machine trusts."""
    named = (os.environ.get("PIP_CERT"), os.environ.get("SSL_CERT_FILE"), _CA_BUNDLE)
    return next((path for path in named if path and Path(path).exists()), "/dev/null")


def apt_settings() -> str:
    """How apt reaches its mirror from here, as lines of an apt.conf."""
    dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True).stdout
    wanted = ("Acquire::http", "Acquire::Check-", "Acquire::Retries", "Acquire::ForceIPv")
    return "".join(f"{line}\n" for line in dump.splitlines() if line.startswith(wanted))


def pip_settings() -> dict[str, str]:
    """How pip reaches packages from here: its options by name (``find-links``) and their values."""
    listing = [sys.executable, "-m", "pip", "config", "list"]
    lines = subprocess.run(listing, capture_output=True, text=True).stdout.splitlines()
    settings = {}
    for scope in ("global.", "install.", ":env:."):  # the later wins, as with pip
        for line in lines:
            key, _, value = line.partition("=")
            name = key.removeprefix(scope)
            if key.startswith(scope) and name in _PIP_OPTIONS:
                settings[name] = str(ast.literal_eval(value))
    return settings


def pip_paths(settings: dict[str, str]) -> list[str]:
    """The files and folders of this machine that pip's settings name."""
    paths = set()
    for name, value in settings.items():
        for word in value.split():
            path = Path(word.removeprefix("file://"))
            if path.is_absolute() and path.exists():
                # The pages of an index link to files beside it.
                paths.add(path.parent if name.endswith("index-url") else path)
    return sorted(map(str, paths))


def proxies() -> dict[str, str]:
    """The proxies in this environment."""
    names = ("http_proxy", "https_proxy", "no_proxy")
    return {name: value for name, value in os.environ.items() if name.lower() in names}
