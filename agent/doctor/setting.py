"""The configuration, for looking at a device that may have none, or a wrong one."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agent.config import loader, sources
from agent.config.own import ROLES
from agent.config.schema import Config
from agent.doctor.check import Check
from agent.errors import ConfigError

STAND_INS = (
    *("token", "app_id", "secret_id", "secret_key"),
    *("app_key", "app_secret", "endpoint", "access_key"),
)
UNKNOWN = "needs a configuration without mistakes"
BY_CONFIG = ("disk", "microphone", "speaker", "pins", "cloud", "credentials", *ROLES, "broker")


@dataclass(frozen=True, slots=True)
class Setting:
    """The configuration to look at, the check on itself, and why some checks cannot be made."""

    config: Config
    check: Check
    skipped: Mapping[str, str] = field(default_factory=dict)


def load(
    path: str | None, sets: Sequence[str], cloud: str | None, env: Mapping[str, str]
) -> Setting:
    """As much of the configuration as there is.

    Where only the credentials are wrong, all else is looked at as it is configured.
    """
    label = path or loader.DEFAULT_PATH
    there = path is not None or os.path.lexists(label)
    try:
        config = loader.load(path, sets, env, cloud)
    except ConfigError as error:
        if there or sets:
            return _mistaken(error, path, sets, cloud, env)
        mend = "scripts/install puts one there; or --config FILE"
        check = Check("configuration", "skip", f"{label} is not there: looking at defaults", mend)
        return Setting(Config(), check, dict.fromkeys(("credentials", "broker"), "not configured"))
    where = label if there else "defaults"
    text = f"{where}: {config.device.id}, {config.service.name}, {_languages(config)}"
    return Setting(config, Check("configuration", "pass", text))


def _mistaken(
    error: ConfigError,
    path: str | None,
    sets: Sequence[str],
    cloud: str | None,
    env: Mapping[str, str],
) -> Setting:
    first, more = error.problems[0], len(error.problems) - 1
    text = first + (f" (and {more} more)" if more else "")
    mend = "sudo dragoman doctor" if _unreadable(text) else f"dragoman check-config {path or ''}"
    check = Check("configuration", "fail", text, mend.rstrip())
    try:
        stand_ins = [f"service.{key}=0" for key in STAND_INS]
        config = loader.load(path, [*sets, *stand_ins], env, cloud)
    except ConfigError:
        return Setting(Config(), check, dict.fromkeys(BY_CONFIG, UNKNOWN))
    return Setting(config, check, {"credentials": UNKNOWN})


def _unreadable(text: str) -> bool:
    return sources.ROOT_ONLY in text or (os.geteuid() != 0 and "may not be read" in text)


def _languages(config: Config) -> str:
    service = config.service
    return f"{service.source} to {service.target}" if service.target else service.source
