"""The installer: what it puts there, what it keeps, and what it takes away again."""

from __future__ import annotations

import pytest

from tests.unit.install.machine import CHECKOUT, CURRENT, PRESET, TOOLS, Machine

CONFIG = "etc/dragoman/dragoman.yaml"


def test_what_it_puts_there(machine: Machine) -> None:
    out = machine.ok()
    tree = machine.tree()
    unit = CHECKOUT / "systemd" / "dragoman.service"
    assert tree["etc/systemd/system/dragoman.service"] == "644 " + unit.read_text()
    assert tree["etc/dragoman/credentials"] == "700 "
    assert tree[CONFIG].startswith("640 ")
    assert "  token_file: ${CREDENTIALS_DIRECTORY}/dragoman_token\n" in tree[CONFIG]
    assert tree["usr/local/bin/dragoman"].endswith("-> /opt/dragoman/dragoman")
    assert tree[CURRENT].endswith("-> releases/1")
    assert tree["etc/passwd"].count("dragoman") == 1
    assert "gpio:" in tree["etc/group"]
    assert "the configuration is not complete" in out
    assert "/etc/dragoman/credentials/token" in out


def test_a_strict_umask_closes_nothing_to_the_service(machine: Machine) -> None:
    machine.umask = 0o077
    machine.ok()
    for name, text in machine.tree().items():
        if name.startswith(("opt/dragoman", "etc/systemd", "etc/apt", "usr/local")):
            mode = int(text.split()[0], 8)
            assert mode & 0o004, name
            assert mode & 0o001 or not mode & 0o100, name


def test_it_leaves_nothing_in_the_checkout(machine: Machine) -> None:
    before = {path.name for path in CHECKOUT.iterdir()}
    machine.ok()
    assert {path.name for path in CHECKOUT.iterdir()} <= before | {".coverage"}


def test_twice_is_the_same_as_once(machine: Machine) -> None:
    machine.ok()
    once = besides_releases(machine)
    machine.ok()
    assert besides_releases(machine) == once
    for tool in ("apt-get", "groupadd", "useradd"):
        assert machine.told(tool) == []


def besides_releases(machine: Machine) -> dict[str, str]:
    apart = ("releases/", "current", "previous")
    tree = machine.tree().items()
    return {n: text for n, text in tree if not n.removeprefix("opt/dragoman/").startswith(apart)}


def test_an_upgrade_keeps_configuration_credentials_and_outbox(machine: Machine) -> None:
    machine.ok()
    kept = {
        CONFIG: "service: {}\n",
        "etc/dragoman/credentials/token": "t0ken",
        "var/lib/dragoman/outbox.db": "queued",
    }
    for name, text in kept.items():
        machine.write(name, text)
    machine.ok("--config", str(PRESET))
    for name, text in kept.items():
        assert machine.read(name) == text


def test_with_credentials_the_service_is_started(machine: Machine) -> None:
    machine.ok()
    assert not [line for line in machine.told("systemctl") if "restart" in line]
    machine.configured()
    assert "starting dragoman.service" in machine.ok()
    assert [line for line in machine.told("systemctl") if line.endswith("restart dragoman.service")]


def test_a_preset_becomes_the_configuration(machine: Machine) -> None:
    machine.ok("--config", str(PRESET))
    assert machine.read(CONFIG) == PRESET.read_text()


def test_uninstalling_leaves_the_machine_as_it_was(machine: Machine) -> None:
    before = machine.tree()
    machine.ok()
    machine.ok()
    machine.configured()
    out = machine.ok("--uninstall")
    after = machine.tree()
    assert set(before.pop("packages").split()) < set(after.pop("packages").split())
    assert after == before
    assert "kept Debian packages that were installed for it: lib-of-python3-venv" in out


def test_the_state_is_kept_and_said(machine: Machine) -> None:
    machine.ok()
    machine.write("var/lib/dragoman/outbox.db", "queued")
    assert "/var/lib/dragoman" in machine.ok("--uninstall")
    assert machine.read("var/lib/dragoman/outbox.db") == "queued"


def test_without_a_python_that_is_new_enough_it_says_so(machine: Machine) -> None:
    for name in ("python3", "python3.11", "python3.12", "python3.13"):
        machine.tool(name, "#!/bin/bash\nexit 1\n")
    done = machine.run()
    assert done.returncode == 1
    assert "needs Python 3.11 or newer" in done.stderr


def test_groups_that_were_there_stay(machine: Machine) -> None:
    machine.write("etc/group", machine.read("etc/group") + "gpio:x:997:pi\n")
    before = machine.read("etc/group")
    machine.ok()
    machine.ok("--uninstall")
    assert machine.read("etc/group") == before


def test_uninstalling_that_stopped_half_way_can_be_run_again(machine: Machine) -> None:
    before = machine.tree()
    machine.ok()
    machine.tool("userdel", "#!/bin/bash\necho 'used by process 7' >&2; exit 8\n")
    assert machine.run("--uninstall").returncode == 8
    machine.tool("userdel", f"#!/bin/bash\n{TOOLS['userdel']}")
    machine.ok("--uninstall")
    after = machine.tree()
    assert set(before.pop("packages").split()) < set(after.pop("packages").split())
    assert after == before


def test_uninstalling_what_is_not_there_is_harmless(machine: Machine) -> None:
    before = machine.tree()
    machine.ok("--uninstall")
    assert machine.tree() == before


def test_another_programs_command_of_that_name_is_left_alone(machine: Machine) -> None:
    machine.ok()
    (machine.root / "usr/local/bin/dragoman").unlink()
    machine.write("usr/local/bin/dragoman", "mine")
    machine.ok("--uninstall")
    assert machine.read("usr/local/bin/dragoman") == "mine"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--frobnicate"], "unknown option --frobnicate"),
        (["--wheel"], "--wheel needs a value"),
        (["--wheel", "/nowhere.whl"], "/nowhere.whl: no such file"),
        (["--wheels", "/nowhere"], "/nowhere: no such file"),
        (["--wheel", "/dev/null", "--wheels", "/dev"], "--wheel or --wheels, not both"),
        (["--config", "/nowhere.yaml"], "/nowhere.yaml: no such file"),
        (["--purge"], "--purge goes with --uninstall"),
    ],
)
def test_wrong_usage_changes_nothing(machine: Machine, options: list[str], words: str) -> None:
    before = machine.tree()
    done = machine.run(*options)
    assert done.returncode == 1
    assert words in done.stderr
    assert machine.tree() == before
