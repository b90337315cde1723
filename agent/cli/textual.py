"""What the commands on texts have in common: reading one, printing the answer to it."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from agent.cli import options, output
from agent.config.schema import Config
from agent.errors import UsageError

if TYPE_CHECKING:
    from agent.link.text import TextService
    from agent.services.texts import Task


def add_stream(parser: argparse.ArgumentParser) -> None:
    """``--stream``."""
    parser.add_argument("--stream", action="store_true", help="print the answer as it is made")


def standard_input() -> str:
    """All of standard input; UsageError where it is no text."""
    return decoded(sys.stdin.buffer.read(), "standard input")


def decoded(data: bytes, name: str) -> str:
    """UTF-8, with or without a mark at its beginning; UsageError with ``name`` for all else."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{name}: not a text in UTF-8") from None


def serving(args: argparse.Namespace, task: Task) -> Config:
    """The configuration with the service for ``task``: the one named, or one that can."""
    from agent.services.texts import serving as chosen

    return options.load(args, args.service or (lambda config: chosen(config, task)))


def add_service(parser: argparse.ArgumentParser) -> None:
    """``--service``."""
    parser.add_argument(
        "--service", metavar="NAME", help="default: one of the configuration that can"
    )


def answer(config: Config, text: str, task: Task, *, stream: bool) -> int:
    """Print what ``config.service`` makes of ``text``; returns the exit code 0.

    Raises UsageError for an empty text or wrong languages, LinkError and Refused.
    """
    from agent.clock import SystemClock
    from agent.link.dial import Dialer
    from agent.link.http import HttpClient
    from agent.link.text import TEXT_S, summary, translation

    output.utf8()
    clock = SystemClock()
    http = HttpClient(Dialer(config.network, clock), total_s=TEXT_S)
    try:
        make = translation if task == "translates" else summary
        service = make(config.service, http, clock)
        if stream:
            _print_pieces(service, text)
        else:
            print(service.ask(text), flush=True)
    finally:
        http.close()
    return 0


def _print_pieces(service: TextService, text: str) -> None:
    begun = False
    try:
        for piece in service.stream(text):
            print(piece, end="", flush=True)
            begun = True
    finally:
        if begun:  # an error gets a line of its own
            print(flush=True)
