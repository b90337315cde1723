"""Services in place of one that is lost: each an emulator of its own, behind its own network."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.faults import measure
from tests.faults.case import Case, Catalogue
from tests.faults.measure import Outcome
from tests.faults.proxy import Proxy
from tests.faults.rig import BASE, DEMO, Rig, emulator, port
from tests.faults.speech import Speech
from tests.faults.talk import HOLD, press, release
from tests.system.broker import wait_until

fallback = Catalogue()

AFTER_S = 1.0
NEXT_S = 30.0  # for another service to answer
BACK_S = 60.0  # for the first to have worked, by its own waits, and a pause
TIMES = 10
EN_ZH = {"source": "en", "target": "zh", "tts": False}


class TwoServices(Rig):
    """``first`` behind ``proxy``, ``second`` in its place behind ``other``."""

    def __init__(self, folder: Path, first: str, second: str, **sections: Any) -> None:
        service = DEMO | EN_ZH | {"name": first, "fallback": [second]} | sections.pop("service", {})
        network = {"ping_interval_s": 1.0, "fallback_after_s": AFTER_S}
        super().__init__(folder, service=service, network=network, **sections)
        self.first, self.second = first, second
        self.spare = emulator(())
        self.other: Proxy

    def __enter__(self) -> TwoServices:
        with ExitStack() as stack:
            stack.enter_context(self.spare)
            self.other = stack.enter_context(Proxy(port(self.spare)))
            there = {"url": f"http://127.0.0.1:{self.other.port}"}
            self._sections["services"] = {self.second: DEMO | EN_ZH | there}
            super().__enter__()
            self._stack.push(stack.pop_all())
        self.emulators.insert(0, self.spare)
        return self

    def uses(self, name: str, within_s: float) -> None:
        """Wait until the state says that ``name`` answers."""
        self.observer.wait(
            lambda: self.observer.objects(f"{BASE}/state")[-1]["service"] == name,
            f"{name} to be in use",
            within_s,
        )

    def choose_second(self) -> None:
        """Have it used for good, by a command."""
        self.command(f'{{"service": "{self.second}"}}')
        wait_until(lambda: self.device.controller.chosen == self.second, "it to be used for good")

    @property
    def missing(self) -> list[int]:
        """The words that are in no final yet."""
        return measure.lost_words(self.words, self.finals)

    @property
    def shown(self) -> str:
        """The newest state."""
        return str(self.observer.objects(f"{BASE}/state")[-1]["state"])

    def check_events(self, switches: int) -> None:
        """There and back as often as that, and nothing else."""
        self.finish()
        told = [(n.detail["from"], n.detail["to"]) for _, n in self.device.heard_of("fallback")]
        there, back = (self.first, self.second), (self.second, self.first)
        expected = [there if n % 2 == 0 else back for n in range(switches)]
        if told != expected:
            self.notes.append(f"told as {told}")
        if self.second not in {final["service"] for final in self.finals}:
            self.notes.append("the one in its place answered nothing")

    def first_goes(self) -> None:
        """From now on the first cannot be reached."""
        self.proxy.refuse()
        self.proxy.cut()


Act = Callable[[TwoServices], None]


def row(
    title: str, expected: str, first: str, second: str, **sections: Any
) -> Callable[[Act], Act]:
    """Put a function that harms a rig with two services into the catalogue."""

    def add(act: Act) -> Act:
        def play(folder: Path) -> Outcome:
            with TwoServices(folder, first, second, **sections) as rig:
                rig.observer.wait(lambda: rig.observer.on(f"{BASE}/state"), "the device")
                act(rig)
                rig.finish()
                return rig.outcome()

        name = f"fallback-{act.__name__.replace('_', '-')}"
        fallback.add(Case(name, title, expected, play))
        return act

    return add


def _there_and_back(rig: TwoServices, first: int = 0) -> None:
    """Three sentences: the first service is lost in the middle of the second one, and comes
    back after the third."""
    said = sum(speech.ms for speech in rig.speeches)
    speech = rig.say(Speech(3, first=first))
    rig.until(said + speech.ends[1] - 300)
    rig.first_goes()
    rig.uses(rig.second, NEXT_S)
    rig.until(said + speech.ms)
    rig.proxy.accept()
    rig.uses(rig.first, BACK_S)


@row(
    "the service is lost in mid-sentence; another in its place; back (stream, chunks)",
    "nothing lost; back in a pause",
    "twetalk-v2",
    "tencent-tsi",
)
def chunks(rig: TwoServices) -> None:
    _there_and_back(rig)
    rig.say(Speech(1, first=20))
    rig.check_events(2)


@row(
    "the same, to another stream with times of its own",
    "nothing lost; back in a pause",
    "twetalk-v2",
    "twetalk-asr",
)
def stream(rig: TwoServices) -> None:
    _there_and_back(rig)
    rig.say(Speech(1, first=20))
    rig.check_events(2)


@row(
    "chunks, and uploads in their place",
    "nothing lost; back in a pause",
    "tencent-tsi",
    "maas-fast-asr",
)
def uploads(rig: TwoServices) -> None:
    _there_and_back(rig)
    rig.say(Speech(1, first=20))
    rig.check_events(2)


@row(
    "uploads are not answered; a stream in their place takes the recordings over",
    "answered there; none left for the first",
    "maas-fast-asr",
    "twetalk-v2",
    **HOLD,
)
def recordings(rig: TwoServices) -> None:
    rig.first_goes()
    press(rig, Speech(2))
    release(rig)
    press(rig, Speech(1, first=10))
    rig.uses(rig.second, NEXT_S)
    release(rig)
    wait_until(lambda: not rig.missing, "every word", NEXT_S)
    rig.proxy.accept()
    rig.uses(rig.first, BACK_S)
    if rig.emulators[1].exchanges and any(e.audio.strip(b"\0") for e in rig.emulators[1].exchanges):
        rig.notes.append("the first was given a recording, too")
    rig.check_events(2)


@row(
    f"under a held button there and back, {TIMES} times",
    "nothing lost, nothing twice unmarked",
    "twetalk-v2",
    "tencent-tsi",
    **HOLD,
)
def held(rig: TwoServices) -> None:
    rig.command('{"talk": "press"}')
    wait_until(lambda: rig.device.controller.machine.gate_open, "the gate to open")
    for time in range(TIMES):
        _there_and_back(rig, first=9 * time)
    rig.say(Speech(1, first=9 * TIMES))
    rig.until(sum(speech.ms for speech in rig.speeches))
    release(rig)
    wait_until(lambda: not rig.missing, "every word", NEXT_S)
    rig.check_events(2 * TIMES)


@row(
    "the credentials of the first are refused",
    "another answers; no fault, as somebody does",
    "twetalk-v2",
    "tencent-tsi",
    service={"token": "nobody"},
)
def refused(rig: TwoServices) -> None:
    rig.say(Speech(2))
    rig.uses(rig.second, NEXT_S)
    rig.check_events(1)
    if not rig.device.heard_of("refused"):
        rig.notes.append("the refusal was not told")
    if any(state["state"] == "fault" for state in rig.observer.objects(f"{BASE}/state")):
        rig.notes.append("a fault was shown")


@row(
    "neither can be reached for 10 s; then the first",
    "offline meanwhile; nothing lost",
    "twetalk-v2",
    "tencent-tsi",
)
def both(rig: TwoServices) -> None:
    speech = rig.say(Speech(4))
    rig.until(speech.ends[0] - 300)
    rig.other.refuse()
    rig.first_goes()
    rig.uses(rig.second, NEXT_S)
    rig.wait(10)
    if rig.shown != "offline":
        rig.notes.append(f"shown as {rig.shown}")
    rig.proxy.accept()
    rig.uses(rig.first, BACK_S)
    rig.finish()


@row(
    "the one in its place is asked for by name",
    "it is used for good; the first is left alone",
    "twetalk-v2",
    "tencent-tsi",
)
def chosen(rig: TwoServices) -> None:
    speech = rig.say(Speech(2))
    rig.first_goes()
    rig.uses(rig.second, NEXT_S)
    rig.until(speech.ms)
    wait_until(lambda: not rig.missing, "every word", NEXT_S)
    rig.choose_second()
    rig.proxy.accept()
    accepted = rig.proxy.accepted
    rig.wait(5)
    if rig.proxy.accepted > accepted:
        rig.notes.append("the first was asked all the same")
    rig.say(Speech(1, first=20))
    rig.check_events(1)


@row(
    "the service is lost in mid-sentence; the other is asked for by name at once",
    "it answers what was said, too",
    "twetalk-v2",
    "tencent-tsi",
)
def asked_for(rig: TwoServices) -> None:
    speech = rig.say(Speech(3))
    rig.until(speech.ends[1] - 300)
    rig.first_goes()
    rig.choose_second()
    rig.check_events(0)


@row(
    "uploads are not answered; a stream is asked for by name",
    "it answers them",
    "maas-fast-asr",
    "twetalk-v2",
    **HOLD,
)
def asked_for_recordings(rig: TwoServices) -> None:
    rig.proxy.stall()
    press(rig, Speech(2))
    release(rig)
    rig.choose_second()
    wait_until(lambda: not rig.missing, "every word", NEXT_S)
    rig.check_events(0)
