"""What starts the release in use, and what it says when Python has changed below it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.unit.install.machine import CHECKOUT


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """/opt/dragoman with a release for Python 3.11, and a system that has it."""
    release = tmp_path / "releases/1"
    (release / "bin").mkdir(parents=True)
    (release / "lib/python3.11/site-packages/agent").mkdir(parents=True)
    (tmp_path / "current").symlink_to("releases/1")
    program(release / "bin/dragoman", 'echo "runs: $*"')
    program(tmp_path / "python3.11", "exit 1")
    (tmp_path / "python3").symlink_to("python3.11")
    (release / "bin/python3").symlink_to(tmp_path / "python3")
    launcher = (CHECKOUT / "systemd/dragoman.sh").read_text()
    (tmp_path / "dragoman").write_text(
        launcher.replace("$(readlink -f /opt/dragoman/", f"$(readlink -f {tmp_path}/")
    )
    return tmp_path


def program(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def start(home: Path) -> subprocess.CompletedProcess[str]:
    command = ["sh", str(home / "dragoman"), "run", "a b"]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_it_runs_what_is_in_use(home: Path) -> None:
    done = start(home)
    assert (done.returncode, done.stdout) == (0, "runs: run a b\n")


def another_python(home: Path, says: str) -> None:
    """As an upgrade of the system leaves it."""
    (home / "python3.11").unlink()
    program(home / "python3.13", says)
    (home / "python3").unlink()
    (home / "python3").symlink_to("python3.13")


def test_another_python_is_one_line_and_no_reason_to_try_again(home: Path) -> None:
    another_python(home, "echo \"No module named 'agent'\" >&2; exit 1")
    done = start(home)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "sudo /opt/dragoman/current/source/scripts/install mends it" in done.stderr


def test_one_that_is_gone_too(home: Path) -> None:
    (home / "python3.11").unlink()
    assert start(home).returncode == 2


def test_one_of_another_name_that_sees_it_runs(home: Path) -> None:
    another_python(home, "exit 0")
    assert start(home).returncode == 0


def test_what_was_compiled_for_this_python_is_used_and_for_no_other(home: Path) -> None:
    program(home / "releases/1/bin/dragoman", 'echo "$PYTHONOPTIMIZE $PYTHONPYCACHEPREFIX"')
    assert start(home).stdout == " \n"
    compiled = home / "releases/1/compiled"
    compiled.mkdir()
    stamp = int((home / "python3.11").stat().st_mtime)
    (compiled / "for").write_text(f"{stamp}\n")
    assert start(home).stdout == f"2 {compiled}\n"
    os.utime(home / "python3.11", (stamp + 5, stamp + 5))  # an upgrade of the system
    assert start(home).stdout == " \n"
