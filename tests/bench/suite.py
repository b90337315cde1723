"""The bench: runs its parts, prints their tables and limits, writes their pages in docs/.

A missed limit is printed; exit code 1 means that a run was broken.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.bench import page
from tests.bench.hearing.parts import PARTS as HEARING
from tests.bench.page import Sheet
from tests.bench.parts import PARTS
from tests.bench.section import Options, Part, Section, verdict_lines
from tests.bench.workshop import ROOT

DOCS = ROOT / "docs"
SHEETS = {page.PERFORMANCE: PARTS, page.HEARING: HEARING}
ALL = {name: part for parts in SHEETS.values() for name, part in parts.items()}
QUICK = Options(seconds=8.0, rounds=1)


def main() -> int:
    args = _arguments()
    results: dict[str, Any] = {"machine": machine(), "parts": {}}
    if not args.redraw:
        try:
            measure(_named(args.only), _options(args), results["parts"])
        except (RuntimeError, AssertionError) as error:  # the latter: no broker
            print(f"bench: {error}", file=sys.stderr)
            return 1
    if args.json:
        args.json.write_text(json.dumps(results))
    if args.write_docs or args.redraw:
        write_docs(results)
    return 0


def measure(names: list[str], options: Options, found: dict[str, Any]) -> None:
    """Run the parts into ``found``, and print what came of each."""
    for name in names:
        part = ALL[name]
        found[name] = part.measure(options)
        section = part.present(found[name])
        print(f"\n{section.title}\n\n{section.table}\n")
        print(*verdict_lines(section.verdicts), sep="\n", flush=True)


def write_docs(results: dict[str, Any]) -> None:
    """Put new results in the place of the stored ones, and make the pages of all that is stored."""
    for sheet, parts in SHEETS.items():
        new = {name: data for name, data in results["parts"].items() if name in parts}
        if new or not results["parts"]:
            _write(sheet, results["machine"], new)


def _write(sheet: Sheet, machine: dict[str, str], new: dict[str, Any]) -> None:
    file = DOCS / sheet.name / "results.json"
    stored = json.loads(file.read_text()) if file.exists() else {"parts": {}}
    if new or "machine" not in stored:
        stored["machine"] = machine
    stored["parts"] |= new
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(stored, indent=None, separators=(",", ":")) + "\n")
    page.write(DOCS, stored["machine"], sections(stored["parts"], SHEETS[sheet]), sheet)


def sections(found: dict[str, Any], parts: Mapping[str, Part] = PARTS) -> list[Section]:
    """In the order of the ``parts``."""
    return [part.present(found[name]) for name, part in parts.items() if name in found]


def _named(words: list[str] | None) -> list[str]:
    """The parts that are asked for; ``hearing`` stands for all of its page."""
    found: list[str] = []
    for word in words or PARTS:
        found += HEARING if word == page.HEARING.name else [word]
    return found


def machine() -> dict[str, str]:
    """What it was measured on."""
    info = [line.split(":") for line in Path("/proc/cpuinfo").read_text().splitlines()]
    models = [words[1].strip() for words in info if words[0].strip() in ("model name", "Model")]
    return {
        "processor": f"{os.cpu_count()} × {models[0] if models else platform.machine()}",
        "system": f"Linux {platform.release()}, Python {platform.python_version()}",
        "load before": f"{os.getloadavg()[0]:.2f}",
    }


def _options(args: argparse.Namespace) -> Options:
    default = QUICK if args.quick else Options()
    return Options(args.seconds or default.seconds, args.rounds or default.rounds, args.step)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--seconds", type=float, help="a run streams for so long (60)")
    parser.add_argument("--rounds", type=int, help="runs of each contestant (3)")
    parser.add_argument("--quick", action="store_true", help="one round of 8 s: does it work?")
    parser.add_argument(
        "--only",
        action="append",
        choices=[*ALL, page.HEARING.name],
        metavar="PART",
        help=f"one of {', '.join([*ALL, page.HEARING.name])}; may be repeated",
    )
    parser.add_argument(
        "--step",
        type=int,
        default=0,
        metavar="FRAMES",
        help="the microphone's position moves by so many frames (0: periods)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument("--write-docs", action="store_true", help="renew the pages in docs/")
    parser.add_argument("--redraw", action="store_true", help="the same without measuring")
    return parser.parse_args()  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
