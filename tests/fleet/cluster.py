"""Three RabbitMQ nodes with the MQTT plugin, each on a machine of its own network."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from agent.clock import SystemClock
from tests.bench.process import cpu_s, rss_mb
from tests.fleet.network import NODES, PORT, Network, listens

USER, PASSWORD = "device", "word-of-the-crowd"
START_S = 150.0

#: What is set, and why, is in docs/fleet.md.
SETTINGS = f"""\
listeners.tcp = none
mqtt.listeners.tcp.1 = 0.0.0.0:{PORT}
mqtt.tcp_listen_options.backlog = 4096
mqtt.tcp_listen_options.nodelay = true
mqtt.allow_anonymous = false
mqtt.prefetch = 200
mqtt.subscription_ttl = 86400000
default_user = {USER}
default_pass = {PASSWORD}
loopback_users = none
cluster_formation.peer_discovery_backend = rabbit_peer_discovery_classic_config
cluster_partition_handling = pause_minority
raft.wal_max_size_bytes = 67108864
vm_memory_high_watermark.absolute = 1GB
disk_free_limit.absolute = 50MB
log.file.level = info
log.connection.level = error
"""

#: In the older syntax, as the newer has no key for them in 3.10.
ADVANCED = """\
[{kernel, [{net_ticktime, 20}]},
 {rabbitmq_mqtt, [{durable_queue_type, quorum}]}].
"""


class Cluster:
    """Used as a context: the nodes are killed at its end.

    Args:
        sbin: the folder of RabbitMQ's own start scripts.
    """

    def __init__(self, sbin: Path, network: Network, folder: Path) -> None:
        self._sbin, self._network, self._folder = sbin, network, folder
        self._nodes: dict[str, subprocess.Popen[bytes]] = {}
        home = folder / "home"
        home.mkdir()
        cookie = home / ".erlang.cookie"
        cookie.write_text("a-fleet-of-the-tests")
        cookie.chmod(0o400)
        for name in NODES:
            self._prepare(name)

    def __enter__(self) -> Cluster:
        for name in NODES:
            self._network.add(name, ["epmd"])
        for name in NODES:  # in turn: see docs/fleet.md
            self.launch(name)
            self.await_up(name)
        found = self.evaluate("one", "length(rabbit_nodes:all_running()).")
        if found != str(len(NODES)):
            raise RuntimeError(f"node one has found {found} nodes, itself included")
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._nodes.values():
            process.kill()
            process.wait()

    def launch(self, name: str) -> None:
        """Start a node; it takes its place in the cluster when the others are there."""
        log = (self._folder / name / "out").open("ab")
        with log:
            self._nodes[name] = subprocess.Popen(
                [*self._network.inside(name), str(self._sbin / "rabbitmq-server")],
                env=self._environ(name),
                cwd=self._folder / name,  # where it leaves what it cannot make sense of
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def await_up(self, name: str) -> None:
        """Wait until the node takes connections."""
        wait_until(lambda: self.up(name), f"node {name} to listen", START_S)

    def up(self, name: str) -> bool:
        """Whether the node takes connections; RuntimeError where it has ended by itself."""
        code = self._nodes[name].poll()
        if code is not None:
            out = (self._folder / name / "out").read_text(errors="replace")
            raise RuntimeError(f"node {name} ended with {code}: {out[-500:]}")
        return listens(NODES[name])

    def kill(self, name: str) -> None:
        """As a power cut would."""
        for pid in self._family(name):
            os.kill(pid, 9)
        self._nodes[name].wait()

    def drain(self, name: str) -> None:
        """Send its clients away, before it is stopped in an orderly way."""
        self._command(name, "rabbitmq-upgrade", "drain")

    def stop(self, name: str) -> None:
        """In the orderly way; what it keeps is on the disk."""
        self._command(name, "rabbitmqctl", "stop")
        self._nodes[name].wait(START_S)

    def evaluate(self, name: str, expression: str) -> str:
        """What an Erlang expression gives on the node."""
        return self._command(name, "rabbitmqctl", "-q", "eval", expression)

    def send_away(self, name: str, share: int, wave: int) -> None:
        """Close every ``share``-th connection of the node, for its device to choose again.

        Each ``wave`` has others: by the same choice those would be left that were left before.
        """
        self.evaluate(
            name,
            '[rabbit_mqtt_reader:close_connection(P, <<"spread">>) || {_, P} <- '
            "rabbit_mqtt_collector:list(), node(P) =:= node(),"
            f" erlang:phash2({{P, {wave}}}, {share}) =:= 0], ok.",
        )

    def usage(self) -> tuple[float, float]:
        """CPU seconds so far and resident MB of all nodes."""
        pids = [pid for name in self._nodes for pid in self._family(name)]
        return sum(map(cpu_s, pids)), sum(map(rss_mb, pids))

    def _family(self, name: str) -> list[int]:
        """The node's process and those it has started, children first."""
        if self._nodes[name].poll() is not None:
            return []
        return [*_descendants(self._nodes[name].pid), self._nodes[name].pid]

    def _prepare(self, name: str) -> None:
        own = self._folder / name
        own.mkdir()
        peers = "".join(
            f"cluster_formation.classic_config.nodes.{number} = rabbit@{peer}\n"
            for number, peer in enumerate(NODES, 1)
        )
        (own / "rabbitmq.conf").write_text(SETTINGS + peers)
        (own / "advanced.config").write_text(ADVANCED)
        (own / "enabled_plugins").write_text("[rabbitmq_mqtt].\n")

    def _environ(self, name: str) -> dict[str, str]:
        own = self._folder / name
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(self._folder / "home"),
            "RABBITMQ_NODENAME": f"rabbit@{name}",
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": str(own / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(own / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(own / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(own / "mnesia"),
            "RABBITMQ_LOG_BASE": str(own / "log"),
            "RABBITMQ_PID_FILE": str(own / "pid"),
        }

    def _command(self, name: str, program: str, *arguments: str) -> str:
        command = [*self._network.inside(name), str(self._sbin / program), *arguments]
        done = subprocess.run(
            command, env=self._environ(name), capture_output=True, text=True, timeout=START_S,
            stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        if done.returncode:
            words = (done.stderr or done.stdout).strip()[-500:]
            raise RuntimeError(f"{program} {arguments[0]} on {name}: {words}")
        return done.stdout.strip()


def wait_until(done: Callable[[], bool], what: str, seconds: float) -> float:
    """Wait for ``done``; how long it took (s).  TimeoutError where it never comes."""
    clock = SystemClock()
    begun = clock.now()
    while not done():
        if clock.now() - begun > seconds:
            raise TimeoutError(f"waited {seconds:g} s for {what}")
        clock.sleep(0.1)
    return clock.now() - begun


def _descendants(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from _descendants(int(child))
            yield int(child)
