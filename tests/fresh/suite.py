"""The command: tries every check in every system and draws the table."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import agent
from tests.fresh import host, results
from tests.fresh.checks import CHECKS, Check
from tests.fresh.machine import Failed, Machine
from tests.fresh.results import Result
from tests.fresh.roots import ROOTS, NotReached, Root, base, cache, remove

PROJECT = Path(__file__).parents[2]
LAST_LINES = 25


def main(arguments: Sequence[str] | None = None) -> int:
    """0: every cell made now works, or nothing can run here; 1: something fails."""
    args = _parsed(arguments)
    if args.list:
        print("systems:", *(f"  {name}" for name in ROOTS), sep="\n")
        print("checks:", *(f"  {name:10} {check.what}" for name, check in CHECKS.items()), sep="\n")
        return 0
    bad = False
    if not args.no_run:
        why = host.obstacle()
        if why:
            print(f"skipped: the systems cannot be made here: {why}")
            return 0
        for number in (signal.SIGINT, signal.SIGTERM):  # a background job ignores the first
            signal.signal(number, signal.default_int_handler)
        try:
            bad = Suite(args).run()
        except KeyboardInterrupt:
            print("\nstopped; what had been tried is kept")
            return 130
        except RuntimeError as error:
            print(f"test-fresh: {error}")
            return 1
    cells = results.kept(cache() / "results")
    print("\n" + results.columns(results.table(cells)))
    if args.markdown:
        args.markdown.write_text(results.page(cells))
    return 1 if bad else 0


class Suite:
    """One run of the command."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.keep = args.keep
        self._ended = 0.0
        self.roots = [ROOTS[name] for name in args.root or ROOTS]
        self.rebuild = set(self.roots) if args.rebuild else set()
        self.names = list(args.only or CHECKS)
        self.commit = _git("rev-parse", "--short=12", "HEAD")
        self.bundle = cache() / f"dragoman-{self.commit}.bundle"

    def run(self) -> bool:
        """Make the cells asked for; whether one of them fails."""
        host.prepare(emulation=any(root.emulated for root in self.roots))
        cache().mkdir(parents=True, exist_ok=True)
        if _git("status", "--porcelain", "--untracked-files=no"):
            print("there are changes that are not committed: they are not tried", flush=True)
        if not self.bundle.exists():
            making = self.bundle.with_suffix(f".{os.getpid()}")
            _git("bundle", "create", "--quiet", str(making), "HEAD")
            making.rename(self.bundle)
        _sweep(cache() / "work")
        outcomes = []
        for root in self.roots:
            for name in self.names:
                if CHECKS[name].only(root):
                    outcomes.append(self._cell(root, name).outcome)
        return results.FAIL in outcomes

    def _cell(self, root: Root, name: str) -> Result:
        print(f"== {root.name}: {name}", flush=True)
        started, self._ended = time.monotonic(), 0.0
        seen = {"python": "", "systemd": ""}
        _log(root, name).parent.mkdir(parents=True, exist_ok=True)
        _log(root, name).unlink(missing_ok=True)
        try:
            below = self._layers(root, CHECKS[name])
            started = time.monotonic()
            outcome, remark = results.PASS, self._made(root, name, below, seen)
        except NotReached as error:
            outcome, remark = results.NOT_REACHED, str(error)
        except (Failed, RuntimeError) as error:
            outcome, remark = results.FAIL, str(error).strip()
        seconds = (self._ended or time.monotonic()) - started
        today = datetime.now(UTC).date().isoformat()
        result = Result(
            root.name, name, outcome, seconds, remark, today, agent.__version__, self.commit, **seen
        )
        results.keep(result, cache() / "results")
        print(f"   {outcome}: {remark} ({results.duration(seconds)})", flush=True)
        if outcome == results.FAIL and (log := _log(root, name)).exists():
            lines = log.read_text(errors="replace").splitlines()[-LAST_LINES:]
            print(*(f"   | {line}" for line in lines), f"   more in {log}", sep="\n", flush=True)
        return result

    def _layers(self, root: Root, check: Check) -> list[Path]:
        """What a copy begins with, the uppermost first."""
        untouched = base(root, rebuild=root in self.rebuild)
        self.rebuild -= {root}
        return [self._installed(root), untouched] if check.on_top else [untouched]

    def _made(self, root: Root, name: str, below: list[Path], seen: dict[str, str]) -> str:
        """Make a check in a fresh copy; its remark, and into ``seen`` the versions there."""
        work = cache() / "work" / f"{root.name}-{name}-{os.getpid()}"
        machine = Machine(root, below, work, self.bundle, _log(root, name), keep=self.keep)
        if name == "install":
            machine.keep_as = self._layer(root)
        with machine:
            try:
                return CHECKS[name].made(machine)
            finally:
                self._ended = time.monotonic()  # what comes after is clearing up
                seen |= {"python": machine.version("python3-minimal")}
                seen |= {"systemd": machine.version("systemd")}

    def _installed(self, root: Root) -> Path:
        """The layer of a system in which this commit is installed and was ready."""
        layer = self._layer(root)
        if not layer.exists():
            before = results.kept(cache() / "results").get((root.name, "install"))
            if before is None or before.commit != self.commit:
                before = self._cell(root, "install")
            if before.outcome != results.PASS:
                raise Failed("the installation before it fails")
        return layer

    def _layer(self, root: Root) -> Path:
        return cache() / "installed" / f"{root.name}-{self.commit}"


def _log(root: Root, name: str) -> Path:
    return cache() / "logs" / root.name / f"{name}.log"


def _sweep(work: Path) -> None:
    """Remove what runs that were killed have left."""
    for folder in work.glob("*"):
        if not Path(f"/proc/{folder.name.rpartition('-')[2]}").exists():
            remove(folder)


def _git(*words: str) -> str:
    command = ["git", "-C", str(PROJECT), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"git {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout.strip()


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="test-fresh", description=__doc__)
    parser.add_argument("--list", action="store_true", help="name systems and checks, and stop")
    for option, names in (("--root", ROOTS), ("--only", CHECKS)):
        parser.add_argument(
            option, action="append", default=[], choices=names, metavar="NAME", help="may repeat"
        )
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the page there")
    parser.add_argument("--no-run", action="store_true", help="only draw what is kept")
    parser.add_argument("--keep", action="store_true", help="leave the copy of a check that fails")
    parser.add_argument("--rebuild", action="store_true", help="make the systems anew")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
