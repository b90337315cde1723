"""Builds what the bench is made of in C, and the environment its processes run in."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
MICROPHONE, SPEAKER = "bench_microphone", "bench_speaker"

_SYSTEM = Path("/usr/share/alsa/alsa.conf")
_HOOKS = re.compile(r"^@hooks \[.*?^\]", re.MULTILINE | re.DOTALL)

_ALSA = """\
pcm_type.dragoman_clock {{ lib "{library}" }}
pcm.{microphone} {{ type dragoman_clock  step {step} }}
pcm.{speaker} {{ type null }}
"""


def environment(alsa: Path | None = None) -> dict[str, str]:
    """For a process of the bench; ``alsa`` is the configuration ALSA shall read."""
    own = {"PYTHONPATH": str(ROOT)}
    if alsa is not None:
        own["ALSA_CONFIG_PATH"] = str(alsa)
    return os.environ | own


class Workshop:
    """``folder`` with the microphone and the floor, built.

    ``step`` is by how many frames the microphone's position moves, 0 by whole periods.
    Raises RuntimeError with what the compiler says.
    """

    def __init__(self, folder: Path, step: int = 0) -> None:
        self.folder = folder
        self.floor = folder / "floor"
        library = folder / "libasound_module_pcm_dragoman_clock.so"
        _compile(HERE / "alsa_clock.c", library, "-shared", "-fPIC", "-DPIC")
        _compile(HERE / "floor.c", self.floor)
        self.certificate = folder / "service.pem"
        _certify(self.certificate)
        names = {"microphone": MICROPHONE, "speaker": SPEAKER}
        self._alsa = folder / "asound.conf"
        self._alsa.write_text(_system() + _ALSA.format(library=library, step=step, **names))

    @property
    def environment(self) -> dict[str, str]:
        """With the bench's sound devices; for the daemon as its service unit has it."""
        cache = {"PYTHONOPTIMIZE": "2", "PYTHONPYCACHEPREFIX": str(self.folder / "cache")}
        own = environment(self._alsa) | cache
        own.pop("PYTHONDONTWRITEBYTECODE", None)
        return own


def _system() -> str:
    """ALSA's own configuration without what is hooked into it.

    Of a sound server's plugins that would load libraries of several MB into each contestant.
    """
    return _HOOKS.sub("", _SYSTEM.read_text())


def _certify(target: Path) -> None:
    """A certificate for the loopback, and its key, in one file."""
    key = target.with_suffix(".key")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-nodes", "-days", "30"]
    command += ["-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=bench"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(target)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise RuntimeError(f"openssl makes no certificate:\n{done.stderr}")
    target.write_bytes(key.read_bytes() + target.read_bytes())


def _compile(source: Path, target: Path, *options: str) -> None:
    command = ["gcc", "-O2", "-Wall", *options, "-o", str(target), str(source), "-lasound"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise RuntimeError(f"{source.name} does not compile:\n{done.stderr}")
