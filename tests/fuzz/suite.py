"""All entrances, one after the other in equal shares of the time, two at once.

What is found is kept in ``tests/fuzz/corpus/NAME`` (commit it with the mend: the test command
tries it ever after); the exit code is 1 then.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.entrances import CORPUS, ENTRANCES

AT_ONCE = 2
HANG_S = 120  # for one input; the slowest take milliseconds
MOST_MB = 1024  # of memory, the instruments included


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one entrance."""

    name: str
    tried: int
    find: Path | None
    last_words: str


def fuzz(name: str, seconds: int, seed: int) -> Outcome:
    """Try ``name`` for ``seconds``, the start of the process not counted."""
    with tempfile.TemporaryDirectory(prefix=f"fuzz-{name}-") as folder:
        corpus, finds = Path(folder, "corpus"), Path(folder, "finds")
        corpus.mkdir()
        finds.mkdir()
        for number, data in enumerate(ENTRANCES[name].corpus(name)):
            (corpus / f"{number}").write_bytes(data)
        done = subprocess.run(
            [
                sys.executable, "-m", "tests.fuzz.target", name, str(corpus),
                f"-max_total_time={seconds}", f"-seed={seed}", f"-timeout={HANG_S}",
                f"-rss_limit_mb={MOST_MB}", f"-artifact_prefix={finds}/", "-print_final_stats=1",
                "-max_len=4096",
            ],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            check=False,
        )  # fmt: skip
        tried = re.search(r"number_of_executed_units:\s+(\d+)", done.stdout)
        find = next(finds.iterdir(), None)
        if find is not None:
            kept = CORPUS / name / find.name
            kept.parent.mkdir(parents=True, exist_ok=True)
            find = Path(shutil.copy(find, kept))
        failed = find is not None or done.returncode != 0
        words = "\n".join(done.stdout.splitlines()[-25:]) if failed else ""
        return Outcome(name, int(tried[1]) if tried else 0, find, words)


def main() -> int:
    """Run it; 0 where nothing was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="in all (%(default)g)")
    parser.add_argument("--seed", type=int, default=1, help="of chance (%(default)s)")
    parser.add_argument("--only", action="append", metavar="NAME", choices=[*ENTRANCES])
    parser.add_argument("--list", action="store_true", help="the entrances, and nothing more")
    args = parser.parse_args()
    names = args.only or list(ENTRANCES)
    if args.list:
        print("\n".join(names))
        return 0
    seconds = max(1, round(args.minutes * 60 * min(AT_ONCE, len(names)) / len(names)))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = []
        for outcome in pool.map(lambda name: fuzz(name, seconds, args.seed), names):
            outcomes.append(outcome)
            bad = outcome.find or outcome.last_words
            mark = "✗" if bad else "✓"
            print(f"{mark} {outcome.name:24} {outcome.tried:>9,} inputs in {seconds} s", flush=True)
            if bad:
                print(outcome.last_words)
                print(f"kept: {outcome.find}")
    found = sum(bool(each.find or each.last_words) for each in outcomes)
    total = sum(each.tried for each in outcomes)
    print(f"{len(outcomes)} entrances, {total:,} inputs, {found} finds (seed {args.seed})")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
