"""The bench: runs its parts, prints their tables and limits, writes docs/performance.md.

A missed limit is printed; exit code 1 means that a run was broken.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

from tests.bench import page
from tests.bench.parts import PARTS
from tests.bench.section import Options, Section, verdict_lines
from tests.bench.workshop import ROOT

DOCS = ROOT / "docs"
STORED = DOCS / "performance" / "results.json"
QUICK = Options(seconds=8.0, rounds=1)


def main() -> int:
    args = _arguments()
    results: dict[str, Any] = {"machine": machine(), "parts": {}}
    if not args.redraw:
        try:
            measure(args.only or list(PARTS), _options(args), results["parts"])
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
        part = PARTS[name]
        found[name] = part.measure(options)
        section = part.present(found[name])
        print(f"\n{section.title}\n\n{section.table}\n")
        print(*verdict_lines(section.verdicts), sep="\n", flush=True)


def write_docs(results: dict[str, Any]) -> None:
    """Put new results in the place of the stored ones, and make the page of all that are stored."""
    stored = json.loads(STORED.read_text()) if STORED.exists() else {"parts": {}}
    if results["parts"] or "machine" not in stored:
        stored["machine"] = results["machine"]
    stored["parts"] |= results["parts"]
    STORED.parent.mkdir(exist_ok=True)
    STORED.write_text(json.dumps(stored, indent=None, separators=(",", ":")) + "\n")
    page.write(DOCS, stored["machine"], sections(stored["parts"]))


def sections(found: dict[str, Any]) -> list[Section]:
    """In the order of :data:`PARTS`."""
    return [part.present(found[name]) for name, part in PARTS.items() if name in found]


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
        choices=PARTS,
        metavar="PART",
        help=f"one of {', '.join(PARTS)}; may be repeated",
    )
    parser.add_argument(
        "--step",
        type=int,
        default=0,
        metavar="FRAMES",
        help="the microphone's position moves by so many frames (0: periods)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument("--write-docs", action="store_true", help="renew docs/performance.md")
    parser.add_argument("--redraw", action="store_true", help="the same without measuring")
    return parser.parse_args()  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
