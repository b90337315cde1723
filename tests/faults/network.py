"""Faults of the way to the network: what swallows packets and questions, what stands in between."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

from agent.clock import SystemClock
from agent.emulator import Emulator
from agent.emulator.engines.scripted import ScriptedEngine
from tests.faults import measure
from tests.faults.case import Case, Catalogue
from tests.faults.clouds import service
from tests.faults.measure import Outcome
from tests.faults.proxy import Proxy
from tests.faults.rig import BASE, DEMO, TONES, Rig
from tests.faults.speech import Speech
from tests.system.broker import Broker, Observer, wait_until
from tests.system.device import write_config, write_wav
from tests.system.watchdog import watched
from tests.unit.link.proxying import Proxy as CompanyProxy

network = Catalogue()

NAME = "speech.test"  # a name no resolver knows but ours
FED_S = 5.0  # the watchdog bites after 15
TROUBLE_S = 20.0
ANSWERED_S = 60.0

#: Until a file appears, questions for `NAME` are swallowed as a dead name server does.
SWALLOWING = """
import os, socket, time
ask = socket.getaddrinfo
def swallow(host, *rest, flags=0, **more):
    if host != {name!r} or flags:
        return ask(host, *rest, flags=flags, **more)
    for _ in range(300):
        if os.path.exists({well!r}):
            return ask("127.0.0.1", *rest, **more)
        time.sleep(0.1)
    raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
socket.getaddrinfo = swallow
"""

Harm = Callable[[Proxy], None]


def _fed(name: str, ping_interval_s: float, *, dns: bool = False) -> Callable[[Path], Outcome]:
    """Trouble of 20 s in mid-speech for a daemon that a watchdog looks after."""

    def play(folder: Path) -> Outcome:
        speech = Speech(6)
        write_wav(folder / "speech.wav", speech.pcm + bytes(32_000 * 120))
        with ExitStack() as stack:
            broker = Broker(folder / "broker")
            broker.start()
            stack.callback(broker.stop)
            observer = Observer(broker)
            stack.callback(observer.close)
            cloud = stack.enter_context(Emulator(engine=ScriptedEngine(TONES)))
            way = stack.enter_context(Proxy(int(cloud.url.rsplit(":", 1)[1])))
            host = NAME if dns else "127.0.0.1"
            config = write_config(
                folder,
                f"http://{host}:{way.port}",
                service=DEMO | {"name": name, "tts": False, "source": "en", "target": "zh"},
                network={"ping_interval_s": ping_interval_s},
                mqtt={"host": "127.0.0.1", "port": broker.port, "discovery": None},
            )
            before = SWALLOWING.format(name=NAME, well=str(folder / "well")) if dns else ""
            dog = stack.enter_context(watched(folder, config, before))
            wait_until(lambda: dog.fed > 2, "the watchdog to be fed", 30)
            if not dns:
                wait_until(lambda: _audio(cloud) > 32_000, "a second of speech", 30)
                way.stall()
            SystemClock().sleep(TROUBLE_S)
            way.resume()
            (folder / "well").touch()
            observer.wait(lambda: not _missing(speech, observer), "every word", ANSWERED_S)
            return _outcome(speech, observer, dog.longest_s)

    return play


def _audio(cloud: Emulator) -> int:
    sounds = [c.audio for c in cloud.connections] + [e.audio for e in cloud.exchanges]
    return sum(map(len, sounds))


def _missing(speech: Speech, observer: Observer) -> list[int]:
    return measure.lost_words(speech.words, observer.objects(f"{BASE}/transcript"))


def _outcome(speech: Speech, observer: Observer, longest_s: float) -> Outcome:
    published = observer.objects(f"{BASE}/transcript")
    finals = measure.unique(published)
    late = [f"the watchdog was not fed for {longest_s:.1f} s"] if longest_s > FED_S else []
    return Outcome(
        words=len(speech.words),
        lost_words=measure.lost_words(speech.words, finals),
        finals=len(finals),
        duplicates=measure.duplicates(finals),
        replayed=sum(bool(final["replayed"]) for final in finals),
        notes=late,
    )


for _case in (
    Case(
        "watchdog-stream",
        "packets swallowed in mid-speech for 20 s, ping every 15 s",
        "the watchdog is fed; nothing lost",
        _fed("twetalk-v2", 15.0),
    ),
    Case(
        "watchdog-chunks",
        "chunks: packets swallowed in mid-speech for 20 s",
        "the watchdog is fed; nothing lost",
        _fed("tencent-tsi", 60.0),
    ),
    Case(
        "watchdog-dns",
        "chunks: name servers swallow questions for 20 s",
        "the watchdog is fed; nothing lost",
        _fed("tencent-tsi", 5.0, dns=True),
    ),
):
    network.add(_case)


@network.fault(
    "uploads: a NAT forgot the connection that was kept",
    "a new one; no wait for the old one",
    **service("maas-fast-asr", None),
)
def nat(rig: Rig) -> None:
    speech = rig.say(Speech(1))
    rig.until(speech.ends[0])
    wait_until(lambda: rig.finals, "the first final", 30)
    rig.wait(25)
    rig.proxy.blackhole()  # open connections are dead for good
    rig.proxy.restore()  # new ones are not
    begun, known = rig.clock.now(), len(rig.finals)
    later = rig.say(Speech(1, first=10))
    rig.until(speech.ms + later.ends[0])
    wait_until(lambda: len(rig.finals) > known, "the second final", 30)
    took = rig.clock.now() - begun - later.ends[0] / 1000
    if took > 8.0:
        rig.notes.append(f"answered {took:.1f} s after it was said")
    if rig.device.heard_of("outage"):
        rig.notes.append("an outage was reported")


class Resolver:
    """Knows `NAME` by two addresses; the first leads nowhere, as a dead IPv6 does."""

    def __init__(self, dead: tuple[str, int]) -> None:
        self._ask, self._dead = socket.getaddrinfo, dead

    def __call__(self, host: str, *rest: Any, **more: Any) -> Any:
        if host != NAME:
            return self._ask(host, *rest, **more)
        if more.get("flags"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        found = self._ask("127.0.0.1", *rest, **more)
        return [(*found[0][:4], self._dead), *found]


@network.fault(
    "the first address is dead (IPv6 without a way out), torn twice",
    "a quarter of a second, once",
    host=NAME,
)
def dead_address(rig: Rig) -> None:
    with ExitStack() as stack:
        dead = stack.enter_context(socket.socket())
        dead.bind(("127.0.0.1", 0))
        dead.listen(0)
        for _ in range(4):  # its queue is full: it neither takes nor refuses
            caller = stack.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(dead.getsockname())
        stack.enter_context(patch("socket.getaddrinfo", Resolver(dead.getsockname())))
        speech = rig.say(Speech(4))
        for end in speech.ends[1:3]:
            rig.until(end - 300)
            rig.strike()
            rig.proxy.cut()
            rig.recovers()
        rig.finish()


def through_proxy(folder: Path) -> Outcome:
    """Only a proxy leads out; the connection through it is torn in mid-sentence."""
    company = CompanyProxy(0, "me:s3cret")
    network = {"proxy": f"http://me:s3cret@127.0.0.1:{company.port}", "ping_interval_s": 1.0}
    with Rig(folder, host="cloud.test", network=network) as rig:
        company.target = rig.proxy.port
        wait_until(lambda: rig.connections, "a connection through the proxy", 30)
        speech = rig.say(Speech(3))
        rig.until(speech.ends[1] - 300)
        rig.strike()
        rig.proxy.cut()
        rig.recovers()
        rig.finish()
        if not all(head.startswith(b"CONNECT cloud.test:") for head in company.heads):
            rig.notes.append("the proxy was not asked to CONNECT")
        outcome = rig.outcome()
    company.close()
    return outcome


network.add(
    Case(
        "proxy",
        "only a proxy with a login leads out; torn in mid-sentence",
        "sent again within 1 s",
        through_proxy,
    )
)
