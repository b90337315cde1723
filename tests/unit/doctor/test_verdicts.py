"""What the doctor saw, to what it says: all pure."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.config.proxies import Proxy
from agent.config.secret import Secret
from agent.doctor import board, service
from agent.doctor.broker import verdict
from agent.doctor.check import Check, failed, redacted
from agent.doctor.cloud import reached, unreached
from agent.errors import DeviceError, LinkError
from agent.report.signals import Down, Signal, Unheard, Up

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
RUNNING = {
    "LoadState": "loaded",
    "ActiveState": "active",
    "SubState": "running",
    "Result": "success",
    "NRestarts": "0",
    "UnitFileState": "enabled",
}


def test_an_error_is_split_into_text_and_mend() -> None:
    error = DeviceError("microphone hw:1 is in use by another program; stop that one")
    check = failed("microphone", error)
    assert check == Check(
        "microphone", "fail", "hw:1 is in use by another program", "stop that one"
    )


def test_a_secret_is_in_no_text() -> None:
    check = Check("credentials", "fail", "no user s3cret-2", "s3cret or s3cret-2?")
    for secret in ("s3cret", "s3cret-2", "no"):
        Secret(secret)
    assert redacted(check) == Check("credentials", "fail", "no user ***", "*** or ***?")


@pytest.mark.parametrize(
    ("now", "state", "outcome"),
    [
        (NOW, 0, "pass"),
        (NOW, None, "pass"),
        (NOW, 5, "warn"),
        (datetime(1970, 1, 2, tzinfo=UTC), 0, "fail"),
        (datetime(2024, 12, 31, tzinfo=UTC), None, "fail"),
    ],
)
def test_clock(now: datetime, state: int | None, outcome: str) -> None:
    assert board.clock(now, state).outcome == outcome


def test_the_kernel_is_asked_whether_the_clock_is_synchronised() -> None:
    assert board.clock_state() in {None, 0, 1, 2, 3, 4, 5}


@pytest.mark.parametrize(
    ("free", "outcome"), [(19_000_000, "fail"), (199_000_000, "warn"), (200_000_000, "pass")]
)
def test_space(free: int, outcome: str) -> None:
    assert board.space(Path("/var/lib"), free).outcome == outcome


def test_the_disk_of_a_folder_that_will_be_made_is_that_of_its_parent(tmp_path: Path) -> None:
    check = board.disk(str(tmp_path / "not" / "yet" / "outbox.db"))
    assert check.outcome in ("pass", "warn")
    assert check.text.endswith(str(tmp_path))


def test_a_folder_that_takes_no_file_is_a_fault() -> None:
    check = board.disk("/proc/outbox.db")
    assert check.outcome == "fail"
    assert check.text.startswith("/proc cannot be written: ")
    assert check.mend


@pytest.mark.parametrize(
    ("celsius", "outcome"),
    [(None, "skip"), (-5.0, "pass"), (74.9, "pass"), (75.0, "warn"), (85.0, "fail")],
)
def test_temperature(celsius: float | None, outcome: str) -> None:
    check = board.temperature(celsius)
    assert check.outcome == outcome
    assert bool(check.mend) == (outcome in ("warn", "fail"))


@pytest.mark.parametrize(
    ("bits", "outcome", "words"),
    [
        (None, "skip", "no Raspberry Pi"),
        (0x0, "pass", "not throttled"),
        (0x50005, "fail", "now: too little voltage, throttled"),
        (0x50000, "warn", "since it was started: too little voltage, throttled"),
        (0x8, "fail", "now: near the temperature limit"),
    ],
)
def test_power(bits: int | None, outcome: str, words: str) -> None:
    check = board.power(bits)
    assert check.outcome == outcome
    assert check.text.startswith(words)


def test_the_firmware_is_asked(tmp_path: Path) -> None:
    assert board.throttled(tmp_path) is None
    folder = tmp_path / "devices/platform/soc/soc:firmware"
    folder.mkdir(parents=True)
    (folder / "get_throttled").write_text("50005\n")
    assert board.throttled(tmp_path) == 0x50005


@pytest.mark.parametrize(
    ("unit", "outcome", "words"),
    [
        ({}, "skip", "systemd does not run"),
        ({"LoadState": "not-found"}, "skip", "dragoman.service is not installed"),
        (RUNNING, "pass", "active (running), 0 restarts"),
        (RUNNING | {"NRestarts": "3"}, "warn", "active (running), but restarted 3 times"),
        (RUNNING | {"UnitFileState": "disabled"}, "warn", "active (running), but not started"),
        (RUNNING | {"ActiveState": "inactive", "SubState": "dead"}, "warn", "inactive (dead)"),
        (
            RUNNING | {"ActiveState": "failed", "SubState": "failed", "Result": "exit-code"},
            "fail",
            "failed (failed): exit-code",
        ),
        (
            RUNNING | {"ActiveState": "activating", "SubState": "auto-restart"},
            "fail",
            "activating (auto-restart)",
        ),
    ],
)
def test_service(unit: dict[str, str], outcome: str, words: str) -> None:
    check = service.service(unit)
    assert check.outcome == outcome
    assert check.text.startswith(words)


@pytest.mark.parametrize(
    ("first", "second", "outcome", "words"),
    [
        (Up(20), None, "pass", "b:1883 accepts this device"),
        (Up(20), Unheard("Not authorized"), "warn", "b:1883 refuses commands (Not authorized)"),
        (Up(20), Down("connection lost"), "warn", "b:1883 refuses commands"),
        (None, None, "fail", "b:1883 does not answer"),
        (Down("Connection refused"), None, "fail", "b:1883: Connection refused"),
    ],
)
def test_broker(first: Signal | None, second: Signal | None, outcome: str, words: str) -> None:
    check = verdict("b:1883", first, second)
    assert check.outcome == outcome
    assert check.text.startswith(words)
    assert bool(check.mend) == (outcome != "pass")


def test_the_brokers_own_mend_is_shown() -> None:
    reason = "the broker refuses this device (Bad user name or password): check mqtt.username"
    assert verdict("b:1", Down(reason, refused=True), None).mend == "check mqtt.username"


@pytest.mark.parametrize(
    ("url", "secure", "outcome"),
    [
        ("wss://cloud.example", True, "pass"),
        ("http://127.0.0.1:8765", False, "pass"),
        ("ws://cloud.example:80", False, "warn"),
    ],
)
def test_cloud(url: str, secure: bool, outcome: str) -> None:
    assert reached(url, 80, secure).outcome == outcome


def test_a_cloud_behind_a_proxy_names_it_without_its_login() -> None:
    proxy = Proxy("squid.lan", 3128, "me", Secret("hunter2"))
    check = reached("wss://cloud.example", 80, True, proxy)
    assert check.text == (
        "cloud.example reached in 80 ms through the proxy squid.lan:3128, certificate verified"
    )
    refused = LinkError(
        "the proxy squid.lan:3128 refuses connections; check network.proxy", "proxy"
    )
    assert unreached("cloud", refused).mend == "check network.proxy"


def test_an_unreachable_cloud_says_what_to_look_at() -> None:
    error = LinkError("cannot resolve x: is the network up, DNS set and the name right?", "dns")
    check = unreached("cloud", error)
    assert (check.outcome, check.text) == ("fail", "cannot resolve x")
    assert "resolvectl" in check.mend
