"""The run of checks: bounded, in order, excused, skipped."""

from __future__ import annotations

import threading

import pytest

from agent import assembly
from agent.clock import SystemClock
from agent.config.schema import Audio, Capture, Config, Led, Mqtt, Playback, Service, Talk
from agent.config.secret import Secret
from agent.doctor import board, examination, listening, service
from agent.doctor.check import Check
from agent.doctor.examination import bounded, examine, excused
from agent.doctor.setting import Setting
from agent.errors import RunError
from tests.patience import HANG_S

CLOCK = SystemClock()
GOOD = Check("x", "pass", "fine")
BUSY = Check("microphone", "fail", "hw:1 is in use by another program", "stop that one")


def test_a_probe_that_answers() -> None:
    assert bounded("x", lambda: GOOD, CLOCK) is GOOD


@pytest.mark.parametrize("error", [RunError("no such thing"), ValueError("no such thing")])
def test_a_probe_that_breaks_is_a_failed_check(error: Exception) -> None:
    def probe() -> Check:
        raise error

    check = bounded("x", probe, CLOCK)
    assert check.outcome == "fail"
    assert "no such thing" in check.text


def test_a_probe_that_hangs_is_a_failed_check() -> None:
    never = threading.Event()

    def probe() -> Check:
        never.wait(HANG_S)
        return GOOD

    check = bounded("x", probe, CLOCK, 0.1)
    never.set()
    assert check == Check("x", "fail", "no answer within 0.1 s")


def test_what_the_running_service_holds_is_no_fault() -> None:
    assert excused(BUSY).outcome == "skip"
    assert "stop dragoman" in excused(BUSY).mend
    assert excused(GOOD) is GOOD
    gone = Check("microphone", "fail", "hw:1 does not exist")
    assert excused(gone) is gone


def checks(
    monkeypatch: pytest.MonkeyPatch, unit: dict[str, str], skipped: dict[str, str]
) -> tuple[dict[str, Check], list[str]]:
    quiet = Audio(capture=Capture(device="stdin"), playback=Playback(device=None))
    config = Config(
        service=Service(token=Secret("s3cret"), url="ws://127.0.0.1:1"),
        audio=quiet,
        mqtt=Mqtt(host=None, outbox="/proc/s3cret/outbox.db"),
    )
    monkeypatch.setattr(service, "properties", lambda: unit)
    begun: list[str] = []
    setting = Setting(config, Check("configuration", "pass", "with s3cret"))
    found = list(examine(setting, CLOCK, skipped, begun.append))
    assert len({check.name for check in found}) == len(found)
    return {check.name: check for check in found}, begun


def test_all_are_made_in_order_and_hold_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    found, begun = checks(monkeypatch, {}, {"credentials": "not today"})
    assert list(found) == ["configuration", *begun]
    assert found["configuration"].text == "with ***"
    assert found["credentials"] == Check("credentials", "skip", "not today")
    assert found["cloud"].text == "127.0.0.1:1 refuses connections"
    for name in ("microphone", "speaker", "broker", "pins"):
        assert found[name].outcome == "skip"
    assert "s3cret" not in str(found)


@pytest.mark.parametrize(("unit", "outcome"), [({"ActiveState": "active"}, "skip"), ({}, "fail")])
def test_only_a_running_service_is_an_excuse(
    monkeypatch: pytest.MonkeyPatch, unit: dict[str, str], outcome: str
) -> None:
    monkeypatch.setattr(listening, "microphone", lambda audio, clock: BUSY)
    found, _ = checks(monkeypatch, unit, {"credentials": "", "cloud": ""})
    assert found["microphone"].outcome == outcome


def test_pins_are_claimed_and_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    class Panel:
        def __init__(self, talk: Talk, *_: object) -> None:
            calls.append(talk.led)

        def close(self) -> None:
            calls.append(None)

    monkeypatch.setattr(assembly, "panel", Panel)
    config = Config(talk=Talk(led=Led(pin=22)))
    assert board.pins(config, CLOCK) == Check("pins", "pass", "light on GPIO 22")
    assert calls == [Led(pin=22), None]


def test_a_pin_that_cannot_be_had_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def panel(*_: object) -> None:
        raise RunError("talk.led.pin: GPIO 22 cannot be used: busy; another program has it")

    monkeypatch.setattr(assembly, "panel", panel)
    check = board.pins(Config(talk=Talk(led=Led(pin=22))), CLOCK)
    assert check.outcome == "fail"
    assert check.mend == "another program has it"
    assert excused(check).outcome == "skip"


def test_the_limit_is_five_seconds() -> None:
    assert examination.LIMIT_S == 5.0
