"""The options that say which broker, for commands that need nothing else of a configuration."""

from __future__ import annotations

import argparse
import os
import re
from typing import Any

import msgspec
from msgspec.structs import replace

from agent import logs
from agent.config import loader
from agent.config.schema import Mqtt, Port, Topic
from agent.config.words import expected
from agent.errors import UsageError

_ADDRESS = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:/\[\]\s]+)(?::([0-9]{1,5}))?")


def add(parser: argparse.ArgumentParser) -> None:
    """``--config``, ``--set``, ``--broker`` and ``--topic``."""
    parser.add_argument("--config", metavar="FILE", help="configuration; only mqtt: counts")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override one key, e.g. mqtt.username=me; may be repeated",
    )
    parser.add_argument(
        "--broker", metavar="HOST[:PORT]", help="this one; its login is in --config FILE or --set"
    )
    parser.add_argument("--topic", help="what the topics begin with (dragoman)")


def load(args: argparse.Namespace) -> Mqtt:
    """The broker to use, with a host; logging is set up.

    Raises UsageError for everything wrong in the options and in the section ``mqtt``.
    """
    # With --broker the default file is not read: its password is for another broker.
    path = args.config or (os.devnull if args.broker else None)
    settings = loader.load_mqtt(path, args.set)
    # What goes wrong is told in one line at the end.
    logs.setup("critical", "plain")
    if args.broker is not None:
        settings = _at(settings, args.broker)
    if args.topic is not None:
        settings = replace(settings, topic=checked("--topic", args.topic, Topic))
    if settings.host is None:
        raise UsageError("mqtt.host is null: no broker; give --broker HOST:PORT")
    return settings


def _at(settings: Mqtt, text: str) -> Mqtt:
    match = _ADDRESS.fullmatch(text)
    if match is None:
        words = f"--broker: '{text[:60]}' is no address; expected HOST or HOST:PORT"
        raise UsageError(f"{words} such as 192.0.2.7:1883")
    host, port = match.groups()
    found = settings.port if port is None else checked("--broker", int(port), Port)
    return replace(settings, host=host.strip("[]"), port=found)


def checked(option: str, value: object, kind: Any) -> Any:
    """``value`` as a ``kind``; UsageError naming ``option`` where it is none."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError:
        raise UsageError(f"{option}: got '{value}'; expected {expected(kind)}") from None
