"""This machine: whether a guest can run here, and how it reaches its package sources."""

from __future__ import annotations

import ast
import os
import platform
import shlex
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
}
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
    packages = [NEEDED[program] for program in _missing()]
    if not packages:
        return
    print(f"installing on this machine: {' '.join(packages)}", flush=True)
    env = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    for command in (["apt-get", "update", "-qq"], install):
        done = subprocess.run(command, env=env, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")


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


def pip_settings(ca: str) -> tuple[str, list[str]]:
    """This machine's pip settings as shell assignments, and the folders that they name.

    ``ca`` is where the certificates are found by that pip.
    """
    listing = [sys.executable, "-m", "pip", "config", "list"]
    lines = subprocess.run(listing, capture_output=True, text=True).stdout.splitlines()
    env = {}
    for scope in ("global.", "install.", ":env:."):  # the later wins, as with pip
        for line in lines:
            key, _, value = line.partition("=")
            if key.startswith(scope):
                name = key.removeprefix(scope).upper().replace("-", "_")
                env[f"PIP_{name}"] = str(ast.literal_eval(value))
    proxies = ("http_proxy", "https_proxy", "no_proxy")
    env |= {name: value for name, value in os.environ.items() if name.lower() in proxies}
    env |= {"PIP_CERT": ca, "SSL_CERT_FILE": ca}
    named = " ".join(env.get(f"PIP_{key}", "") for key in ("FIND_LINKS", "INDEX_URL"))
    folders = {Path(word) for word in named.split() if Path(word).is_dir()}
    for word in f"{named} {env.get('PIP_EXTRA_INDEX_URL', '')}".split():
        if word.startswith("file://"):
            # The pages of an index link to files beside it.
            folders.add(Path(word.removeprefix("file://")).parent)
    settings = "".join(f"{name}={shlex.quote(value)}\n" for name, value in sorted(env.items()))
    return settings, sorted(str(folder) for folder in folders)
