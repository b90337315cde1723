"""Whether what users install comes ready built for every platform promised, as PyPI has it today.

What does not is on a short list with its reason, and ``scripts`` install a compiler for it.
"""

from __future__ import annotations

import configparser
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

pytest.importorskip("uv")
SETUP = Path(__file__).parents[2] / "setup.cfg"
RUNTIME = ("pi", "emulator", "local", "live", "metrics", "ears")
PYTHONS = ("3.11", "3.12", "3.13")
PROCESSORS = ("x86_64", "aarch64")
GLIBC = "manylinux_2_36"  # of Debian 12, the oldest

BUILT = {
    ("pyalsaaudio", None, None): "PyPI has its source only: one file of C, seconds",
    ("pocketsphinx", "aarch64", "3.12"): "only the emulator's local engine; 5.0.4 is for x86-64",
}
"""What must be built: (name, processor, Python), None for any; why that is bearable."""


def ready(processor: str, python: str) -> list[str]:
    """The requirements that must be there as wheels."""
    config = configparser.ConfigParser(interpolation=None)
    config.read(SETUP)
    extras = config["options.extras_require"]
    texts = [config["options"]["install_requires"], *(extras[name] for name in RUNTIME)]
    lines = [line.strip() for text in texts for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("%(")]
    return [line for line in lines if not built(Requirement(line).name, processor, python)]


def built(name: str, processor: str, python: str) -> bool:
    return any(
        name == which and at in (None, processor) and on in (None, python)
        for which, at, on in BUILT
    )


@pytest.mark.parametrize("resolution", ["highest", "lowest-direct"])
@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("processor", PROCESSORS)
def test_there_are_wheels(processor: str, python: str, resolution: str) -> None:
    command = [
        sys.executable, "-m", "uv", "pip", "compile", "-", "--quiet", "--no-config",
        "--only-binary", ":all:", "--resolution", resolution,
        "--python-platform", f"{processor}-{GLIBC}", "--python-version", python,
    ]  # fmt: skip
    wanted = "\n".join(ready(processor, python))
    done = subprocess.run(
        command, input=wanted, capture_output=True, text=True, timeout=600, check=False
    )
    if "Failed to fetch" in done.stderr:
        pytest.skip(f"PyPI cannot be reached: {done.stderr.splitlines()[0]}")
    assert done.returncode == 0, done.stderr
