"""Faults of the broker, and the death of the daemon."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from agent.clock import SystemClock
from agent.emulator import Emulator
from agent.emulator.engines.scripted import ScriptedEngine
from agent.report.outbox import Outbox
from tests.faults import measure
from tests.faults.case import Case, Catalogue
from tests.faults.measure import Outcome
from tests.faults.rig import BASE, TONES, Rig
from tests.faults.speech import Speech
from tests.system.broker import Broker, Observer, wait_until
from tests.system.device import write_config, write_wav

reports = Catalogue()

STUCK_S = 20.0


@reports.fault("the broker dies for 10 s", "finals wait on disk, then come in order")
def broker_away(rig: Rig) -> None:
    speech = rig.say(Speech(6))
    rig.until(speech.ends[1])
    rig.broker.stop()
    rig.wait(10)
    known = len(rig.finals)
    rig.broker.start()
    begun = rig.clock.now()
    rig.observer.wait(lambda: len(rig.finals) > known, "finals", 45)
    rig.recover_s = rig.clock.now() - begun
    rig.finish()
    _in_order(rig)


@reports.fault("the broker restarts twice with finals under way", "finals come in order")
def broker_restarts(rig: Rig) -> None:
    speech = rig.say(Speech(5))
    for end in speech.ends[1:3]:
        rig.until(end + 480)
        rig.broker.restart()
    rig.finish()
    _in_order(rig)


@reports.fault(
    "commands during writes to the card, which take 500 ms",
    "each is obeyed and answered during the write; finals come in order",
)
def slow_card(rig: Rig) -> None:
    """Were commands to wait for the card, both would wait for each other."""
    write, clock, answered = Outbox._write, rig.clock, threading.Event()

    def slow(box: Outbox) -> None:
        clock.sleep(0.5)
        answered.wait(STUCK_S)
        write(box)

    answered.set()
    with patch.object(Outbox, "_write", slow):
        speech = rig.say(Speech(5, pause_ms=600))
        rig.until(speech.ends[0] + 400)
        for number in range(20):
            rig.wait(0.13 + number % 5 * 0.07)
            answered.clear()
            rig.recover_s = max(rig.recover_s or 0.0, _obeyed(rig, number))
            answered.set()
        rig.finish()
    _in_order(rig)
    if (rig.recover_s or 0.0) > STUCK_S / 2:
        rig.notes.append(f"a command was answered after {rig.recover_s:.1f} s")


def _obeyed(rig: Rig, number: int) -> float:
    """Seconds until a command is answered."""
    begun = rig.clock.now()
    rig.command(f'{{"volume": {number}, "ref": {number}}}')

    def done() -> bool:
        results = rig.observer.objects(f"{BASE}/command/result")
        return any(result["ref"] == number and result["ok"] for result in results)

    rig.observer.wait(done, "an answer", 2 * STUCK_S)
    return rig.clock.now() - begun


def _in_order(rig: Rig) -> None:
    numbers = [final["index"] for final in measure.unique(rig.finals)]
    if numbers != sorted(numbers):
        rig.notes.append(f"finals came in the order {numbers}")


@contextmanager
def daemon(config: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`dragoman run` as a process of its own; killed at the end if it still runs."""
    command = [sys.executable, "-m", "agent", "run", "--config", str(config)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def killed(folder: Path) -> Outcome:
    """Finals wait for a broker that is down; SIGKILL; both come back.

    Speech the service had not answered is gone with the process; it is not said here.
    """
    speech = Speech(3)
    write_wav(folder / "speech.wav", speech.pcm + bytes(32_000 * 20))
    broker = Broker(folder / "broker")
    broker.start()
    with ExitStack() as stack:
        stack.callback(broker.stop)
        observer = Observer(broker)
        stack.callback(observer.close)
        cloud = stack.enter_context(Emulator(engine=ScriptedEngine(TONES)))
        mqtt = {"host": "127.0.0.1", "port": broker.port, "discovery": None}
        config = write_config(folder, cloud.url, mqtt=mqtt, service={"tts": False})
        with daemon(config) as first:
            wait_until(lambda: _finals(cloud) >= 1, "the first final", 20)
            broker.stop()
            wait_until(lambda: _finals(cloud) >= 3, "the third final", 20)
            SystemClock().sleep(0.5)  # the last final goes to disk
            os.kill(first.pid, signal.SIGKILL)
        broker.start()
        write_wav(folder / "speech.wav", bytes(32_000 * 2))
        with daemon(config):
            observer.wait(lambda: len(_ids(observer)) >= 3, "the finals of the dead daemon")
        return _outcome(speech, observer, cloud)


def _finals(cloud: Emulator) -> int:
    results = [result for connection in cloud.connections for result in connection.results]
    return sum(_slice(result) == 2 for result in results)


def _slice(result: dict[str, Any]) -> int:
    return int(result["original_detail"]["slice_type"])


def _ids(observer: Observer) -> set[str]:
    return {final["id"] for final in observer.objects(f"{BASE}/transcript")}


def _outcome(speech: Speech, observer: Observer, cloud: Emulator) -> Outcome:
    published = observer.objects(f"{BASE}/transcript")
    finals = measure.unique(published)
    return Outcome(
        words=len(speech.words),
        lost_words=measure.lost_words(speech.words, finals),
        finals=len(finals),
        finals_lost=_finals(cloud) - len(finals),
        duplicates=measure.duplicates(finals),
        resent=len(published) - len(finals),
        connections=len(cloud.connections),
    )


reports.add(
    Case(
        "killed",
        "kill -9 with finals waiting for a broker that is down",
        "each final once, or again under the same id",
        killed,
    )
)
