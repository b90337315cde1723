"""What the gate installs is pinned, for every Python promised, within the ranges users install."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]


def requirements() -> list[Requirement]:
    """All of setup.cfg, with every extra."""
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "setup.cfg")
    texts = [config["options"]["install_requires"], *config["options.extras_require"].values()]
    lines = [line.strip() for text in texts for line in text.splitlines()]
    return [Requirement(line) for line in lines if line and not line.startswith("%(")]


def pins() -> list[Requirement]:
    lines = (ROOT / "scripts/constraints.txt").read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def applies(requirement: Requirement, python: str) -> bool:
    marker = requirement.marker
    return marker is None or marker.evaluate(
        {"python_version": python, "python_full_version": f"{python}.1"}
    )


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_each_requirement_has_one_pin_within_its_range(python: str) -> None:
    pinned = {
        canonicalize_name(pin.name): str(pin.specifier).removeprefix("==")
        for pin in pins()
        if applies(pin, python)
    }
    for requirement in requirements():
        if applies(requirement, python):
            version = pinned.get(canonicalize_name(requirement.name))
            assert version, f"{requirement} has no pin: scripts/raise-constraints"
            assert version in requirement.specifier
