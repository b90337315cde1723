"""What the commands on files and texts have in common: their options, and what they mean."""

from __future__ import annotations

import argparse
from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from agent import logs
from agent.config import loader
from agent.config.schema import Config, Language, Service
from agent.errors import UsageError


def add_config(parser: argparse.ArgumentParser) -> None:
    """``--config``, ``--set`` and ``--cloud``."""
    parser.add_argument("--config", metavar="FILE", help="configuration (YAML)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override one key, e.g. service.token_file=PATH; may be repeated",
    )
    parser.add_argument("--cloud", metavar="URL", help="one host for all services (emulator)")


def add_languages(parser: argparse.ArgumentParser) -> None:
    """``--source`` and ``--target``."""
    parser.add_argument("--source", metavar="L", help="language of the input, e.g. en")
    parser.add_argument("--target", metavar="L", help="language to translate to")


def seconds(text: str) -> float:
    """An option's number of seconds; argparse names this function where it is none."""
    value = float(text)
    if not 0 <= value <= 10 * 365 * 86400:
        raise ValueError
    return value


def load(args: argparse.Namespace, service: str | Callable[[Config], str | None] | None) -> Config:
    """The configuration with the options laid over it; logging is set up by it.

    Raises UsageError for everything wrong in either.
    """
    config = loader.load(args.config, args.set, cloud=args.cloud, service=service)
    source, target = getattr(args, "source", None), getattr(args, "target", None)
    config = replace(config, service=_spoken(config.service, source, target))
    level = config.logging.level
    # What goes wrong is told in one line at the end; who wants to know more sets the level.
    quiet = "critical" if level == "info" else level
    logs.setup(quiet, config.logging.format)
    return config


def _spoken(service: Service, source: str | None, target: str | None) -> Service:
    if source is not None:
        service = replace(service, source=_language("--source", source))
    if target is not None:  # one on the command line stands for all of the configuration
        service = replace(service, target=_language("--target", target), targets=())
    return service


def _language(option: str, code: str) -> str:
    try:
        return msgspec.convert(code, Language)
    except msgspec.ValidationError:
        words = f"{option}: '{code[:20]}' is no language code such as zh or en-US"
        raise UsageError(words) from None
