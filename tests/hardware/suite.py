"""The command: builds or reuses the image, makes the checks in a guest, prints a table."""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Sequence

from tests.hardware import guest, host, image
from tests.hardware.checks import CHECKS, Row

OUT = image.cache() / "last"
LIMIT_S = 1800


def main(arguments: Sequence[str] | None = None) -> int:
    """0: everything held, or it cannot run here; 1: something did not hold."""
    args = _parsed(arguments)
    if args.list:
        for name, check in CHECKS.items():
            print(f"{name:10}{check.what}")
        return 0
    why = host.obstacle(args.architecture)
    if why:
        print(f"skipped: the hardware tests cannot run here: {why}")
        return 0
    try:
        rows = run(args.only, args.release, args.architecture, rebuild=args.rebuild)
    except RuntimeError as error:
        print(f"test-hardware: {error}")
        return 1
    print(f"\n{table(rows)}")
    failed = sum(row.good is False for row in rows)
    skipped = sum(row.good is None for row in rows)
    print(f"\n{len(rows)} rows, {failed} failed, {skipped} skipped; journal and console in {OUT}")
    return 1 if failed else 0


def run(
    names: Sequence[str] = (),
    release: str = image.RELEASES[0],
    architecture: str = image.ARCHITECTURES[0],
    *,
    rebuild: bool = False,
) -> list[Row]:
    """Make the checks named (all without a name) in a guest; the rows they give."""
    host.prepare(architecture)
    folder = image.ready(release, architecture, rebuild=rebuild)
    started = time.monotonic()
    print("booting the guest", flush=True)
    shutil.rmtree(OUT, ignore_errors=True)
    command = ["python", "-m", "tests.hardware.checks", *names]
    status = guest.run(folder, architecture, command, out=OUT, timeout=LIMIT_S)
    print(f"the guest took {time.monotonic() - started:.0f} s", flush=True)
    seen = OUT / "rows.json"
    rows = [Row(**row) for row in json.loads(seen.read_text())] if seen.exists() else []
    if status:
        rows.append(Row("the guest", "exit status 0", f"{status}", False))
    return rows


def table(rows: Sequence[Row]) -> str:
    """The rows in columns."""
    verdicts = {True: "pass", False: "FAIL", None: "skipped"}
    lines = [("check", "expected", "seen", "verdict")]
    lines += [(row.check, row.expected, row.seen, verdicts[row.good]) for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(4)]
    lines.insert(1, (*("-" * width for width in widths),))  # type: ignore[arg-type]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="test-hardware", description=__doc__)
    parser.add_argument("--list", action="store_true", help="name the checks and stop")
    parser.add_argument(
        "--only", action="append", default=[], choices=CHECKS, metavar="NAME", help="may repeat"
    )
    parser.add_argument(
        "--release",
        choices=image.RELEASES,
        default=image.RELEASES[0],
        help="Debian's, of the guest (%(default)s)",
    )
    parser.add_argument(
        "--arch",
        dest="architecture",
        choices=image.ARCHITECTURES,
        default=image.ARCHITECTURES[0],
        help="the guest's processor, as Debian names it (%(default)s)",
    )
    parser.add_argument("--rebuild", action="store_true", help="make the image anew")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
