"""Debian packages: what is installed when, what is waited for, and what may be taken away."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.install.machine import Machine

NO_WHEEL = "ERROR: No matching distribution found for numpy>=2"
#: The same with pins, as pip 23 to 26 say it.
NO_WHEEL_AND_PINS = (
    "ERROR: Cannot install dragoman[pi,test]==0.1.0 because these package versions have conflicting"
    " dependencies.\nERROR: ResolutionImpossible: for help visit https://pip.pypa.io/"
)
NO_NETWORK = (
    "connection broken by 'NewConnectionError: [Errno -3] Temporary failure in name resolution'"
)


def ask_for(machine: Machine, *packages: str) -> None:
    """What "apt install" does with packages that are there already."""
    auto = set(machine.read("auto").split()) - set(packages)
    machine.write("auto", "".join(f"{name}\n" for name in sorted(auto)))


def test_a_compiler_comes_only_where_there_is_no_wheel(machine: Machine) -> None:
    machine.ok()
    assert "gcc" not in machine.read("packages")
    out = machine.ok(PIP_SAYS=NO_WHEEL.replace("numpy", "pyalsaaudio"))
    assert "compiling pyalsaaudio, which takes seconds" in out
    assert {"gcc", "libasound2-dev"} < set(machine.read("packages").split())
    assert "g++\n" not in machine.read("packages")


def test_what_takes_minutes_is_told(machine: Machine) -> None:
    assert "numpy is not ready made for" in machine.ok(PIP_SAYS=NO_WHEEL)
    assert "g++\n" in machine.read("packages")


def test_with_pins_pip_does_not_say_which_and_the_usual_one_is_tried_first(
    machine: Machine,
) -> None:
    out = machine.ok(PIP_SAYS=NO_WHEEL_AND_PINS)
    assert "compiling pyalsaaudio, which takes seconds" in out
    assert "g++\n" not in machine.read("packages")


def test_a_folder_of_wheels_that_lacks_one_is_told(machine: Machine) -> None:
    folder = machine.root.parent / "wheels"
    folder.mkdir()
    done = machine.run("--wheels", str(folder))
    assert f"{folder} holds no dragoman-*.whl" in done.stderr
    (folder / "dragoman-1.whl").touch()
    done = machine.run("--wheels", str(folder), PIP_SAYS=NO_WHEEL)
    assert f"{folder} does not hold what is needed" in done.stderr
    assert "gcc" not in machine.read("packages")
    (folder / "numpy-2.0.tar.gz").touch()
    machine.ok("--wheels", str(folder), PIP_SAYS=NO_WHEEL)
    assert [line for line in machine.told("pip") if f"--no-index --find-links {folder}" in line]


def test_without_a_network_there_is_no_compiling(machine: Machine) -> None:
    done = machine.run(PIP_SAYS=NO_NETWORK)
    assert done.returncode == 1
    assert "PyPI cannot be reached: [Errno -3] Temporary failure in name resolution" in done.stderr
    assert "--wheels DIR" in done.stderr
    assert "gcc" not in machine.read("packages")


def test_without_a_network_it_says_which_packages_it_lacks(machine: Machine) -> None:
    machine.write("offline", "")
    done = machine.run()
    assert done.returncode == 1
    assert "needs these Debian packages: python3-venv" in done.stderr


def test_it_waits_for_another_program_that_installs(machine: Machine) -> None:
    machine.write("locked", "")
    assert "waiting for another program" in machine.ok()


def test_purge_takes_away_just_the_packages_it_brought(machine: Machine) -> None:
    before = machine.tree()
    machine.ok(PIP_SAYS=NO_WHEEL)
    machine.ok(PIP_SAYS=NO_WHEEL)
    out = machine.ok("--uninstall", "--purge")
    assert "removing Debian packages that were installed for it: g++ gcc lib-of-g++" in out
    assert machine.tree() == before


def test_purge_leaves_what_something_else_needs(machine: Machine) -> None:
    machine.ok(PIP_SAYS=NO_WHEEL)
    machine.write("packages", machine.read("packages") + "build-essential\n")
    machine.write("needs", machine.read("needs") + "build-essential g++\n")
    out = machine.ok("--uninstall", "--purge")
    left = machine.read("packages").split()
    assert {"build-essential", "g++", "lib-of-g++"} <= set(left)
    assert "gcc" not in left
    assert "kept Debian packages that something else needs or that you asked apt for: g++" in out


def test_purge_leaves_what_the_user_asked_for_since(machine: Machine) -> None:
    machine.ok(PIP_SAYS=NO_WHEEL)
    ask_for(machine, "gcc")
    machine.ok("--uninstall", "--purge")
    left = machine.read("packages").split()
    assert {"gcc", "lib-of-gcc"} <= set(left)
    assert "g++" not in left


def test_purge_takes_nothing_else_along_that_apt_would_clear_away(machine: Machine) -> None:
    """Somebody else's leftover needs a package of ours: both are nobody's, but it is not ours."""
    machine.ok(PIP_SAYS=NO_WHEEL)
    machine.write("packages", machine.read("packages") + "leftover\n")
    machine.write("auto", machine.read("auto") + "leftover\n")
    machine.write("needs", machine.read("needs") + "leftover gcc\n")
    machine.ok("--uninstall", "--purge")
    left = machine.read("packages").split()
    assert {"leftover", "gcc", "lib-of-gcc"} <= set(left)
    assert "g++" not in left


def test_purge_takes_away_what_is_only_suggested(machine: Machine) -> None:
    """Python stays for something else, and suggests binutils, which came with the compiler."""
    machine.ok(PIP_SAYS=NO_WHEEL)
    machine.write("suggests", "python3 lib-of-gcc\n")
    machine.ok("--uninstall", "--purge")
    assert "lib-of-gcc" not in machine.read("packages").split()


@pytest.mark.parametrize("package", ["gcc", "python3-venv"])
def test_while_it_is_installed_apt_does_not_clear_them_away(machine: Machine, package: str) -> None:
    machine.ok(PIP_SAYS=NO_WHEEL)
    assert package in machine.read("auto").split()
    assert f'"^{package}$";' in machine.read("etc/apt/apt.conf.d/90dragoman")


EARS = "audio: {{echo: {echo}}}\ntalk: {{mode: {mode}}}\nservice: {{token_file: /t}}\n"


@pytest.mark.parametrize(
    ("echo", "mode", "ears", "speex"),
    [
        ("guard", "vad", False, False),
        ("cancel", "vad", True, False),
        ("guard", "wake", True, False),
        ("'cancel'", '"wake"', True, True),
    ],
)
def test_the_ears_come_where_the_configuration_asks_for_them(
    machine: Machine, echo: str, mode: str, ears: bool, speex: bool
) -> None:
    machine.write("etc/dragoman/dragoman.yaml", EARS.format(echo=echo, mode=mode))
    machine.ok()
    [asked] = [line for line in machine.told("pip") if "dragoman-" in line and "[" in line]
    assert ("[pi,live,metrics,ears]" in asked) == ears
    assert ("libspeexdsp1" in machine.read("packages").split()) == speex


def test_ears_in_a_comment_are_none(machine: Machine, tmp_path: Path) -> None:
    given = tmp_path / "given.yaml"
    given.write_text("# audio: {echo: cancel}, mode: wake\naudio: {echo: guard}\n")
    machine.ok("--config", str(given))
    assert not [line for line in machine.told("pip") if ",ears]" in line]
