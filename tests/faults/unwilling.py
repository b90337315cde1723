"""Faults of brokers that do not take everything, and of disks and cards away at the start."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from agent.clock import SystemClock
from agent.config import loader
from agent.config.schema import DEFAULT_SERVICE
from agent.emulator import Emulator
from agent.emulator.engines.scripted import ScriptedEngine
from agent.events import Notice
from agent.fleet import forgetting
from agent.fleet.broker import Broker as Fleet
from tests.choices import ENTITIES
from tests.faults import device as whole
from tests.faults.case import Case, Catalogue
from tests.faults.measure import Outcome
from tests.faults.rig import TONES
from tests.system.broker import Broker, Observer, wait_until
from tests.system.device import Running, write_config
from tests.system.reporting import BASE, Device, heard, sentence
from tests.system.wayside import PUBACK, PUBLISH, Verdict, Wayside, topic_of

unwilling = Catalogue()

FINALS = 200


@dataclass
class Bench:
    """A broker, somebody who listens, and a reporter with a proxy that reads MQTT between."""

    folder: Path
    broker: Broker
    observer: Observer
    way: Wayside
    device: Device
    said: set[int] = field(default_factory=set)
    recover_s: float | None = None
    notes: list[str] = field(default_factory=list)

    def say(self, *indexes: int) -> None:
        self.said |= set(indexes)
        self.device.say(*indexes)

    def arrives(self, *indexes: int, seconds: float = 60.0) -> None:
        """Wait for these finals; how long that took is the recovery."""
        clock = SystemClock()
        begun = clock.now()
        wanted = set(indexes)
        self.observer.wait(
            lambda: wanted <= set(heard(self.observer)), f"finals {indexes}", seconds
        )
        self.recover_s = clock.now() - begun

    def events(self, name: str) -> list[dict[str, Any]]:
        return [e for e in self.observer.objects(f"{BASE}/event") if e["event"] == name]

    def expect(self, holds: object, words: str) -> None:
        if not holds:
            self.notes.append(words)

    def outcome(self) -> Outcome:
        wait_until(lambda: self.device.reporter.waiting == 0, "the acknowledgements", 60)
        arrived = heard(self.observer)
        first = list(dict.fromkeys(arrived))
        self.expect(first == sorted(first), f"finals came in the order {first}")
        return Outcome(
            finals=len(first),
            finals_lost=len(self.said - set(first)),
            resent=len(arrived) - len(first),
            connections=self.way.accepted,
            recover_s=self.recover_s,
            notes=self.notes,
        )


@contextmanager
def bench(folder: Path, extra: str = "", **settings: Any) -> Iterator[Bench]:
    broker = Broker(folder / "broker", f"allow_anonymous true\n{extra}")
    broker.start()
    try:
        with (
            closing(Observer(broker)) as observer,
            Wayside(broker.port) as way,
            Device(folder, way.port, **settings) as device,
        ):
            yield Bench(folder, broker, observer, way, device)
    finally:
        broker.stop()


def fault(
    title: str, expected: str, extra: str = "", **settings: Any
) -> Callable[[Callable[[Bench], None]], Callable[[Bench], None]]:
    """Put a function that harms a `Bench` into the catalogue."""

    def add(act: Callable[[Bench], None]) -> Callable[[Bench], None]:
        def play(folder: Path) -> Outcome:
            with bench(folder, extra, **settings) as made:
                act(made)
                return made.outcome()

        unwilling.add(Case(act.__name__.replace("_", "-"), title, expected, play))
        return act

    return add


def _too_large(made: Bench) -> None:
    made.say(0)
    made.device.reporter.transcript(replace(sentence(1), text="x" * 4000))
    made.say(2)
    made.arrives(0, 2)
    made.observer.wait(lambda: made.events("set_aside"), "the event", 60)
    [told] = made.events("set_aside")
    made.expect(told["id"] == "s1-1" and told["bytes"] > 4000, f"told was {told}")
    made.say(3)
    made.arrives(3)


@fault("a final the broker hangs up on (too large)", "set aside and told; the others go on",
       "max_packet_size 2000")  # fmt: skip
def final_too_large(made: Bench) -> None:
    _too_large(made)


@fault("the same by MQTT 5, where the broker says what it takes",
       "set aside and told, without a loss", "max_packet_size 2000", version="5")  # fmt: skip
def final_too_large_5(made: Bench) -> None:
    _too_large(made)
    made.expect(made.way.accepted == 1, f"{made.way.accepted} connections, not one")


@fault("the broker hangs up on a forbidden topic (events)", "finals go on")
def topic_forbidden(made: Bench) -> None:
    def judge(kind: int, _flags: int, body: bytes) -> Verdict:
        return "hang up" if kind == PUBLISH and topic_of(body) == f"{BASE}/event" else "pass"

    made.way.up = judge
    for index in range(3):
        made.say(index)
        made.device.reporter.notice(Notice("no_result"))
    made.arrives(0, 1, 2)


@fault("the broker keeps nothing retained (MQTT 3.1.1: it hangs up)", "finals go on",
       "retain_available false", discovery="homeassistant")  # fmt: skip
def nothing_retained(made: Bench) -> None:
    made.say(0, 1)
    made.arrives(0, 1)


@fault("acknowledgements are lost for 25 s while pings live", "reconnected within 25 s, all come")
def acks_lost(made: Bench) -> None:
    made.device.connected()
    made.way.down = lambda kind, _flags, _body: "drop" if kind == PUBACK else "pass"
    made.say(*range(40))
    wait_until(lambda: made.way.accepted >= 2, "another connection", 25)
    made.way.down = lambda *_: "pass"
    made.arrives(*range(40))
    made.expect(not made.device.reporter.set_aside, "something was set aside")


@fault("MQTT dies silently with the cloud (a new address)", "noticed within 6 s, back at once")
def address_changed(made: Bench) -> None:
    clock = SystemClock()
    made.device.connected()
    wait_until(lambda: made.observer.on(f"{BASE}/status"), "online")
    made.way.up = made.way.down = lambda *_: "drop"
    begun = clock.now()
    made.device.reporter.notice(Notice("outage", {"kind": "silent", "reason": "nothing heard"}))
    wait_until(lambda: not made.device.reporter.connected, "the loss to be noticed", 6)
    made.way.up = made.way.down = lambda *_: "pass"
    made.say(0)
    made.arrives(0)
    made.recover_s = clock.now() - begun


@fault("600 events with 200 finals waiting for the broker (box of 300)", "no final is displaced",
       outbox_limit=300)  # fmt: skip
def events_flood(made: Bench) -> None:
    made.broker.stop()
    wait_until(lambda: not made.device.reporter.connected, "the loss")
    made.say(*range(FINALS))
    for _ in range(600):
        made.device.reporter.notice(Notice("outage", {"kind": "http", "reason": "503"}))
    wait_until(lambda: made.device.reporter.dropped == 500, "the box to be full", 30)
    made.broker.start()
    made.arrives(*range(FINALS), seconds=60)


@fault("a command that is no text, and one of 60 MB", "each refused; nothing dies")
def bad_commands(made: Bench) -> None:
    made.device.connected()
    wait_until(lambda: f"{BASE}/command" in made.broker.log(), "the subscription")
    for payload in (b"\xff", bytes(60_000_000)):
        made.observer.publish(f"{BASE}/command", payload)
    results = f"{BASE}/command/result"
    made.observer.wait(lambda: len(made.observer.on(results)) == 2, "two answers", 60)
    made.say(0)
    made.arrives(0)


@fault("renamed: what the old name retained is forgotten", "nothing is left",
       discovery="homeassistant")  # fmt: skip
def renamed(made: Bench) -> None:
    reporter = made.device.reporter
    reporter.state({"state": "idle"})
    made.device.connected()
    wait_until(lambda: reporter._dispatch.idle, "the announcements")
    made.say(0)
    made.arrives(0)
    wait_until(lambda: reporter.waiting == 0, "the acknowledgement")
    made.device.stop()
    settings = replace(reporter._settings, port=made.broker.port)
    listen = forgetting.topics(settings.topic, "homeassistant", "kitchen-1")
    clock = SystemClock()
    with Fleet(settings, listen, clock) as fleet:
        found = forgetting.look(fleet, settings.topic, "kitchen-1", clock).topics
        made.expect(len(found) == ENTITIES + 2, f"{len(found)} topics")
        made.expect(not forgetting.wipe(fleet, found, clock), "not all were wiped")
    with Fleet(settings, listen, clock) as fleet:
        left = forgetting.look(fleet, settings.topic, "kitchen-1", clock).topics
        made.expect(not left, f"left: {left}")


# --- at the start ----------------------------------------------------------------------------


@contextmanager
def started(folder: Path, harm: Callable[[whole.Device], None]) -> Iterator[Any]:
    """A whole device that was harmed before its start: with its broker's listener."""
    broker = Broker(folder / "broker")
    broker.start()
    clock = SystemClock()
    try:
        with closing(Observer(broker)) as observer, Emulator(engine=ScriptedEngine(TONES)) as cloud:
            config = write_config(
                folder,
                cloud.url,
                mqtt={"host": "127.0.0.1", "port": broker.port, "discovery": None},
                audio={"playback": {"device": "default"}},
                service={"name": DEFAULT_SERVICE},
            )
            device = whole.Device(loader.load(str(config)), clock)
            harm(device)
            running = Running(device).start()
            try:
                yield device, observer
            finally:
                device.stop("the fault is over")
                running.finish()
    finally:
        broker.stop()


def _heals(
    folder: Path,
    harm: Callable[[whole.Device], None],
    mend: Callable[[whole.Device], None],
    lost: str,
    back: str,
) -> Outcome:
    def states(observer: Observer) -> list[str]:
        return [found["state"] for found in observer.objects(f"{BASE}/state")]

    def events(observer: Observer) -> list[str]:
        return [found["event"] for found in observer.objects(f"{BASE}/event")]

    with started(folder, harm) as (device, observer):
        observer.wait(lambda: lost in events(observer), lost, 20)
        observer.wait(lambda: "fault" in states(observer), "state: fault", 20)
        clock = SystemClock()
        begun = clock.now()
        mend(device)
        observer.wait(lambda: back in events(observer), back, 45)
        observer.wait(lambda: states(observer)[-1] != "fault", "another state", 20)
        return Outcome(recover_s=clock.now() - begun)


def outbox_unwritable(folder: Path) -> Outcome:
    """A file where the folder of the outbox should be stands for a disk that takes nothing."""
    place = folder / "outbox.db"
    place.mkdir()
    return _heals(folder, lambda _: None, lambda _: place.rmdir(), "outbox_fault", "outbox_back")


def speaker_absent(folder: Path) -> Outcome:
    return _heals(
        folder,
        lambda device: device.speaker.vanish(),
        lambda device: device.speaker.come_back(),
        "speaker_lost",
        "speaker_back",
    )


def microphone_absent(folder: Path) -> Outcome:
    return _heals(
        folder,
        lambda device: device.microphone.vanish(),
        lambda device: device.microphone.come_back(),
        "microphone_lost",
        "microphone_back",
    )


def _certificates(folder: Path) -> None:
    """An authority of one's own, and certificates for a broker and a device."""

    def openssl(words: str) -> None:
        subprocess.run(["openssl", *words.split()], cwd=folder, check=True, capture_output=True)

    openssl("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=home -keyout ca.key -out ca.pem")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1")
    for name in ("broker", "device"):
        openssl(f"req -newkey rsa:2048 -nodes -subj /CN={name} -keyout {name}.key -out {name}.csr")
        openssl(
            f"x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2"
            f" -extfile names -out {name}.pem"
        )


def certificates(folder: Path) -> Outcome:
    _certificates(folder)
    broker = Broker(
        folder / "broker",
        f"allow_anonymous true\ncafile {folder}/ca.pem\ncertfile {folder}/broker.pem\n"
        f"keyfile {folder}/broker.key\nrequire_certificate true",
    )
    broker.start()
    own = {"cert_file": str(folder / "device.pem"), "key_file": str(folder / "device.key")}
    clock = SystemClock()
    try:
        with Device(folder, broker.port, tls=True, ca_file=str(folder / "ca.pem"), **own) as device:
            device.connected().say(0)
            wait_until(lambda: device.reporter.waiting == 0, "the acknowledgement", 60)
            broker.stop()
            wait_until(lambda: not device.reporter.connected, "the loss", 60)
            device.say(1, 2)
            broker.start()
            begun = clock.now()
            wait_until(lambda: device.reporter.waiting == 0, "the acknowledgements", 60)
            return Outcome(finals=3, recover_s=clock.now() - begun)
    finally:
        broker.stop()


unwilling.add(
    Case(
        "certificates",
        "the broker asks for a certificate of ours, and dies with finals waiting",
        "let in again by it; all are taken",
        certificates,
    )
)

for name, title, play in (
    ("outbox-unwritable", "the outbox cannot be written at the start", outbox_unwritable),
    ("speaker-absent", "the speaker is away at the start", speaker_absent),
    ("microphone-absent", "the microphone is away at the start", microphone_absent),
):
    words = "`state: fault` and an event; heals by itself"
    unwilling.add(Case(name, title, words, play))
