"""The installer, on a system under a folder, with the tools that would change a real one
replaced by small ones that write down what they were told."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest

from tests.patience import HANG_S

INSTALL = Path(__file__).parents[2] / "scripts" / "install"

#: Shell for each tool; $SYSTEM is the folder.
TOOLS = {
    "groupadd": 'echo "${!#}:x:900:" >>$SYSTEM/etc/group',
    "groupdel": 'sed -i "/^${!#}:/d" $SYSTEM/etc/group',
    "useradd": 'echo "${!#}:x:900:900::/:/" >>$SYSTEM/etc/passwd',
    "userdel": 'sed -i "/^${!#}:/d" $SYSTEM/etc/passwd; sed -i "/^${!#}:/d" $SYSTEM/etc/group',
    "usermod": ":",
    "systemctl": """
        wants=$SYSTEM/etc/systemd/system/multi-user.target.wants
        case "$*" in
            *enable*dragoman.service) mkdir -p $wants; ln -sf x $wants/dragoman.service ;;&
            *disable*) rm -r $wants ;;
        esac""",
    "dpkg-query": 'sed "s/^/installed /" $SYSTEM/packages',
    "apt-get": """
        for word; do case $word in
            install) do=add ;; purge) do=del ;; -*|RootDir=*) ;;
            *) [ "$do" = add ] && echo $word >>$SYSTEM/packages
               [ "$do" = add ] && echo lib-of-$word >>$SYSTEM/packages
               [ "$do" = del ] && sed -i "/^$word$/d" $SYSTEM/packages ;;
        esac; done; true""",
    "chgrp": ":",
    "python3": """
        case $2 in
            *sys*) exit 0 ;;
            *ensurepip*) grep -q python3-venv $SYSTEM/packages; exit ;;
            venv) mkdir -p $3/bin
                cp $TOOLS/pip $3/bin/python; cp $TOOLS/dragoman $3/bin/dragoman ;;
        esac""",
    # The virtual environment's python: pip.  $NO_WHEEL: there is none of pyalsaaudio.
    "pip": """
        case "$*" in *--only-binary*)
            [ -z "$NO_WHEEL" ] || { echo "no pyalsaaudio" >&2; exit 1; } ;;
        esac""",
    "dragoman": "[ -e $CREDENTIALS_DIRECTORY/dragoman_token ]",
}


class System:
    """A machine under ``root``."""

    def __init__(self, folder: Path) -> None:
        self.root, self.tools = folder / "system", folder / "tools"
        for place in (
            "etc/systemd/system",
            "opt",
            "usr/local/bin",
            "run/systemd/system",
            "var/lib",
        ):
            (self.root / place).mkdir(parents=True)
        (self.root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
        (self.root / "etc/group").write_text("root:x:0:\naudio:x:29:\n")
        (self.root / "packages").write_text("alsa-utils\nbash\npython3\n")
        self.tools.mkdir()
        self.log = folder / "log"
        for name, script in TOOLS.items():
            tool = self.tools / name
            tool.write_text(f'#!/bin/bash\necho "{name} $*" >>{self.log}\n{script}\n')
            tool.chmod(0o755)

    def run(self, *options: str, **extra: str) -> subprocess.CompletedProcess[str]:
        env = {"PATH": f"{self.tools}:/usr/bin:/bin", "SYSTEM": str(self.root)}
        env |= {"TOOLS": str(self.tools), "NO_WHEEL": "", "PYTHON": "python3", **extra}
        self.log.write_text("")
        command = [str(INSTALL), "--root", str(self.root), *options]
        return subprocess.run(
            command, env=env, capture_output=True, text=True, timeout=HANG_S, check=False
        )

    def ok(self, *options: str, **extra: str) -> str:
        done = self.run(*options, **extra)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    def told(self, tool: str) -> list[str]:
        lines = self.log.read_text().splitlines()
        return [line for line in lines if line.startswith(f"{tool} ")]

    def tree(self) -> dict[str, str]:
        """Every file with its mode and contents."""
        found = {}
        for path in sorted(self.root.rglob("*")):
            mode = stat.S_IMODE(path.lstat().st_mode)
            if path.is_symlink():
                text = f"-> {path.readlink()}"
            else:
                text = path.read_text() if path.is_file() else ""
            found[str(path.relative_to(self.root))] = f"{mode:o} {text}"
        return found


@pytest.fixture
def system(tmp_path: Path) -> System:
    return System(tmp_path)


def test_what_it_puts_there(system: System) -> None:
    out = system.ok()
    tree = system.tree()
    unit = INSTALL.parents[1] / "systemd" / "dragoman.service"
    assert tree["etc/systemd/system/dragoman.service"] == "644 " + unit.read_text()
    assert tree["etc/dragoman/credentials"] == "700 "
    assert tree["etc/dragoman/dragoman.yaml"].startswith("640 ")
    assert (
        "  token_file: ${CREDENTIALS_DIRECTORY}/dragoman_token\n"
        in (tree["etc/dragoman/dragoman.yaml"])
    )
    assert tree["usr/local/bin/dragoman"].endswith("-> /opt/dragoman/bin/dragoman")
    assert tree["etc/passwd"].count("dragoman") == 1
    assert "gpio:" in tree["etc/group"]
    assert "the configuration is not complete" in out
    assert "/etc/dragoman/credentials/token" in out


def test_it_leaves_nothing_in_the_checkout(system: System) -> None:
    before = {path.name for path in INSTALL.parents[1].iterdir()}
    system.ok()
    assert {path.name for path in INSTALL.parents[1].iterdir()} <= before | {".coverage"}


def test_twice_is_the_same_as_once(system: System) -> None:
    system.ok()
    once = system.tree()
    system.ok()
    assert system.tree() == once
    for tool in ("apt-get", "groupadd", "useradd"):
        assert system.told(tool) == []


def test_an_upgrade_keeps_configuration_credentials_and_outbox(system: System) -> None:
    system.ok()
    kept = {
        "etc/dragoman/dragoman.yaml": "service: {}\n",
        "etc/dragoman/credentials/token": "t0ken",
        "var/lib/dragoman/outbox.db": "queued",
    }
    (system.root / "var/lib/dragoman").mkdir()
    for name, text in kept.items():
        (system.root / name).write_text(text)
    system.ok("--config", str(INSTALL.parents[1] / "config" / "preset-i2s.yaml"))
    for name, text in kept.items():
        assert (system.root / name).read_text() == text


def test_with_credentials_the_service_is_started(system: System) -> None:
    system.ok()
    assert not [line for line in system.told("systemctl") if "restart" in line]
    (system.root / "etc/dragoman/credentials/token").write_text("t0ken")
    assert "starting dragoman.service" in system.ok()
    assert [line for line in system.told("systemctl") if line.endswith("restart dragoman.service")]


def test_a_preset_becomes_the_configuration(system: System) -> None:
    preset = INSTALL.parents[1] / "config" / "preset-i2s.yaml"
    system.ok("--config", str(preset))
    assert (system.root / "etc/dragoman/dragoman.yaml").read_text() == preset.read_text()


def test_uninstalling_leaves_the_machine_as_it_was(system: System) -> None:
    before = system.tree()
    system.ok()
    system.ok()
    (system.root / "etc/dragoman/credentials/token").write_text("t0ken")
    out = system.ok("--uninstall")
    after = system.tree()
    packages = after.pop("packages")
    assert before.pop("packages") in packages
    assert after == before
    assert "kept Debian packages that were installed for it: lib-of-python3-venv" in out


def test_the_state_is_kept_and_said(system: System) -> None:
    system.ok()
    (system.root / "var/lib/dragoman").mkdir()
    (system.root / "var/lib/dragoman/outbox.db").write_text("queued")
    assert "/var/lib/dragoman" in system.ok("--uninstall")
    assert (system.root / "var/lib/dragoman/outbox.db").read_text() == "queued"


def test_purge_takes_away_just_the_packages_it_brought(system: System) -> None:
    before = system.tree()
    system.ok(NO_WHEEL="1")
    assert "libasound2-dev\n" in (system.root / "packages").read_text()
    system.ok(NO_WHEEL="1")
    system.ok("--uninstall", "--purge")
    assert system.tree() == before


def test_a_compiler_comes_only_where_there_is_no_wheel(system: System) -> None:
    system.ok()
    assert "gcc" not in (system.root / "packages").read_text()


def test_without_a_python_that_is_new_enough_it_says_so(system: System) -> None:
    for name in ("python3", "python3.11", "python3.12", "python3.13"):
        (system.tools / name).write_text("#!/bin/bash\nexit 1\n")
        (system.tools / name).chmod(0o755)
    done = system.run()
    assert done.returncode == 1
    assert "needs Python 3.11 or newer" in done.stderr


def test_groups_that_were_there_stay(system: System) -> None:
    group = system.root / "etc/group"
    group.write_text(group.read_text() + "gpio:x:997:pi\n")
    before = system.tree()
    system.ok()
    system.ok("--uninstall")
    assert system.tree()["etc/group"] == before["etc/group"]


def test_uninstalling_what_is_not_there_is_harmless(system: System) -> None:
    before = system.tree()
    system.ok("--uninstall")
    assert system.tree() == before


def test_another_programs_command_of_that_name_is_left_alone(system: System) -> None:
    system.ok()
    command = system.root / "usr/local/bin/dragoman"
    command.unlink()
    command.write_text("mine")
    system.ok("--uninstall")
    assert command.read_text() == "mine"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--frobnicate"], "unknown option --frobnicate"),
        (["--wheel"], "--wheel needs a value"),
        (["--wheel", "/nowhere.whl"], "/nowhere.whl: no such file"),
        (["--config", "/nowhere.yaml"], "/nowhere.yaml: no such file"),
        (["--purge"], "--purge goes with --uninstall"),
    ],
)
def test_wrong_usage_changes_nothing(system: System, options: list[str], words: str) -> None:
    before = system.tree()
    done = system.run(*options)
    assert done.returncode == 1
    assert words in done.stderr
    assert system.tree() == before


def test_a_step_that_fails_is_told_and_can_be_taken_again(system: System) -> None:
    pip = system.tools / "pip"
    good = pip.read_text()
    pip.write_text("#!/bin/bash\necho 'no network' >&2; exit 1\n")
    done = system.run()
    assert done.returncode == 1
    assert "no network" in done.stderr
    assert "not finished: run it again" in done.stdout
    pip.write_text(good)
    (system.root / "opt/dragoman/bin/python").write_text(good)
    system.ok()
    system.ok("--uninstall")
    assert not (system.root / "opt/dragoman").exists()


def test_it_is_sound_shell() -> None:
    done = subprocess.run(
        ["bash", "-n", str(INSTALL)], capture_output=True, timeout=HANG_S, check=False
    )
    assert done.returncode == 0, done.stderr
