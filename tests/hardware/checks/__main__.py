"""In the guest: make the checks named (all without a name), put rows into ``/out/rows.json``."""

from __future__ import annotations

import json
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

from tests.hardware.checks import CHECKS, Row, Skipped
from tests.hardware.checks.bench import Bench
from tests.hardware.checks.machine import plug, power_pins


def main(names: list[str]) -> None:
    """Make the checks and write down what they saw; one that fails does not stop the others."""
    plug()
    power_pins()
    rows: list[Row] = []
    missing: list[float] = []
    for name in names or CHECKS:
        started = time.monotonic()
        print(f"== {name}: {CHECKS[name].what}", flush=True)
        for row in _made(name, missing):
            rows.append(row)
            print(f"   {row.check}: {row.seen}", flush=True)
        print(f"   ({time.monotonic() - started:.0f} s)", flush=True)
        so_far = [*rows, _answered(missing)]
        Path("/out/rows.json").write_text(json.dumps([asdict(row) for row in so_far]))


def _made(name: str, missing: list[float]) -> Iterator[Row]:
    """The rows of a check; when the device missed an answer in it goes to ``missing``."""
    bench = Bench()
    try:
        check = getattr(import_module(f"tests.hardware.checks.{CHECKS[name].module}"), name)
        yield from check(bench)
    except Skipped as why:
        yield Row(name, "", str(why), None)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a row of the table
        traceback.print_exc()
        last = str(error).strip().rpartition("\n")[2]
        yield Row(name, "no error", f"{type(error).__name__}: {last[:80]}", False)
    finally:
        bench.close()
        missing.extend(bench.events("no_result"))


def _answered(missing: list[float]) -> Row:
    """The emulator answers all that it hears, so that none may be missed."""
    seen = f"{len(missing)} of them" if missing else "none"
    return Row("answers said to be missing", "none", seen, not missing)


main(sys.argv[1:])
