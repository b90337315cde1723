"""Faults while somebody presses, releases, or a file ends."""

from __future__ import annotations

from typing import Any

from agent.control.machine import Phase
from tests.faults.case import Catalogue
from tests.faults.rig import BASE, Rig
from tests.faults.speech import Speech
from tests.system.broker import wait_until

talk = Catalogue()

HOLD: dict[str, Any] = {"talk": {"mode": "hold", "tail_ms": 300}}


def press(rig: Rig, speech: Speech) -> None:
    """Press, say all of ``speech``, release."""
    rig.command('{"talk": "press"}')
    _listening(rig)
    rig.say(speech)
    rig.until(sum(said.ms for said in rig.speeches))


def _listening(rig: Rig) -> None:
    """Wait for the gate to be open; the state says `offline` all the same."""
    wait_until(lambda: rig.device.controller.machine.gate_open, "the gate to open")


def release(rig: Rig) -> None:
    rig.command('{"talk": "release"}')


def _settled(rig: Rig) -> None:
    """Wait for everything said to be answered."""
    machine = rig.device.controller.machine
    wait_until(lambda: machine.linked and machine.phase is Phase.IDLE, "idle", 40)


@talk.fault("the file ends during an outage of 5 s", "nothing lost")
def ends_away(rig: Rig) -> None:
    speech = rig.say(Speech(3))
    rig.until(speech.ends[1] - 300)
    rig.strike()
    rig.proxy.refuse()
    rig.proxy.cut()
    rig.device.microphone.end()
    rig.wait(6)
    rig.proxy.accept()
    rig.recovers()


@talk.fault("torn while a button is held", "sent again within 1 s", **HOLD)
def held(rig: Rig) -> None:
    rig.observer.wait(lambda: rig.observer.on(f"{BASE}/state"), "the device")
    rig.command('{"talk": "press"}')
    _listening(rig)
    speech = rig.say(Speech(2))
    rig.until(speech.ends[1] - 300)
    rig.strike()
    rig.proxy.cut()
    rig.recovers()
    rig.until(speech.ms)
    release(rig)
    _settled(rig)


@talk.fault(
    "pressed, released and pressed again during an outage of 8 s",
    "sent after the backoff (a press is worth an attempt at once)",
    **HOLD,
)
def pressed_away(rig: Rig) -> None:
    rig.observer.wait(lambda: rig.observer.on(f"{BASE}/state"), "the device")
    rig.running.wait_for("idle")
    rig.strike()
    rig.proxy.refuse()
    rig.proxy.cut()
    press(rig, Speech(1))
    release(rig)
    rig.wait(0.5)
    press(rig, Speech(1, first=10))
    release(rig)
    rig.wait(1.5)
    rig.proxy.accept()
    rig.recovers()
    _settled(rig)
