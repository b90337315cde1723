"""Runs the checks one after the other, each for a bounded time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial

from agent.clock import Clock
from agent.config import own
from agent.config.schema import Config
from agent.doctor import board, listening, service
from agent.doctor.broker import broker
from agent.doctor.check import Check, redacted
from agent.doctor.cloud import reach
from agent.doctor.echo import echo
from agent.doctor.setting import Setting
from agent.doctor.trial import credentials
from agent.report.telemetry import Telemetry
from agent.threads import Worker

LIMIT_S = 5.0
LONGER_S = {"echo": 12.0}  # three seconds of sound, and numpy has to be loaded first
BUSY = ("in use", "busy")

Probe = Callable[[], Check]


def examine(
    setting: Setting,
    clock: Clock,
    skipped: Mapping[str, str],
    begin: Callable[[str], None] = lambda name: None,
) -> Iterator[Check]:
    """The checks as they are made; ``begin`` is told the name of each before.

    ``skipped`` says, by name, why a check is not to be made.
    """
    skipped = {**setting.skipped, **skipped}
    unit = service.properties()
    yield redacted(setting.check)
    for name, probe in _probes(setting, unit, clock).items():
        begin(name)
        if name in skipped:
            yield Check(name, "skip", skipped[name])
            continue
        check = bounded(name, probe, clock, LONGER_S.get(name, LIMIT_S))
        yield redacted(excused(check) if service.running(unit) else check)


def bounded(name: str, probe: Probe, clock: Clock, seconds: float = LIMIT_S) -> Check:
    """What ``probe`` finds; a failed check when it takes too long or breaks."""
    worker = _Probing(name, probe, clock)
    worker.on_death = lambda _, reason: worker.found(Check(name, "fail", f"broke off: {reason}"))
    worker.start()
    worker.join(seconds)
    return worker.check or Check(name, "fail", f"no answer within {seconds:g} s")


def excused(check: Check) -> Check:
    """A device that the running daemon holds is no fault."""
    if check.outcome != "fail" or not any(word in check.text + check.mend for word in BUSY):
        return check
    mend = "to check it: sudo systemctl stop dragoman"
    return replace(check, outcome="skip", text="in use by the running service", mend=mend)


def _probes(setting: Setting, unit: Mapping[str, str], clock: Clock) -> dict[str, Probe]:
    config = setting.config
    cancelling = config.audio.echo == "cancel"
    loop = {"echo": lambda: echo(config.audio, clock)} if cancelling else {}
    return {
        "service": lambda: service.service(unit),
        "clock": lambda: board.clock(clock.utc(), board.clock_state()),
        "disk": lambda: board.disk(config.mqtt.outbox),
        "temperature": lambda: board.temperature(_celsius(clock)),
        "power": lambda: board.power(board.throttled()),
        "microphone": lambda: listening.microphone(config.audio, clock),
        "speaker": lambda: listening.speaker(config.audio, clock),
        **loop,
        **_service(config, clock),
        "broker": lambda: broker(config, clock),
        "pins": lambda: board.pins(config, clock),
    }


def _service(config: Config, clock: Clock) -> dict[str, Probe]:
    """The service in use: one cloud, or servers of one's own."""
    if config.service.name == own.OWN:
        from agent.doctor.roles import role

        return {name: partial(role, name, config, clock) for name, _ in own.roles(config.service)}
    return {
        "cloud": lambda: reach(config, clock),
        "credentials": lambda: credentials(config, clock),
    }


def _celsius(clock: Clock) -> float | None:
    return Telemetry(clock.now()).snapshot(clock.now()).get("temperature_c")


class _Probing(Worker):
    name = "doctor"

    def __init__(self, name: str, probe: Probe, clock: Clock) -> None:
        super().__init__(clock)
        self.check: Check | None = None
        self._probe = probe

    def run(self) -> None:
        self.found(self._probe())

    def found(self, check: Check) -> None:
        self.check = check
