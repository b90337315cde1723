"""This machine: whether a guest can run here, and how it reaches its package sources."""

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
    "qemu-system-x86_64": "qemu-system-x86",
    "mmdebstrap": "mmdebstrap",
    "mke2fs": "e2fsprogs",
    "cpio": "cpio",
    "xz": "xz-utils",
    "zstd": "zstd",
}
_PIP_OPTIONS = (
    *("index-url", "extra-index-url", "find-links", "no-index", "trusted-host", "proxy"),
    *("constraint", "build-constraint", "default-timeout", "timeout", "retries"),
    "disable-pip-version-check",
)
_CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


def obstacle() -> str:
    """Why no guest can be built and run here; empty when nothing is in the way."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return f"needs Linux on x86-64, this is {sys.platform} on {platform.machine()}"
    if os.geteuid() != 0:
        return "needs root, to build the image and to hand files to the guest"
    if _missing() and not shutil.which("apt-get"):
        return f"not a Debian system, and these are missing: {', '.join(_missing())}"
    return ""


def prepare() -> None:
    """Install what is missing; RuntimeError when that does not work."""
    install([NEEDED[program] for program in _missing()])


def install(packages: list[str]) -> None:
    """Install Debian packages on this machine; RuntimeError when that does not work."""
    if not packages:
        return
    print(f"installing on this machine: {' '.join(packages)}", flush=True)
    env = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    apt = ["apt-get", "-o", "DPkg::Lock::Timeout=600", "-qq"]
    for command in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
        done = subprocess.run([*apt, *command], env=env, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"apt-get {' '.join(command)}: {done.stderr.strip()}")


def _missing() -> list[str]:
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return [program for program in NEEDED if not shutil.which(program, path=path)]


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
