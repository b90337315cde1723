"""What is tried in each system, as a new user would: the columns of the table."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from tests.fresh import service
from tests.fresh.machine import CLONE, Failed, Machine
from tests.fresh.roots import USER, Root


@dataclass(frozen=True)
class Check:
    """A column: ``made`` gives a remark for the table, or raises Failed.

    ``on_top`` checks begin with an installed service.
    """

    title: str
    what: str
    made: Callable[[Machine], str]
    on_top: bool = False
    only: Callable[[Root], bool] = lambda root: True


def clone(machine: Machine, user: str) -> None:
    """As from the project's page, into the home directory."""
    machine.run(CLONE, user=user)


def demo(machine: Machine) -> str:
    """By a user who may become root."""
    clone(machine, USER)
    return sentences(machine.run("cd dragoman && ./scripts/demo", user=USER, seconds=600))


def demo_as_root(machine: Machine) -> str:
    """By root in a user's clone, and then by that user."""
    clone(machine, USER)
    machine.run("cd dragoman && sudo ./scripts/demo", user=USER, seconds=600)
    return sentences(machine.run("cd dragoman && ./scripts/demo", user=USER, seconds=120))


def unit_tests(machine: Machine) -> str:
    """The unit tests of the gate, in the environment that the gate makes for itself."""
    clone(machine, USER)
    command = "cd dragoman && ./scripts/test tests/unit -q -n 2 -p no:cacheprovider"
    return passed(machine.run(command, user=USER, seconds=1200))


def sentences(output: str) -> str:
    """How many the demo says it has understood."""
    found = re.search(r"^(\d+) sentences recognised", output, re.MULTILINE)
    if not found or not int(found[1]):
        raise Failed("the demo recognised nothing")
    return f"{found[1]} sentences"


def passed(output: str) -> str:
    """The counts in pytest's last line; Failed when none passed."""
    lines = re.findall(r"^(?:=+ )?(\d+ \w+.*?) in [\d.:]+s", output, re.MULTILINE)
    counts = dict(reversed(pair) for pair in re.findall(r"(\d+) (\w+)", lines[-1] if lines else ""))
    if not counts.get("passed"):
        raise Failed("no test has passed")
    return ", ".join(f"{counts[word]} {word}" for word in ("passed", "skipped") if word in counts)


CHECKS = {
    "demo": Check("demo", "`./scripts/demo` by a user with sudo", demo),
    "demo-root": Check(
        "demo as root", "`sudo ./scripts/demo`, then by the user without sudo", demo_as_root
    ),
    "unit": Check("unit tests", "`./scripts/test tests/unit` by a user with sudo", unit_tests),
    "install": Check(
        "install",
        "`sudo scripts/install` by a user, the token as the README says, until the service is"
        " ready; then a boot, after which it is ready by itself",
        service.install,
    ),
    "upgrade": Check(
        "upgrade",
        "a newer version over it, by root under umask 077: the new one runs, configuration and"
        " token are as they were",
        service.upgrade,
        on_top=True,
    ),
    "killed": Check(
        "upgrade killed",
        "upgrades killed at random moments, in turn by SIGKILL to the installer and by a power cut:"
        " each time there is a command that works, the service is ready after a boot, and the next"
        " upgrade mends the rest",
        service.killed,
        on_top=True,
    ),
    "release": Check(
        "12 → 13",
        "the operating system upgraded under the service (`apt full-upgrade`, `autoremove`,"
        " boot): it comes up by itself, with the new Python, configuration and token as they were",
        service.release,
        on_top=True,
        only=lambda root: bool(root.next),
    ),
    "uninstall": Check(
        "uninstall",
        "`scripts/install --uninstall --purge` after the user has installed something that needs"
        " what came with dragoman: all of dragoman's is gone, nothing of anybody else's",
        service.uninstall,
        on_top=True,
    ),
}
