"""The options of ``dragoman fleet`` and what ``watch`` draws."""

from __future__ import annotations

import argparse
import io
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from agent.cli import broker_options, fleet_screen, main
from agent.clock import ManualClock
from agent.config.schema import Mqtt
from agent.errors import UsageError
from agent.fleet.roster import Roster
from agent.fleet.table import Entry, entries
from agent.fleet.view import View
from tests.unit.fleet.air import heard, kept

UTC0 = datetime(2026, 1, 1, tzinfo=UTC)
ALL, UNWELL = View(), View(unwell=True)
SECRET = "s3cret-of-this-test"


def load(*arguments: str) -> Mqtt:
    parser = argparse.ArgumentParser()
    broker_options.add(parser)
    return broker_options.load(parser.parse_args(arguments))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The configuration of a device, whose credentials for the cloud are not here."""
    path = tmp_path / "d.yaml"
    path.write_text(
        "service:\n  token: ${NOT_SET_HERE}\n"
        f"mqtt: {{host: broker, port: 8883, username: me, password: {SECRET}, topic: home/voice}}\n"
    )
    return path


def test_the_section_mqtt_is_all_that_counts(config: Path) -> None:
    found = load("--config", str(config))
    assert (found.host, found.port, found.topic) == ("broker", 8883, "home/voice")
    assert found.password is not None
    assert found.password.reveal() == SECRET


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("other", "other", 8883),
        ("other:1884", "other", 1884),
        ("10.0.0.7:1", "10.0.0.7", 1),
        ("[::1]", "::1", 8883),
        ("[::1]:1883", "::1", 1883),
    ],
)
def test_another_broker_with_the_login_of_the_file(
    config: Path, text: str, host: str, port: int
) -> None:
    found = load("--config", str(config), "--broker", text, "--topic", "x")
    assert (found.host, found.port, found.topic, found.username) == (host, port, "x", "me")


def test_a_broker_alone_gets_nobodys_password(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.config.loader.DEFAULT_PATH", str(config))
    assert load().username == "me"
    assert load("--broker", "other").username is None
    assert load("--broker", "other", "--set", "mqtt.username=you").username == "you"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--broker", "a:b"], "--broker: 'a:b' is no address; expected HOST or HOST:PORT"),
        (["--broker", "mqtt://a"], "--broker: 'mqtt://a' is no address"),
        (["--broker", "a:0"], "--broker: got '0'; expected a whole number from 1 to 65535"),
        (["--broker", "a", "--topic", "a/#"], "--topic: got 'a/#'; expected an MQTT topic"),
        (["--broker", "a", "--set", "mqtt.prot=1"], "mqtt.prot: unknown key"),
        (["--broker", "a", "--set", "mqtt.port=x"], "mqtt.port: got 'x'; expected a whole"),
        (["--broker", "a", "--set", "mqt.port=1"], "mqt: unknown key"),
        (["--config", "/nonexistent"], "/nonexistent: no such file"),
        (["--config", "/dev/null", "--set", "mqtt.host=null"], "mqtt.host is null: no broker"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(arguments: list[str], why: str) -> None:
    with pytest.raises(UsageError) as info:
        load(*arguments)
    assert why in str(info.value)
    assert "\n" not in str(info.value)


@pytest.mark.parametrize(
    "arguments",
    [
        ["send", "volume=3"],
        ["send", "volume=3", "--all", "--to", "a"],
        ["send", "--all"],
        ["list", "--wait", "soon"],
        ["list", "--wait", "-1"],
        ["list", "--wait", "nan"],
        ["list", "--sort", "age"],
        ["send", "volume=3", "--all", "--rate", "0"],
        ["send", "volume=3", "--all", "--first", "0"],
        ["send", "volume=3", "--all", "--first", "some"],
        [],
    ],
)
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as info:
        main(["fleet", *arguments])
    assert info.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_a_wrong_command_is_refused_without_a_broker(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing listens there, and it is not tried."""
    assert main(["fleet", "send", "volum=3", "--all", "--broker", "127.0.0.1:1"]) == 2
    assert capsys.readouterr().err == ("dragoman: unknown field 'volum'; did you mean 'volume'?\n")


# --- what watch draws ------------------------------------------------------------------------


class Fleet:
    """Devices that change."""

    def __init__(self) -> None:
        self.roster = Roster("dragoman")

    def tell(self, topic: str, payload: bytes | dict[str, object]) -> Fleet:
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self.roster.take(kept(topic, body), 0.0, UTC0)
        return self

    def measure(self, topic: str, **numbers: float) -> Fleet:
        self.roster.take(heard(topic, numbers), 0.0, UTC0)
        return self

    @property
    def entries(self) -> list[Entry]:
        return entries(self.roster, 1.0, UTC0)


@pytest.fixture
def fleet() -> Fleet:
    made = Fleet()
    for name in ("a", "b"):
        made.tell(f"{name}/status", b"online").tell(f"{name}/state", {"state": "idle"})
    return made


def show(
    screen: fleet_screen.Lines | fleet_screen.Live, fleet: list[Entry], view: View = ALL
) -> None:
    screen.show(view.of(fleet), fleet, 0)


def test_piped_there_is_a_line_for_each_change(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    screen = fleet_screen.Lines(ManualClock())
    with screen:
        show(screen, fleet.entries)
        show(screen, fleet.entries)
        show(screen, fleet.tell("a/status", b"offline").entries)
        screen.say("b: hello")
    time = "2026-01-01T00:00:00.000Z"
    assert capsys.readouterr().out.splitlines() == [
        f"{time}  a  online  idle  –  –  –  ok",
        f"{time}  b  online  idle  –  –  –  ok",
        f"{time}  a  offline  (idle)  –  –  –  fault: not connected to the broker",
        f"{time}  b: hello",
    ]


def test_a_number_that_changes_is_no_line(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    screen = fleet_screen.Lines(ManualClock())
    show(screen, fleet.measure("a/telemetry", backlog_ms=5000).entries)
    show(screen, fleet.measure("a/telemetry", backlog_ms=6000).entries)
    assert capsys.readouterr().out.count("behind") == 1
    show(screen, fleet.measure("a/telemetry", backlog_ms=0).entries)
    assert capsys.readouterr().out.endswith("a  online  idle  –  –  –  ok\n")


def test_who_is_removed_is_named(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    screen = fleet_screen.Lines(ManualClock())
    show(screen, fleet.entries)
    show(screen, fleet.tell("a/status", b"").entries)
    assert capsys.readouterr().out.splitlines()[-1].endswith("  a  removed")
    show(screen, fleet.tell("a/status", b"offline").entries)
    assert "a  offline" in capsys.readouterr().out


def test_only_the_unwell_are_lines_and_who_is_well_again_is_told_once(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    screen = fleet_screen.Lines(ManualClock())
    show(screen, fleet.entries, UNWELL)
    assert capsys.readouterr().out == ""
    show(screen, fleet.tell("a/status", b"offline").entries, UNWELL)
    assert "a  offline" in capsys.readouterr().out
    for _ in range(2):
        show(screen, fleet.tell("a/status", b"online").entries, UNWELL)
    assert capsys.readouterr().out == "2026-01-01T00:00:00.000Z  a  online  idle  –  –  –  ok\n"


def drawn(screen: fleet_screen.Live, shown: list[Entry], height: int = 24) -> list[str]:
    paper = io.StringIO()
    console = Console(file=paper, width=80, height=height, color_system=None)
    screen._live.console = console
    show(screen, shown)
    console.print(screen._draw())
    return paper.getvalue().splitlines()


def test_on_a_terminal_there_is_a_table(fleet: Fleet) -> None:
    screen = fleet_screen.Live("broker:1883")
    screen.say("a: hello → hola")
    lines = drawn(screen, fleet.tell("b/status", b"offline").entries)
    assert [line.rstrip() for line in lines] == [
        "DEVICE  STATUS   STATE   SERVICE  PAIR  VERSION  SEEN  HEALTH",
        "a       online   idle    –        –     –        0 s   ok",
        "b       offline  (idle)  –        –     –        0 s   fault",
        "  → not connected to the broker",
        "broker:1883: 2 devices: 1 ok, 1 fault",
        "a: hello → hola",
    ]


def test_before_the_first_message(fleet: Fleet) -> None:
    assert drawn(fleet_screen.Live("broker:1883"), [])[-1] == "broker:1883: no devices yet"


def test_a_small_terminal_shows_what_fits(fleet: Fleet) -> None:
    for number in range(40):
        fleet.tell(f"d{number}/status", b"offline")
    screen = fleet_screen.Live("broker:1883")
    for number in range(9):
        screen.say(f"a: sentence {number}")
    lines = drawn(screen, fleet.entries, height=16)
    assert len(lines) <= 15
    assert "… 38 more, 38 of them unwell" in lines
    assert sum(line.startswith("d") for line in lines) == 2, "and a and b, who are well"
    assert lines[-1] == "a: sentence 8"
    assert "broker:1883: 42 devices: 2 ok, 40 fault" in lines


def test_without_rich_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rich.live", None)
    with pytest.raises(
        UsageError, match=r"needs rich on a terminal: pip install 'dragoman\[live\]'"
    ):
        fleet_screen.Live("broker:1883")
