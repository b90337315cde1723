"""The guest's image: built from packages, kept until what it is made from changes."""

from __future__ import annotations

import configparser
import fcntl
import hashlib
import os
import shlex
import shutil
import subprocess
import time
from pathlib import Path

from tests.hardware import host

HERE = Path(__file__).parent
PROJECT = HERE.parent.parent
RELEASES = ("bookworm", "trixie")  # Debian 12 and 13
ARCHITECTURES = tuple(host.MACHINES)
_CA = "/run/ca.crt"  # where `build` puts this machine's certificates
EXTRAS = ("pi", "live", "metrics", "emulator", "ears")


def ready(release: str, architecture: str, *, rebuild: bool = False) -> Path:
    """The folder of the image (``disk``, ``kernel``, ``initrd``), built if need be."""
    name = f"image-{release}-{architecture}"
    folder = cache() / f"{name}-{_fingerprint()}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if rebuild or not (folder / "complete").exists():
            for old in folder.parent.glob(f"{name}-*"):
                shutil.rmtree(old)
            _build(folder, release, architecture)
    return folder


def _build(folder: Path, release: str, architecture: str) -> None:
    started = time.monotonic()
    print(f"building the image in {folder} (some minutes)", flush=True)
    folder.mkdir()
    (folder / "requirements").write_text("".join(f"{line}\n" for line in requirements()))
    (folder / "apt.conf").write_text(host.apt_settings())
    pip = host.pip_settings()
    (folder / "pip.env").write_text(_shell(pip))
    env = os.environ | host.BOARD
    env |= {"CA_BUNDLE": host.ca_bundle(), "PIP_PATHS": " ".join(host.pip_paths(pip))}
    if subprocess.run([HERE / "build", folder, release, architecture], env=env).returncode:
        raise RuntimeError(f"the image could not be built; what there is of it is in {folder}")
    (folder / "complete").touch()
    print(f"built in {time.monotonic() - started:.0f} s", flush=True)


def _shell(pip: dict[str, str]) -> str:
    """pip's settings and the proxies as assignments."""
    env = {f"PIP_{name.upper().replace('-', '_')}": value for name, value in pip.items()}
    env |= host.proxies() | {"PIP_CERT": _CA, "SSL_CERT_FILE": _CA}
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in sorted(env.items()))


def requirements() -> list[str]:
    """What the project needs in the guest, from its setup.cfg."""
    config = configparser.ConfigParser()
    config.read(PROJECT / "setup.cfg")
    texts = [config["options"]["install_requires"]]
    texts += [config["options.extras_require"][extra] for extra in EXTRAS]
    return [line for text in texts for line in text.split("\n") if line.strip()]


def cache() -> Path:
    """Where images are kept, and what the last guest left."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dragoman-hardware"


def _fingerprint() -> str:
    """Another one whenever something the image is made from changes."""
    digest = hashlib.sha256("\n".join(requirements()).encode())
    for path in (HERE / "build", *sorted((HERE / "files").iterdir())):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]
