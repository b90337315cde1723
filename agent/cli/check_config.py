"""``dragoman check-config``: every mistake of a configuration at once, or a summary of it."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from agent.config import sources
from agent.config.loader import DEFAULT_PATH, load
from agent.config.schema import Config
from agent.errors import ConfigError, UsageError

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_parser(subparsers: Subparsers) -> None:
    """Add the command to the ``dragoman`` command line."""
    parser = subparsers.add_parser("check-config", help="say everything wrong with a configuration")
    parser.add_argument("file", metavar="FILE", nargs="?", help=f"default: {DEFAULT_PATH}")
    parser.add_argument(
        "--set",
        dest="sets",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="one key instead of the file's, such as audio.capture.device=hw:1,0",
    )
    parser.add_argument("--service", metavar="NAME", help="check with this service selected")
    parser.add_argument("--cloud", metavar="URL", help="check with all services at this URL")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print every mistake on stderr and return 2, or a summary on stdout and return 0.

    Credentials that only root may read are no mistake; that they were not seen is said.
    """
    try:
        config = load(args.file, args.sets, cloud=args.cloud, service=args.service)
    except ConfigError as error:
        again = f"sudo dragoman check-config {args.file or ''}".rstrip()
        if all(sources.ROOT_ONLY in problem for problem in error.problems):
            print(f"{args.file or 'configuration'}: ok but for its credentials, not looked at:")
            print(f"{sources.ROOT_ONLY}; {again}")
            return 0
        print(error, file=sys.stderr)
        if os.geteuid() != 0 and "may not be read" in str(error):
            print(f"root may: {again}", file=sys.stderr)
        return ConfigError.exit_code
    if problems := _unable(config):
        for problem in problems:
            print(f"{args.file or 'configuration'}: {problem}", file=sys.stderr)
        return ConfigError.exit_code
    print(f"{args.file or 'configuration'}: ok")
    print(summary(config))
    for line in _less(config):
        print(line)
    return 0


def _unable(config: Config) -> list[str]:
    """What the services of a right configuration cannot do: languages, the rate."""
    from agent import clouds
    from agent.services.entry import Shape
    from agent.services.provider import Provider

    provider = Provider(config.service)
    if provider.entry.shape is Shape.TEXT:  # for the commands that work on text
        return []
    try:
        clouds.check(provider, config)
    except UsageError as error:
        return str(error).splitlines()
    return []


def _less(config: Config) -> list[str]:
    """What is less in a fallback."""
    if not config.service.fallback:
        return []
    from agent.clouds import fallback
    from agent.services.provider import Provider

    return fallback.untranslated(Provider(config.service), config)


def summary(config: Config) -> str:
    """One line: device, service and those in its place, languages, mode, broker."""
    service, mqtt = config.service, config.mqtt
    names = " or ".join((service.name, *service.fallback))
    languages = f"{service.source} to {service.target}" if service.target else service.source
    broker = f"{mqtt.host}:{mqtt.port}" if mqtt.host else "none"
    return (
        f"device {config.device.id}, service {names}, {languages}, "
        f"mode {config.talk.mode}, broker {broker}"
    )
