from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest
from msgspec.structs import replace

from agent.events import Notice
from agent.report import payloads
from agent.report.outbox import Outbox
from agent.report.signals import Acked, Down, Incoming
from tests.choices import CHOICES, ENTITIES
from tests.patience import HANG_S
from tests.unit.report.stage import BASE, Stage, indexes, sentence


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


class Stuck:
    """A disk that does not come back from a write until :meth:`mend`."""

    def __init__(self, stage: Stage) -> None:
        self.link = link = stage.up()
        stage.until(lambda: bool(link.acknowledge_all()))
        self._over, self._begun = Event(), Event()
        self._write = stage.reporter._outbox._write
        stage.reporter._outbox._write = self._slow  # type: ignore[method-assign]
        stage.reporter.transcript(sentence(0))
        assert self._begun.wait(HANG_S)

    def _slow(self) -> None:
        self._begun.set()
        self._over.wait()
        self._write()

    def mend(self) -> None:
        self._over.set()


@pytest.fixture
def stuck(stage: Stage) -> Iterator[Stuck]:
    disk = Stuck(stage)
    yield disk
    disk.mend()


def test_a_press_waits_for_no_disk(stage: Stage, stuck: Stuck) -> None:
    stuck.link.post(Incoming(f"{BASE}/command", b'{"talk":"press","ref":1}', retained=False))
    stage.until(lambda: bool(stage.commands))
    stage.reporter.state(payloads.state("listening"))
    stage.reporter.command_result(payloads.result(stage.commands[0]))
    stage.until(lambda: stuck.link.on("command/result") == [{"ref": 1, "ok": True}])
    stage.until(lambda: [s["state"] for s in stuck.link.on("state")] == ["listening"])
    assert not indexes(stuck.link), "published before it was written"
    stuck.mend()
    stage.until(lambda: indexes(stuck.link) == [0])


def test_what_comes_during_a_write_goes_with_the_next_in_order(stage: Stage, stuck: Stuck) -> None:
    saved: list[str] = []
    stage.reporter.saved = saved.append
    for index in range(1, 5):
        stage.reporter.transcript(sentence(index, final=False))
        stage.reporter.transcript(sentence(index))
    stage.reporter.transcript(sentence(5, final=False))
    stuck.link.post(Incoming(f"{BASE}/command", b"{}", retained=False))
    stage.until(lambda: bool(stage.commands))
    assert not saved
    assert not indexes(stuck.link)
    assert not stuck.link.on("transcript/partial"), "one overtook the finals before it"
    stuck.mend()
    stage.until(lambda: indexes(stuck.link) == [0, 1, 2, 3, 4])
    stage.until(lambda: [p["index"] for p in stuck.link.on("transcript/partial")] == [5])
    assert saved == ["s-0", "s-1", "s-2", "s-3", "s-4"]


def test_a_connection_lost_during_a_write_is_another_after_it(stage: Stage, stuck: Stuck) -> None:
    stuck.link.post(Down("gone"))
    stuck.link.post(Incoming(f"{BASE}/command", b"{}", retained=False))  # the last it heard
    stage.until(lambda: bool(stage.commands))
    assert len(stage.links) == 1
    stuck.mend()
    stage.until(lambda: len(stage.links) == 2 and stage.link.opened)
    again = stage.up()
    stage.until(lambda: indexes(again) == [0])


def test_a_message_refused_during_a_write_is_set_aside_after_it(stage: Stage, stuck: Stuck) -> None:
    stage.reporter.command_result({"ok": True})
    stage.until(lambda: bool(stuck.link.on("command/result")))
    stuck.link.post(Acked(len(stuck.link.sent), 0x95))
    stuck.link.post(Incoming(f"{BASE}/command", b"{}", retained=False))
    stage.until(lambda: bool(stage.commands))
    assert stage.reporter.set_aside == 0
    stuck.mend()
    stage.until(lambda: stage.reporter.set_aside == 1)


def test_a_stop_waits_for_the_write_and_keeps_what_came_during_it(
    stage: Stage, stuck: Stuck
) -> None:
    stage.reporter.transcript(sentence(1))
    stage.reporter.stop()
    assert not stage.reporter.join(0.05)
    stuck.mend()
    assert stage.reporter.join(HANG_S)
    with closing(Outbox(stage.path, 100)) as box:
        assert [json.loads(row.payload)["index"] for row in box.after(0, 10)] == [0, 1]


def test_a_write_that_fails_by_our_own_fault_ends_the_worker(stage: Stage) -> None:
    died: list[str] = []
    stage.up()
    stage.reporter.on_death = lambda name, reason: died.append(reason)
    stage.reporter._outbox.update = None  # type: ignore[assignment,method-assign]
    stage.reporter.transcript(sentence(0))
    stage.until(lambda: bool(died))
    assert "TypeError" in died[0]
