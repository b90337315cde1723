"""``dragoman doctor``: is this device fit, and if not, what mends it?"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict

from agent import logs
from agent.cli import options, output
from agent.clock import SystemClock
from agent.doctor import setting
from agent.doctor.check import Check
from agent.doctor.examination import examine
from agent.printable import as_json, printable

MARKS = {"pass": "✓", "warn": "!", "fail": "✗", "skip": "–"}
COLOURS = {"pass": "32", "warn": "33", "fail": "31", "skip": "2"}
PROMPTS = {
    "microphone": "say something …",
    "speaker": "a tone will be played …",
    "echo": "a noise will be played …",
}
WIDTH = 13  # of the longest name


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command and its options."""
    parser = subparsers.add_parser(
        "doctor",
        help="check microphone, speaker, pins, cloud, broker, clock …, and say what mends them",
        description="Checks everything the device needs; uses the speech service a little.",
    )
    options.add_config(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--no-sound", action="store_true", help="neither listen nor play a tone")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the checks; 1 when one of them failed."""
    output.utf8()
    terminal = sys.stdout.isatty() and not args.json
    checks = []
    for check in _checks(args, terminal):
        checks.append(check)
        if not args.json:
            out = output.drawing(sys.stdout)
            print("\n".join(lines(check, colours=terminal)), file=out, flush=True)
    failed = any(check.outcome == "fail" for check in checks)
    if args.json:
        report = {"ok": not failed, "checks": [asdict(check) for check in checks]}
        print(as_json(report, indent=2))
    return int(failed)


def _checks(args: argparse.Namespace, terminal: bool) -> Iterator[Check]:
    found = setting.load(args.config, args.set, args.cloud, os.environ)
    # What goes wrong is said by the checks.
    logs.setup("critical", found.config.logging.format)
    silent = dict.fromkeys(("microphone", "speaker", "echo"), "--no-sound") if args.no_sound else {}

    def begin(name: str) -> None:
        if terminal and name not in silent:
            prompt = f"  {name:{WIDTH}}  {PROMPTS.get(name, '…')}\r"
            print(prompt, end="", file=output.drawing(sys.stdout), flush=True)

    yield from examine(found, SystemClock(), silent, begin)


def lines(check: Check, *, colours: bool) -> list[str]:
    """A check as it is printed: the mark, the name, what was seen, and the mend below."""
    mark = MARKS[check.outcome]
    if colours:
        # The rest of the line is cleared: a prompt may stand there.
        mark = f"\x1b[K\x1b[{COLOURS[check.outcome]}m{mark}\x1b[0m"
    shown = [f"{mark} {check.name:{WIDTH}}  {printable(check.text)}".rstrip()]
    if check.mend:
        shown.append(f"{'':{WIDTH + 4}}→ {printable(check.mend)}")
    return shown
