"""The fault suite: every fault against a real device; prints a table.

Exit code 1 when an expectation fails.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path

from agent.clock import SystemClock
from tests.faults.badday import badday
from tests.faults.case import Case
from tests.faults.clouds import clouds
from tests.faults.crash import crash
from tests.faults.fallback import fallback
from tests.faults.measure import Outcome
from tests.faults.network import network
from tests.faults.reports import reports
from tests.faults.sound import sound
from tests.faults.streams import streams
from tests.faults.table import Row, line, markdown, write_markdown
from tests.faults.talk import talk
from tests.faults.unwell import unwell
from tests.faults.unwilling import unwilling

CASES: dict[str, Case] = {
    name: case
    for catalogue in (
        streams,
        unwell,
        badday,
        network,
        talk,
        clouds,
        fallback,
        sound,
        reports,
        crash,
        unwilling,
    )
    for name, case in catalogue.cases.items()
}
AT_ONCE = 2


def run(name: str) -> Row:
    """Run one fault in a folder of its own."""
    case, clock = CASES[name], SystemClock()
    begun = clock.now()
    with tempfile.TemporaryDirectory(prefix="fault-") as folder:
        try:
            outcome = case.play(Path(folder))
        except AssertionError as error:  # something awaited did not come: that is a result
            outcome = Outcome(notes=[str(error)])
    failures = case.failures(outcome)
    return Row(case.name, case.title, case.expected, case.reason, outcome, failures,
               clock.now() - begun)  # fmt: skip


def run_all(names: list[str]) -> Iterator[Row]:
    """Run faults, two at a time, each in a fresh process; rows in the order of ``names``."""
    pool = ProcessPoolExecutor(
        AT_ONCE, mp_context=get_context("spawn"), max_tasks_per_child=1, initializer=hush
    )
    with pool:
        yield from pool.map(run, names)


def hush() -> None:
    """Only what nobody expected is worth a line."""
    logging.basicConfig(level=logging.CRITICAL)


def main() -> int:
    args = _arguments()
    names = args.only or list(CASES)
    if args.list:
        for name in names:
            print(f"{name:20} {CASES[name].title}")
        return 0
    rows = list(_printed(run_all(names)))
    if args.json:
        args.json.write_text(json.dumps([asdict(row) for row in rows], indent=1, default=sorted))
    if args.markdown:
        write_markdown(args.markdown, markdown(rows))
    failed = [row for row in rows if row.failures]
    print(f"{len(rows)} faults, {len(failed)} not as expected")
    return 1 if failed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/faults", description=__doc__)
    parser.add_argument("--only", action="append", choices=CASES, metavar="NAME")
    parser.add_argument("--list", action="store_true", help="name the faults and end")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="renew the table in it")
    args = parser.parse_args()
    if args.markdown and not args.markdown.is_file():
        parser.error(f"--markdown: {args.markdown} is not there; a table is renewed, not begun")
    return args


def _printed(rows: Iterable[Row]) -> Iterator[Row]:
    print(line(None), flush=True)
    for row in rows:
        print(line(row), flush=True)
        for failure in row.failures:
            print(f"    !! {failure}", flush=True)
        yield row


if __name__ == "__main__":
    sys.exit(main())
