"""Chaos: random faults of the network, one after the other, and the same checks.

Prints its seed; the same seed gives the same faults at the same places of the speech.
Everything said is one speech of 99 words, so a round is a minute; longer runs are more rounds.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.faults.case import Case
from tests.faults.measure import Outcome
from tests.faults.rig import Rig
from tests.faults.speech import Speech
from tests.faults.suite import hush
from tests.faults.table import Row, line

SENTENCES = 33
QUIET_MS = 2500  # between faults, at most

Harm = Callable[[Rig, random.Random], None]


def cut(rig: Rig, rng: random.Random) -> None:
    rig.proxy.cut()


def outage(rig: Rig, rng: random.Random) -> None:
    rig.proxy.refuse()
    rig.proxy.cut()
    rig.wait(rng.uniform(0.1, 4))


def blackhole(rig: Rig, rng: random.Random) -> None:
    rig.proxy.blackhole()
    rig.wait(rng.uniform(0.5, 3))


def stall(rig: Rig, rng: random.Random) -> None:
    rig.proxy.stall(*rng.choice((("up",), ("down",), ("up", "down"))))
    rig.wait(rng.uniform(0.1, 4))


def delay(rig: Rig, rng: random.Random) -> None:
    rig.proxy.delay(rng.uniform(20, 600))
    rig.wait(rng.uniform(1, 3))


def throttle(rig: Rig, rng: random.Random) -> None:
    rig.proxy.throttle(rng.uniform(16_000, 40_000))
    rig.wait(rng.uniform(1, 3))


def split(rig: Rig, rng: random.Random) -> None:
    rig.proxy.split(rng.randint(1, 50))
    rig.wait(rng.uniform(0.5, 2))


def half_close(rig: Rig, rng: random.Random) -> None:
    rig.proxy.half_close()


HARMS: tuple[Harm, ...] = (
    cut, cut, outage, outage, blackhole, stall, delay, throttle, split, half_close,
)  # fmt: skip


def play(seed: int, folder: Path, sentences: int = SENTENCES) -> tuple[Outcome, list[str]]:
    """One round; the outcome, and what was done when (ms of the speech)."""
    rng, done = random.Random(seed), []
    with Rig(folder) as rig:
        speech = rig.say(Speech(sentences))
        at = rng.randint(500, QUIET_MS)
        while at < speech.ms - QUIET_MS:
            rig.until(at)
            harm = rng.choice(HARMS)
            done.append(f"{harm.__name__} at {rig.device.microphone.said_ms}")
            harm(rig, rng)
            rig.proxy.calm()
            at = rig.device.microphone.said_ms + rng.randint(200, QUIET_MS)
        rig.finish(120)
        return rig.outcome(), done


def round_of(seed: int) -> Row:
    """One round, judged like any fault."""
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        outcome, done = play(seed, Path(folder))
    title = f"seed {seed}: {len(done)} faults"
    case = Case("chaos", title, "nothing lost", lambda _: outcome)
    failures = case.failures(outcome)
    if failures:
        failures.append("; ".join(done))
    return Row("chaos", title, case.expected, "", outcome, failures, 0.0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--rounds", type=int, default=1, help="seeds from SEED on")
    args = parser.parse_args()
    hush()
    print(f"seed {args.seed}\n{line(None)}", flush=True)
    failed = 0
    for seed in range(args.seed, args.seed + args.rounds):
        row = round_of(seed)
        print(line(row), *(f"\n    !! {failure}" for failure in row.failures), flush=True)
        failed += bool(row.failures)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
