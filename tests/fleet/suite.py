"""The command: a cluster, a crowd and a back end; then the cluster is harmed.  Prints a table."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from agent.clock import SystemClock
from tests.fleet import differences, host, results
from tests.fleet.backend import BackEnd
from tests.fleet.cluster import Cluster, wait_until
from tests.fleet.devices import Crowd
from tests.fleet.network import HOME, NAME, NODES, PORT, Network, listens
from tests.fleet.results import SPREAD, Step

#: How long each part may take at most, seconds; together less than ten minutes.
CONNECT_S, BACK_S, HEAL_S, COMMANDS_S, DRAIN_S = 120.0, 120.0, 90.0, 60.0, 60.0

STEADY_S, AFTER_S = 15.0, 5.0
CUT_S = 45.0  #: a node that has lost the others stops in this time, and its devices have left
WAVES = 4


def main(arguments: Sequence[str] | None = None) -> int:
    """0: everything held, or it cannot run here; 1: something did not hold."""
    args = _parsed(arguments)
    why = host.obstacle()
    if why:
        print(f"skipped: the fleet cannot be tried here: {why}")
        return 0
    if not args.inside:
        return subprocess.run(
            host.alone(sys.argv[1:] if arguments is None else arguments)
        ).returncode
    os.nice(args.nice)
    folder = Path(tempfile.mkdtemp(prefix="fleet-"))
    if args.differences:
        with Cluster(host.SBIN, Network(folder), folder) as cluster:
            for what, seen in differences.probe(cluster):
                print(f"{what}: {seen}", flush=True)
        return 0
    try:
        outcome = Run(folder, args.devices, args.qos).all()
    except (RuntimeError, TimeoutError, subprocess.SubprocessError) as error:
        print(f"test-fleet: {error}; what the nodes said is in {folder}")
        return 1
    print(f"\n{results.columns(outcome)}\n")
    for line in results.verdicts(outcome):
        print(line)
    if args.markdown:
        results.write(args.markdown, outcome)
    if args.json:
        args.json.write_text(json.dumps(results.as_json(outcome), indent=1) + "\n")
    if results.failures(outcome):
        print(f"what the nodes said is in {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


class Run:
    """One run, from an empty folder."""

    def __init__(self, folder: Path, devices: int, qos: int) -> None:
        self._folder, self._count, self._qos = folder, devices, qos
        self._clock = SystemClock()
        self._steps: list[Step] = []
        self._begun = self._clock.now()

    def all(self) -> results.Outcome:
        """Set up, harm, count."""
        self._network = Network(self._folder)
        with ExitStack() as stack:
            self._say("starting three RabbitMQ nodes")
            self._cluster = stack.enter_context(Cluster(host.SBIN, self._network, self._folder))
            self._say("they have found each other")
            stack.enter_context(_balancer(self._folder))
            names = [f"d{n:05}" for n in range(self._count)]
            back_end = stack.enter_context(BackEnd(HOME, names))
            if not back_end.ready.wait(30):
                raise TimeoutError("the back end cannot subscribe")
            ways = {NAME: self._count // 2, HOME: self._count - self._count // 2}
            self._crowd = stack.enter_context(Crowd(ways, self._folder, self._qos))
            with self._step("devices connect"):
                self._crowd.started()
                self._await_all(CONNECT_S)
            back_end.command()
            self._harm()
            self._say("the end: all that was said is waited for")
            back_end.hush()
            self._crowd.hush()
            usage = self._cluster.usage(), self._crowd.usage()
            self._within(lambda: back_end.unanswered == 0, COMMANDS_S)
            told = self._crowd.end()
            want = sum(len(device.said) for device in told.values())
            self._within(lambda: len(back_end.heard.finals) >= want, DRAIN_S)
        return results.Outcome(
            self._steps, told, self._crowd.way, back_end.heard, usage,
            self._clock.now() - self._begun,
        )  # fmt: skip

    def _harm(self) -> None:
        with self._step("nothing happens"):
            self._clock.sleep(STEADY_S)
        with self._step("node two is killed (kill -9)"):
            self._cluster.kill("two")
            self._await_all(BACK_S)
            self._clock.sleep(AFTER_S)
        with self._step("node two comes back"):
            self._cluster.launch("two")
            self._cluster.await_up("two")
            self._clock.sleep(AFTER_S)
        for name in NODES:
            with self._step(f"rolling restart: node {name}"):
                self._cluster.drain(name)
                self._cluster.stop(name)
                self._await_all(BACK_S)
                self._cluster.launch(name)
                self._cluster.await_up(name)
        with self._step(SPREAD):
            for wave in range(WAVES):
                for name in NODES:
                    self._cluster.send_away(name, WAVES, wave)
                self._clock.sleep(2.5)
            self._await_all(BACK_S)
        with self._step("node three is cut off"):
            self._network.cut("three")
            self._clock.sleep(CUT_S)
            self._await_all(BACK_S, but="three")
        with self._step("node three is reached again"):
            self._network.mend("three")
            self._within(lambda: listens(NODES["three"]), HEAL_S)
            self._await_all(BACK_S)
            self._clock.sleep(AFTER_S)

    @contextmanager
    def _step(self, what: str) -> Iterator[None]:
        self._say(what)
        step = Step(what, self._clock.now())
        self._steps.append(step)
        yield
        step.ended = self._clock.now()
        step.shares = {name: self._network.callers(name) for name in NODES}
        self._say(f"  {step.ended - step.begun:.0f} s; connections: {step.shares}")

    def _await_all(self, seconds: float, but: str = "") -> None:
        """Until as many connections as devices (and the back end) are there again."""

        def there() -> int:
            return sum(self._network.callers(name) for name in NODES if name != but)

        self._within(lambda: there() >= self._count + 1, seconds)

    def _within(self, done: Callable[[], bool], seconds: float) -> bool:
        """Wait for it; what has not come in time is counted in the end."""
        try:
            wait_until(done, "it", seconds)
        except TimeoutError:
            return False
        return True

    def _say(self, words: str) -> None:
        print(f"{self._clock.now() - self._begun:5.0f} s  {words}", flush=True)


@contextmanager
def _balancer(folder: Path) -> Iterator[None]:
    with (folder / "balancer.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.fleet.balancer", str(PORT), *NODES.values()],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        wait_until(lambda: listens(HOME), "the balancer to listen", 30)
        SystemClock().sleep(3)  # its first checks
        yield
    finally:
        process.kill()
        process.wait()


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="test-fleet", description=__doc__)
    parser.add_argument("--devices", type=int, default=300, metavar="N", help="(%(default)s)")
    parser.add_argument(
        "--qos", type=int, choices=(0, 1), default=0, help="of mqtt.command_qos (%(default)s)"
    )
    parser.add_argument("--nice", type=int, default=0, metavar="N", help="be so nice to others")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was counted")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="put the table into a page")
    parser.add_argument(
        "--differences", action="store_true", help="only try what this broker does with MQTT"
    )
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
