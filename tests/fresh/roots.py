"""The systems: minimal ones, made from packages once and kept."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tests.fresh import host

#: What a fresh system has beside the base: PID 1, somebody who may become root, git.
INCLUDED = "systemd-sysv,dbus,libpam-systemd,procps,iproute2,netbase,sudo,git,ca-certificates"
USER = "alice"


@dataclass(frozen=True)
class Root:
    """A system on a processor, both as Debian names them."""

    title: str
    suite: str
    arch: str
    vendor: str = "debian"
    next: str = ""  # the suite it is upgraded to

    @property
    def name(self) -> str:
        """As on the command line."""
        return f"{self.title.lower().replace(' ', '').replace('.', '')}-{self.arch}"

    @property
    def emulated(self) -> bool:
        """Its programs run on a processor made of software."""
        return self.arch != host.arch()


ROOTS = {
    root.name: root
    for root in (
        Root("Debian 12", "bookworm", "amd64", next="trixie"),
        Root("Debian 13", "trixie", "amd64"),
        Root("Debian 12", "bookworm", "arm64", next="trixie"),
        Root("Debian 13", "trixie", "arm64"),
        Root("Ubuntu 24.04", "noble", "amd64", vendor="ubuntu"),
    )
}


class NotReached(RuntimeError):
    """The archive of the system cannot be had from here."""


def cache() -> Path:
    """Where systems, what failed in them and the results are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dragoman-fresh"


def base(root: Root, *, rebuild: bool = False) -> Path:
    """The folder of the untouched system, made if need be; NotReached, RuntimeError."""
    digest = hashlib.sha256(f"{root}{INCLUDED}".encode()).hexdigest()[:8]
    folder = cache() / "roots" / f"{root.name}-{digest}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{root.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if rebuild or not folder.exists():
            for old in folder.parent.glob(f"{root.name}-*"):
                remove(old)
            _make(root, folder)
    return folder


def remove(folder: Path) -> None:
    """Delete a system, never what is mounted in it."""
    if any(line.split()[1].startswith(f"{folder}/") for line in _mounts()):
        raise RuntimeError(f"something is mounted under {folder}: not deleting it")
    subprocess.run(["rm", "-rf", "--one-file-system", "--", folder], check=True)


def _mounts() -> list[str]:
    return Path("/proc/self/mounts").read_text().splitlines()


def _make(root: Root, folder: Path) -> None:
    started = time.monotonic()
    print(f"making {root.name} (mmdebstrap)", flush=True)
    settings = cache() / "apt.conf"
    settings.write_text(host.apt_settings())
    options = []
    if root.vendor == "ubuntu":
        options = [f"--keyring={_ubuntu_keys(settings)}", "--components=main,universe"]
        options.append("--include=apt")
    making = folder.with_name(f"{folder.name}.making")
    command = [
        *("mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", "--format=directory"),
        *(f"--arch={root.arch}", f"--include={INCLUDED}", f"--aptopt={settings}", *options),
        f'--customize-hook=chroot "$1" useradd -m -s /bin/bash {USER}',
        f"--customize-hook=echo '{USER} ALL=(ALL) NOPASSWD: ALL' >\"$1/etc/sudoers.d/{USER}\"",
        *(root.suite, str(making)),
    ]
    env = os.environ | host.BOARD
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        if making.exists():
            remove(making)
        raise _reason(done.stderr)(f"{root.name}: {done.stderr.strip()[-500:]}")
    # How this machine reaches mirrors, and its name, are for each copy.
    (making / "etc/apt/apt.conf.d/99mmdebstrap").unlink(missing_ok=True)
    (making / "etc/hostname").write_text("fresh\n")
    (making / "etc/hosts").write_text("127.0.0.1 localhost\n127.0.1.1 fresh\n::1 localhost\n")
    making.rename(folder)
    print(f"made in {time.monotonic() - started:.0f} s", flush=True)


def _reason(said: str) -> type[RuntimeError]:
    signs = ("Could not resolve", "Could not connect", "Failed to fetch", "Connection timed out")
    return NotReached if any(sign in said for sign in signs) else RuntimeError


def _ubuntu_keys(settings: Path) -> Path:
    """What Ubuntu's archive is signed with, from the package that Debian 13 has of it."""
    keys = cache() / "ubuntu-archive-keyring.gpg"
    if not keys.exists():
        debian = base(ROOTS[f"debian13-{host.arch()}"])
        script = """cd /var/tmp && apt-get update -qq && apt-get download -qq ubuntu-keyring >&2
            dpkg-deb --fsys-tarfile ubuntu-keyring*.deb |
            tar -xO ./usr/share/keyrings/ubuntu-archive-keyring.gpg"""
        command = [
            *("systemd-nspawn", "-q", "--volatile=overlay", "--register=no", "--keep-unit"),
            *("--as-pid2", "--console=pipe", "-D", str(debian)),
            *(f"--bind-ro={settings}:/etc/apt/apt.conf.d/99host", "sh", "-ec", script),
        ]
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode:
            raise RuntimeError(f"the keys of Ubuntu: {done.stderr.decode().strip()[-300:]}")
        keys.write_bytes(done.stdout)
    return keys
