"""The command line: one file a command, each with ``add_parser`` and ``run``."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from agent import __version__
from agent.cli import output
from agent.errors import DragomanError
from agent.printable import printable
from agent.redact import hide
from agent.system import journal

COMMANDS = (
    "run",
    "check_config",
    "devices",
    "doctor",
    "transcribe",
    "translate",
    "summarize",
    "fleet",
    "wake",
    "emulate",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 1 failed, 2 wrong usage or configuration."""
    argv = sys.argv[1:] if argv is None else argv
    try:
        with output.guarded():
            args = _parser(argv).parse_args(argv)
            return int(args.run(args))
    except DragomanError as error:
        _say(error)
        return error.exit_code
    except KeyboardInterrupt:
        return 130


def _say(error: DragomanError) -> None:
    if sys.stderr is not None:
        for line in str(error).splitlines():
            print(f"{_level()}dragoman: {printable(hide(line))}", file=sys.stderr)


def _level() -> str:
    """What marks a line as an error for journald (sd-daemon(3)), where that reads it."""
    return "<3>" if journal.is_stderr() else ""


def _parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    """The command in ``argv`` alone where it is one: the others need not be loaded."""
    asked = [name for name in COMMANDS if argv and argv[0] == name.replace("_", "-")]
    parser = argparse.ArgumentParser(
        prog="dragoman", description="The firmware-side agent of a speech translator."
    )
    parser.add_argument("--version", action="version", version=f"dragoman {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in asked or COMMANDS:
        importlib.import_module(f"agent.cli.{name}").add_parser(subparsers)
    return parser
