"""scripts/setup: the virtual environment of a checkout, and what it leaves as it was."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.unit.install.machine import CHECKOUT

#: $PIP_DIES: killed with all around it while it installs.
PIP = """#!/bin/sh
echo "pip $*" >>$LOG
case $*,$PIP_DIES in *install*,yes) kill -9 0 ;; esac
case $* in *"import pip"*) exit ;; esac  # the first of its files are there soon
[ -e .venv/whole ]
"""


class Checkout:
    """A clone with the setup script alone, and tools in the place of real ones."""

    def __init__(self, folder: Path) -> None:
        self.clone, self.tools, self.log = folder / "clone", folder / "tools", folder / "log"
        (self.clone / "scripts").mkdir(parents=True)
        shutil.copy(CHECKOUT / "scripts/setup", self.clone / "scripts")
        shutil.copytree(CHECKOUT / "scripts/lib", self.clone / "scripts/lib")
        for name in ("setup.cfg", "pyproject.toml"):
            (self.clone / name).touch()
        (folder / "pip").write_text(PIP)
        (folder / "pip").chmod(0o755)
        self.tools.mkdir()
        self.tool("dpkg-query", "echo installed alsa-utils")
        self.tool("apt-get", "")
        self.tool("systemctl", "")
        self.tool("sudo", '"$@"')  # whoever runs the tests
        self.tool(
            "python3",
            f"case $2 in *sys*) exit 0 ;; venv) mkdir -p $3/bin; cp {folder}/pip $3/bin/python;"
            " touch $3/whole ;; esac",
        )

    def tool(self, name: str, script: str) -> None:
        path = self.tools / name
        path.write_text(f'#!/bin/bash\necho "{name} $*" >>$LOG\n{script}\n')
        path.chmod(0o755)

    def run(self, *packages: str, **extra: str) -> subprocess.CompletedProcess[str]:
        self.log.write_text("")
        env = {"PATH": f"{self.tools}:/usr/bin:/bin", "LOG": str(self.log), "PYTHON": "python3"}
        env |= extra
        command = [str(self.clone / "scripts/setup"), "live", *packages]
        return subprocess.run(
            command,
            env=env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            start_new_session=True,
        )

    def told(self, tool: str) -> list[str]:
        return [line for line in self.log.read_text().splitlines() if line.startswith(f"{tool} ")]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_once_is_enough(checkout: Checkout) -> None:
    assert checkout.run("alsa-utils").returncode == 0
    assert [line for line in checkout.told("pip") if "install" in line]
    assert checkout.run("alsa-utils").returncode == 0
    assert not [line for line in checkout.told("pip") if "install" in line]
    assert checkout.told("apt-get") == []


@pytest.mark.parametrize("left", ["half made", "no Python"])
def test_an_environment_that_does_not_run_is_made_anew(checkout: Checkout, left: str) -> None:
    """Somebody pressed Ctrl-C, or an upgrade of the system took its Python away."""
    checkout.run("alsa-utils")
    (checkout.clone / ".venv/whole").unlink()
    if left == "no Python":
        (checkout.clone / ".venv/bin/python").unlink()
        (checkout.clone / ".venv/bin/python").symlink_to("/nowhere/python3.11")
    done = checkout.run("alsa-utils")
    assert done.returncode == 0, done.stderr
    assert "making a virtual environment in .venv" in done.stdout
    assert [line for line in checkout.told("pip") if "install" in line]


def test_an_environment_is_made_anew_where_pip_was_killed_in_it(checkout: Checkout) -> None:
    """What it had half unpacked it would take for installed."""
    assert checkout.run("alsa-utils", PIP_DIES="yes").returncode == -signal.SIGKILL
    (checkout.clone / ".venv/half").touch()
    assert checkout.run("alsa-utils").returncode == 0
    assert not (checkout.clone / ".venv/half").exists()
    assert "making" not in checkout.run("alsa-utils").stdout


def test_who_comes_second_waits_for_the_first(checkout: Checkout) -> None:
    """The tests started while a demo still installs: both work in .venv."""
    first = os.open(checkout.clone, os.O_RDONLY)
    fcntl.flock(first, fcntl.LOCK_EX)
    checkout.log.touch()
    checkout.tool("flock", 'exec /usr/bin/flock "$@"')
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(checkout.run, "alsa-utils")
        while not second.done() and checkout.told("flock")[-1:] != ["flock 9"]:
            time.sleep(0.01)
        assert checkout.told("pip") == []
        os.close(first)
        done = second.result()
    assert done.returncode == 0, done.stderr
    assert "waiting for another installation to end" in done.stdout
    assert checkout.told("pip")


def test_what_is_set_for_the_user_alone_is_not_for_the_environment(checkout: Checkout) -> None:
    noting = '#!/bin/sh\necho "pip $PIP_USER,$PYTHONPATH" >>$LOG\n'
    (checkout.clone.parent / "pip").write_text(noting)
    checkout.run("alsa-utils", PIP_USER="1", PYTHONPATH="/elsewhere")
    assert set(checkout.told("pip")) == {"pip no,"}


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anything")
def test_a_file_that_its_owner_may_not_write_is_no_obstacle(checkout: Checkout) -> None:
    (checkout.clone / "setup.cfg").chmod(0o444)
    assert checkout.run("alsa-utils").returncode == 0


def test_nothing_is_taken_away_for_it(checkout: Checkout) -> None:
    """A desktop's sound server stands in the way of PulseAudio."""
    said = "The following packages will be REMOVED:\n  pipewire-alsa pipewire-audio\n"
    said += "E: Packages need to be removed but remove is disabled."
    refuses = f"case $* in *install*--no-remove*) printf '%s\\n' '{said}'; exit 100 ;; esac"
    checkout.tool("apt-get", refuses)
    done = checkout.run("pulseaudio")
    assert done.returncode == 1
    assert "it would take away pipewire-alsa pipewire-audio\n" in done.stderr
    assert "needs these Debian packages: pulseaudio" in done.stderr


def test_the_service_that_comes_with_mosquitto_is_switched_off_and_said(checkout: Checkout) -> None:
    assert "the service mosquitto is off" in checkout.run("mosquitto").stdout
    assert checkout.told("systemctl") == [
        "systemctl disable --quiet --now mosquitto.service",
    ]
    checkout.tool("dpkg-query", "echo installed mosquitto")
    assert "mosquitto" not in checkout.run("mosquitto").stdout
    assert checkout.told("systemctl") == []


def test_what_pip_says_is_one_or_two_lines(checkout: Checkout) -> None:
    checkout.run("alsa-utils")
    noise = "echo many; echo lines; echo 'ERROR: no space left'; exit 1"
    python = checkout.clone / ".venv/bin/python"
    python.write_text(f'#!/bin/sh\n[ "$3" = --version ] && exit\n{noise}\n')
    (checkout.clone / "setup.cfg").touch()
    done = checkout.run("alsa-utils")
    assert done.returncode == 1
    words = "ERROR: no space left\nsetup: pip could not install what is needed into .venv\n"
    assert done.stderr == words
