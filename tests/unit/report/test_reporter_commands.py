from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from agent.events import Notice
from agent.report import payloads
from agent.report.signals import Incoming
from tests.choices import CHOICES, ENTITIES
from tests.unit.report.stage import BASE, Stage


@pytest.mark.parametrize("payload", [b"talk", b"[]", b" " * 70_000, b'{"volume":101,"ref":1}'])
def test_a_wrong_command_is_answered_at_once(stage: Stage, payload: bytes) -> None:
    link = stage.up()
    link.post(Incoming(f"{BASE}/command", payload, retained=False))
    stage.until(lambda: bool(link.on("command/result")))
    (answer,) = link.on("command/result")
    assert answer["ok"] is False
    assert answer["error"]
    assert answer.get("ref") == (1 if b"ref" in payload else None)
    assert not stage.commands


def test_commands_are_handed_on_and_answered(stage: Stage) -> None:
    link = stage.up()
    link.post(Incoming(f"{BASE}/command", b'{"mute":true,"ref":"a"}', retained=False))
    stage.until(lambda: bool(stage.commands))
    stage.reporter.command_result(payloads.result(stage.commands[0]))
    stage.until(lambda: link.on("command/result") == [{"ref": "a", "ok": True}])


def test_a_retained_command_is_ignored(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    link = stage.up()
    link.post(Incoming(f"{BASE}/command", b'{"talk":"press"}', retained=True))
    link.post(Incoming(f"{BASE}/command", b'{"talk":"release"}', retained=False))
    stage.until(lambda: bool(stage.commands))
    assert stage.commands == [{"talk": "release"}]
    assert "ignored an old, retained command" in caplog.text


def test_discovery_is_repeated_at_the_birth_of_home_assistant(tmp_path: Path) -> None:
    stage = Stage(tmp_path, discovery="ha")
    stage.reporter.start()
    link = stage.up(window=100)

    def announced() -> int:
        link.acknowledge_all()
        return sum(name.startswith("ha/") for name, _ in link.sent)

    stage.until(lambda: announced() == ENTITIES)
    link.post(Incoming("ha/status", b"offline", retained=False))
    link.post(Incoming("ha/status", b"online", retained=True))
    link.post(Incoming("ha/status", b"online", retained=False))
    stage.until(lambda: announced() == 2 * ENTITIES)
    stage.stop()
    assert announced() == 2 * ENTITIES


#: What a device that only hears has not: components and names.
GONE = (("select", "pair"), ("select", "target"), ("switch", "tts"))


def test_what_can_be_chosen_no_more_is_wiped_and_what_has_changed_announced(
    tmp_path: Path,
) -> None:
    stage = Stage(tmp_path, discovery="ha")
    stage.reporter.start()
    link = stage.up(window=100)

    def told() -> dict[str, bytes]:
        link.acknowledge_all()
        return {name: payload for name, payload in link.sent if name.startswith("ha/")}

    stage.until(lambda: len(told()) == ENTITIES)
    already = len(link.sent)
    hearing = replace(CHOICES, targets=(), pairs=(), speaks=False, sources=("ja", "zh"))
    stage.reporter.choices(hearing)
    wiped = {f"ha/{kind}/dragoman_kitchen-1/{name}/config" for kind, name in GONE}
    stage.until(lambda: {name for name, payload in told().items() if not payload} == wiped)
    news = {name for name, _ in link.sent[already:]}
    assert news == wiped | {"ha/select/dragoman_kitchen-1/source/config"}
    stage.reporter.choices(CHOICES)
    stage.until(lambda: all(told().values()))
    stage.stop()


def test_a_press_is_for_the_moment(stage: Stage) -> None:
    stage.reporter.notice(Notice("button", {"action": "press"}))
    stage.reporter.notice(Notice("no_result"))
    link = stage.up()
    stage.until(lambda: bool(link.on("event")))
    stage.reporter.notice(Notice("button", {"action": "release"}))
    stage.until(lambda: len(link.on("event")) == 2)
    assert [fields["event"] for fields in link.on("event")] == ["no_result", "button"]
