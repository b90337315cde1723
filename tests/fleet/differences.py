"""What a cluster of this kind does with MQTT, found out by trying; for docs/fleet.md."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from tests.fleet.cluster import PASSWORD, USER, Cluster
from tests.fleet.network import NODES, PORT

WAIT_S = 4.0
QUIET_S = 1.5


class Client:
    """A plain MQTT client of one node; ``heard`` has topic, payload, QoS and whether retained."""

    def __init__(self, node: str, name: str, *, clean: bool = True, will: str = "") -> None:
        self.heard: queue.Queue[tuple[str, bytes, int, bool]] = queue.Queue()
        self.granted: queue.Queue[int] = queue.Queue()
        self.connected: queue.Queue[str] = queue.Queue()
        self.lost: queue.Queue[str] = queue.Queue()
        self.client = self._made(name, clean)
        self.client.username_pw_set(USER, PASSWORD)
        if will:
            self.client.will_set(will, b"gone", 1)
        self.client.on_message = lambda _c, _d, m: self.heard.put(
            (m.topic, bytes(m.payload), m.qos, m.retain)
        )
        self.client.on_subscribe = lambda _c, _d, _m, codes, _p: self.granted.put(codes[0].value)
        self.client.on_connect = lambda _c, _d, flags, code, _p: self.connected.put(
            f"{code}, session {'kept' if flags.session_present else 'new'}"
        )
        self.client.on_disconnect = lambda _c, _d, _f, code, _p: self.lost.put(str(code))
        self.client.connect(NODES[node], PORT, 20)
        self.client.loop_start()
        self.welcome = self.connected.get(timeout=WAIT_S)

    def _made(self, name: str, clean: bool) -> paho.Client:
        return paho.Client(
            CallbackAPIVersion.VERSION2, client_id=name, clean_session=clean,
            reconnect_on_failure=False,
        )  # fmt: skip

    def listen(self, topic: str, qos: int = 1) -> int:
        """Subscribe; the QoS granted."""
        self.client.subscribe(topic, qos)
        return self.granted.get(timeout=WAIT_S)

    def say(self, topic: str, payload: bytes, qos: int = 1, *, retain: bool = False) -> bool:
        """Publish; whether it was acknowledged."""
        info = self.client.publish(topic, payload, qos, retain)
        with suppress(RuntimeError, ValueError):
            info.wait_for_publish(WAIT_S)
        return info.is_published()

    def next(self, seconds: float = QUIET_S) -> tuple[str, bytes, int, bool] | None:
        """The next message, if one comes in time."""
        try:
            return self.heard.get(timeout=seconds)
        except queue.Empty:
            return None

    def vanish(self) -> None:
        """As a device does that loses its power."""
        sock: Any = self.client.socket()
        sock.shutdown(2)

    def leave(self) -> None:
        """Say goodbye."""
        self.client.disconnect()
        self.client.loop_stop()


@contextmanager
def client(node: str, name: str, **options: Any) -> Iterator[Client]:
    made = Client(node, name, **options)
    try:
        yield made
    finally:
        made.leave()


def retained() -> str:
    found = []
    with client("one", "teller") as teller:
        teller.say("probe/kept", b"x", retain=True)
        for node in ("one", "two"):
            for topic in ("probe/kept", "probe/+"):
                with client(node, f"late-{node}") as late:
                    late.listen(topic)
                    came = late.next() is not None
                found.append(f"node {node}, {topic}: {'comes' if came else 'does not come'}")
    return "; ".join(found)


def qos_2() -> str:
    with client("one", "listener") as listener, client("two", "teller") as teller:
        granted = listener.listen("probe/two", 2)
        taken = teller.say("probe/two", b"x", 2)
        heard = listener.next(WAIT_S)
    came = "nothing" if heard is None else f"QoS {heard[2]}"
    return f"granted {granted}; published with 2: acknowledged {taken}; comes with {came}"


def takeover() -> str:
    with client("one", "same") as first:
        second = Client("two", "same")
        try:
            ended = first.lost.get(timeout=WAIT_S)
        except queue.Empty:
            ended = "not at all"
        second.leave()
    return f"the second, at another node: {second.welcome}; the first ends: {ended}"


def will() -> str:
    with client("one", "listener") as listener:
        listener.listen("probe/will")
        dying = Client("two", "dying", will="probe/will")
        dying.vanish()
        heard = listener.next(WAIT_S)
        dying.leave()
    return "comes when the connection breaks" if heard else "does not come"


def session() -> str:
    first = Client("one", "stays", clean=False)
    first.listen("probe/session")
    first.leave()
    with client("three", "teller") as teller:
        teller.say("probe/session", b"meanwhile")
    with client("two", "stays", clean=False) as second:
        heard = second.next(WAIT_S)
    there = "is there" if heard else "is not"
    return f"at another node: {second.welcome}; what came meanwhile {there}"


def nobody() -> str:
    with client("one", "teller") as teller:
        return f"acknowledged: {teller.say('probe/nobody', b'x')}"


def dots() -> str:
    with client("one", "listener") as listener, client("two", "teller") as teller:
        listener.listen("probe/#")
        teller.say("probe/a.b/status", b"x")
        heard = listener.next(WAIT_S)
    return f"probe/a.b/status comes as {heard[0] if heard else 'nothing'}"


def large() -> str:
    found = []
    for size in (100_000, 1_000_000, 10_000_000):
        with client("one", "listener") as listener, client("two", "teller") as teller:
            listener.listen("probe/large")
            teller.say("probe/large", bytes(size))
            came = listener.next(WAIT_S) is not None
        found.append(f"{size:,} bytes {'come' if came else 'do not'}")
    return "; ".join(found)


def version_5() -> str:
    try:
        with client_5("one") as five:
            return five.welcome
    except (queue.Empty, OSError) as error:
        return f"no answer ({type(error).__name__})"


class _Five(Client):
    def _made(self, name: str, clean: bool) -> paho.Client:
        return paho.Client(
            CallbackAPIVersion.VERSION2, client_id=name, protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
        )  # fmt: skip


@contextmanager
def client_5(node: str) -> Iterator[Client]:
    made = _Five(node, "five")
    try:
        yield made
    finally:
        made.leave()


PROBES: dict[str, Callable[[], str]] = {
    "a retained message, published at node one": retained,
    "QoS 2": qos_2,
    "a second client with the same id": takeover,
    "the last will": will,
    "a session that is to be kept": session,
    "a command nobody hears": nobody,
    "a dot in a topic": dots,
    "large messages": large,
    "MQTT 5": version_5,
}


def probe(cluster: Cluster) -> Iterator[tuple[str, str]]:
    """What each probe has seen; the last one costs a node."""
    for what, look in PROBES.items():
        try:
            yield what, look()
        except (queue.Empty, OSError, RuntimeError) as error:
            yield what, f"failed: {type(error).__name__} {error}"
    with ExitStack() as stack:
        listener = stack.enter_context(client("one", "listener"))
        listener.listen("probe/will")
        dying = Client("two", "dying", will="probe/will")
        orphan = Client("two", "orphan")
        orphan.listen("probe/orphan", 1)
        other = Client("two", "other")
        other.listen("probe/other", 0)
        cluster.kill("two")
        yield "the last will, when the node dies", "comes" if listener.next(10.0) else "never comes"
        for name, qos in (("orphan", 1), ("other", 0)):
            again = Client("three", name)
            try:
                seen = f"granted {again.listen(f'probe/{name}', qos)}"
            except queue.Empty:
                seen = "the node hangs up"
            yield f"its clients, clean session, subscribing with QoS {qos} elsewhere", seen
            again.leave()
        for each in (dying, orphan, other):
            each.leave()
