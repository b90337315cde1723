"""Versions side by side: switched by one rename, kept until the new one runs, and gone back to."""

from __future__ import annotations

import signal
import subprocess

import pytest

from tests.patience import HANG_S
from tests.unit.install.machine import TOOLS, Machine

UNIT = "etc/systemd/system/dragoman.service"


@pytest.fixture
def running(machine: Machine) -> Machine:
    """One with release 1 in use, running."""
    machine.ok()
    machine.configured()
    machine.write("run/activity", "active\n")
    return machine


def test_the_version_before_is_kept_and_no_other(running: Machine) -> None:
    running.ok()
    running.ok()
    assert running.link("current") == "releases/3"
    assert running.link("previous") == "releases/2"
    assert running.releases() == {"2", "3"}


def test_a_version_that_does_not_run_gives_way_to_the_one_before(running: Machine) -> None:
    running.write(UNIT, "the old one")
    running.write("opt/dragoman/releases/1/source/systemd/dragoman.service", "the old one")
    running.write("fails", "releases/2\n")
    done = running.run()
    assert done.returncode == 1
    assert "worker capture died" in done.stderr
    assert "back at the version before, which runs" in done.stderr
    assert running.link("current") == "releases/1"
    assert running.releases() == {"1"}
    assert running.read(UNIT) == "the old one"


def test_where_the_old_one_failed_too_the_new_one_stays(running: Machine) -> None:
    running.write("run/activity", "failed\n")
    running.write("fails", "all\n")
    done = running.run()
    assert done.returncode == 1
    assert "installed, but it does not run" in done.stderr
    assert running.link("current") == "releases/2"


def test_a_first_one_that_does_not_run_stays_and_is_told(machine: Machine) -> None:
    machine.configured()
    machine.write("fails", "all\n")
    done = machine.run()
    assert done.returncode == 1
    assert "worker capture died" in done.stderr
    assert machine.link("current") == "releases/1"


def test_a_configuration_only_the_old_one_takes_keeps_the_old_one(running: Machine) -> None:
    refusing = "#!/bin/bash\n[ $1 = --version ] || { echo 'x.yaml:3: no such key' >&2; exit 2; }\n"
    running.tool("dragoman", refusing)
    done = running.run()
    assert done.returncode == 1
    assert "x.yaml:3: no such key" in done.stderr
    assert "the new version does not take this configuration" in done.stderr
    assert running.link("current") == "releases/1"


def test_a_configuration_neither_takes_is_no_reason_to_stay(running: Machine) -> None:
    running.write("etc/dragoman/dragoman.yaml", "refused")
    assert "the configuration is not complete" in running.ok()
    assert running.link("current") == "releases/2"


def test_a_build_that_fails_changes_nothing(running: Machine) -> None:
    running.tool("pip", "#!/bin/bash\necho 'ERROR: no space left' >&2; exit 1\n")
    done = running.run()
    assert done.returncode == 1
    assert "no space left" in done.stderr
    assert "not finished: run it again" in done.stdout
    assert running.link("current") == "releases/1"


def test_what_cannot_be_run_is_not_switched_to(running: Machine) -> None:
    running.tool("dragoman", "#!/bin/bash\necho 'Permission denied' >&2; exit 1\n")
    done = running.run()
    assert done.returncode == 1
    assert "cannot run what was installed: Permission denied" in done.stderr
    assert running.link("current") == "releases/1"


def interrupted(machine: Machine, how: str) -> subprocess.CompletedProcess[str]:
    """An upgrade that is sent signal ``how`` while the new version is started."""
    hit = f"case $* in *restart*) kill -{how} $PPID; sleep 1 ;; esac\n"
    machine.tool("systemctl", f"#!/bin/bash\n{hit}{TOOLS['systemctl']}")
    done = machine.run()
    machine.tool("systemctl", f"#!/bin/bash\n{TOOLS['systemctl']}")
    return done


def test_interrupted_while_the_new_one_starts_what_was_there_is_back(running: Machine) -> None:
    done = interrupted(running, "TERM")
    assert done.returncode == -signal.SIGTERM
    assert "not finished: run it again; what was there before is as it was" in done.stdout
    assert running.link("current") == "releases/1"


def test_what_nobody_has_seen_run_takes_no_place_of_one_that_did(running: Machine) -> None:
    """The power went when the new version had just been started; and it is no good."""
    assert interrupted(running, "KILL").returncode == -signal.SIGKILL
    assert running.link("current") == "releases/2"
    running.write("run/activity", "activating\n")
    running.write("fails", "releases/2\nreleases/3\n")
    done = running.run()
    assert done.returncode == 1
    assert "back at the version before, which runs" in done.stderr
    assert running.link("current") == "releases/1"
    assert running.releases() == {"1"}


#: What ``systemctl edit`` can give to a service.
DROP_IN = """#!/bin/bash
case $1 in
    --version) echo "dragoman 1" ;;
    check-config)
        [ "$TOKEN_OF_ITS_UNIT$PYTHONOPTIMIZE" = "a b" ] || { echo "it is not set" >&2; exit 2; } ;;
esac
"""


GIVEN = {"TOKEN_OF_ITS_UNIT": "a b", "PYTHONOPTIMIZE": "2"}  # the latter is for its own release


def test_a_configuration_that_works_by_what_the_unit_gives_is_whole(running: Machine) -> None:
    running.tool("dragoman", DROP_IN)
    with subprocess.Popen(["/bin/sleep", "60"], env=GIVEN) as service:
        shows = f"case $* in *show*) echo MainPID={service.pid} ;; esac\n"
        running.tool("systemctl", f"#!/bin/bash\n{shows}{TOOLS['systemctl']}")
        assert "starting dragoman.service" in running.ok()
        running.write("fails", "releases/3\n")
        assert "back at the version before, which runs" in running.run().stderr
        service.kill()
    assert running.link("current") == "releases/2"


def test_what_has_run_and_does_not_now_is_started_whatever_can_be_seen(running: Machine) -> None:
    """An upgrade of the system took its Python away: nobody runs who shows what it is given."""
    running.ok()
    running.tool("dragoman", DROP_IN)
    running.write("opt/dragoman/releases/2/bin/dragoman", DROP_IN)
    running.write("run/activity", "failed\n")
    assert "starting dragoman.service" in running.ok()
    assert running.link("current") == "releases/3"


def legacy(machine: Machine) -> None:
    """As earlier installers left it: a virtual environment in /opt/dragoman itself."""
    for name in ("bin/dragoman", "bin/python"):
        machine.write(f"opt/dragoman/{name}", "#!/bin/bash\n" + TOOLS["dragoman"])
        (machine.root / "opt/dragoman" / name).chmod(0o755)
    machine.write("opt/dragoman/pyvenv.cfg", "")
    machine.write("opt/dragoman/receipt", "user dragoman\n")
    machine.write(UNIT, "ExecStart=/opt/dragoman/bin/dragoman")
    machine.configured()
    machine.write("run/activity", "active\n")


def test_an_installation_by_an_earlier_installer_is_taken_over(machine: Machine) -> None:
    legacy(machine)
    machine.ok()
    assert (machine.link("current"), machine.link("previous")) == ("releases/1", ".")
    assert (machine.root / "opt/dragoman/bin/dragoman").exists()
    machine.ok()
    assert (machine.link("current"), machine.link("previous")) == ("releases/2", "releases/1")
    assert not (machine.root / "opt/dragoman/bin").exists()
    assert "user dragoman" in machine.read("opt/dragoman/receipt")


def test_one_comes_back_when_the_new_one_does_not_run(machine: Machine) -> None:
    legacy(machine)
    machine.write("fails", "releases/1\n")
    assert machine.run().returncode == 1
    assert machine.link("current") == "."
    assert machine.read(UNIT) == "ExecStart=/opt/dragoman/bin/dragoman"


@pytest.mark.parametrize("tenths", range(1, 10))
def test_killed_at_any_moment_one_of_both_is_there_whole(running: Machine, tenths: int) -> None:
    running.ok()
    calls = len(running.log.read_text().splitlines())
    done = running.run(KILL_AT=str(1 + calls * tenths // 10))
    assert done.returncode == -signal.SIGKILL
    dragoman = running.root / "opt/dragoman" / running.link("current") / "bin/dragoman"
    version = subprocess.run(
        [dragoman, "--version"], capture_output=True, timeout=HANG_S, check=True
    )
    assert version.stdout == b"dragoman 1\n"
    running.ok()
    both = {running.link("current"), running.link("previous")}
    assert {f"releases/{name}" for name in running.releases()} == both
