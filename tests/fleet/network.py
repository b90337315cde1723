"""A network of the tests' own: a bridge, and for each node of the cluster a machine's worth of it.

All lives in network namespaces, so nothing of it is seen outside: its addresses and ports are
free whatever else runs on this machine, and a cable can really be pulled.
"""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from agent.clock import SystemClock

NET = "10.77.0"
HOME = f"{NET}.1"  #: where the devices and the back end are
NAME = "broker.test"  #: has the addresses of all nodes
NODES: Mapping[str, str] = {"one": f"{NET}.11", "two": f"{NET}.12", "three": f"{NET}.13"}
PORT = 1883
_ESTABLISHED = "01"


class Network:
    """Begins in a namespace that nobody else is in (see ``scripts/test-fleet``)."""

    def __init__(self, folder: Path) -> None:
        _run("ip", "link", "set", "lo", "up")
        _run("ip", "link", "add", "hub", "type", "bridge")
        _run("ip", "address", "add", f"{HOME}/24", "dev", "hub")
        _run("ip", "link", "set", "hub", "up")
        hosts = folder / "hosts"
        names = [f"{address} {name}" for name, address in NODES.items()]
        names += [f"{address} {NAME}" for address in NODES.values()]
        hosts.write_text("127.0.0.1 localhost\n" + "".join(f"{line}\n" for line in names))
        _run("mount", "--bind", str(hosts), "/etc/hosts")  # in our own mount namespace
        self._holders: dict[str, subprocess.Popen[bytes]] = {}

    def add(self, name: str, holder: Sequence[str]) -> None:
        """A machine ``name`` on the bridge; ``holder`` is the first process in it."""
        process = subprocess.Popen(
            ["unshare", "--net", "--", *holder], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        self._holders[name] = process
        own = Path("/proc/self/ns/net").readlink()
        clock = SystemClock()
        while Path(f"/proc/{process.pid}/ns/net").readlink() == own:
            clock.sleep(0.01)
        address, last = NODES[name], NODES[name].rpartition(".")[2]
        mac, cable = f"02:00:00:00:00:{last}", _cable(name)
        _run("ip", "link", "add", cable, "type", "veth",
             "peer", "name", "eth0", "address", mac, "netns", str(process.pid))  # fmt: skip
        _run("ip", "link", "set", cable, "master", "hub", "up")
        for command in (
            f"ip address add {address}/24 dev eth0",
            "ip link set lo up",
            "ip link set eth0 up",
        ):
            _run(*self.inside(name), *command.split())
        # What is sent to a machine that was cut off vanishes: nobody says that it is gone.
        _run("ip", "neighbour", "replace", address, "lladdr", mac, "dev", "hub", "nud", "permanent")

    def inside(self, name: str) -> list[str]:
        """What to put before a command that is to run on the machine ``name``."""
        return ["nsenter", f"--net=/proc/{self._holders[name].pid}/ns/net", "--"]

    def cut(self, name: str) -> None:
        """Pull the cable of ``name``."""
        _run("ip", "link", "set", _cable(name), "down")

    def mend(self, name: str) -> None:
        """Put it in again."""
        _run("ip", "link", "set", _cable(name), "up")

    def callers(self, name: str) -> int:
        """How many MQTT connections the machine ``name`` has."""
        table = Path(f"/proc/{self._holders[name].pid}/net/tcp").read_text().splitlines()[1:]
        port = f":{PORT:04X}"
        return sum(
            fields[1].endswith(port) and fields[3] == _ESTABLISHED
            for fields in (line.split() for line in table)
        )


def listens(address: str, port: int = PORT) -> bool:
    """Whether somebody takes connections there, within half a second."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        try:
            return probe.connect_ex((address, port)) == 0
        except TimeoutError:
            return False


def _cable(name: str) -> str:
    return f"to-{name}"


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
