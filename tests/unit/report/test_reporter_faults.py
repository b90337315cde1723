from __future__ import annotations

import logging
from contextlib import closing
from pathlib import Path

import pytest

from agent.config.schema import Mqtt
from agent.report import mqtt as module
from agent.report.mqtt import Reporter
from agent.report.outbox import Outbox
from agent.report.signals import Acked, Unheard
from tests.unit.report.stage import Stage, indexes, sentence


def test_a_loss_is_logged_once(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        stage.cut()
    lines = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert lines == [
        "broker at localhost:1883: Connection refused; keeping messages, retrying",
    ]


def test_a_refused_message_is_tried_again_later(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "PAUSE_S", 0.01)
    link = stage.up()
    stage.reporter.transcript(sentence(0))
    stage.until(lambda: indexes(link) == [0])
    link.post(Acked(len(link.sent), 0x87))
    stage.until(lambda: indexes(link) == [0, 0])
    assert "refuses dragoman/kitchen-1/transcript: not authorised" in caplog.text
    link.post(Unheard("Not authorized"))
    stage.until(lambda: "hear no commands" in caplog.text)


def test_a_recovered_outbox_is_an_event(tmp_path: Path) -> None:
    (tmp_path / "outbox.db").write_bytes(b"garbage" * 999)
    stage = Stage(tmp_path)
    stage.reporter.start()
    link = stage.up()
    stage.until(lambda: bool(link.on("event")))
    assert link.on("event")[0]["event"] == "outbox_recovered"
    assert link.on("event")[0]["kept_as"].startswith("outbox.db.corrupt-")
    stage.stop()


def test_drops_are_an_event_when_the_outbox_is_empty_again(tmp_path: Path) -> None:
    stage = Stage(tmp_path, outbox_limit=10)
    stage.reporter.start()
    for index in range(15):
        stage.reporter.transcript(sentence(index))
    stage.until(lambda: stage.reporter.dropped == 5)
    link = stage.up()
    stage.until(lambda: len(indexes(link)) == 10)
    link.acknowledge_all()
    stage.until(lambda: bool(link.on("event")))
    assert link.on("event")[0]["messages"] == 5
    stage.stop()


def test_an_outbox_that_fails_is_reported_and_retried(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "PAUSE_S", 0.01)
    caplog.set_level(logging.INFO)
    link = stage.up()

    def refuse() -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(stage.reporter._outbox, "_write", refuse)
        stage.reporter.transcript(sentence(0))
        stage.until(lambda: indexes(link) == [0])
        stage.until(lambda: bool(link.on("event")))
    stage.until(lambda: "on the disk again" in caplog.text)
    assert link.on("event")[0]["event"] == "outbox_fault"
    assert caplog.text.count("No space left") == 1


def test_an_outbox_that_cannot_be_opened_is_a_fault_that_mends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAUSE_S", 0.01)
    (tmp_path / "outbox.db").mkdir()
    stage = Stage(tmp_path)
    stage.reporter.start()
    stage.reporter.transcript(sentence(0))
    link = stage.up()
    stage.until(lambda: len(link.on("event")) == 1)
    assert link.on("event")[0]["event"] == "outbox_fault"
    assert "Is a directory" in link.on("event")[0]["reason"]
    assert indexes(link) == [0]
    (tmp_path / "outbox.db").rmdir()
    stage.until(lambda: len(link.on("event")) == 2)
    assert link.on("event")[1]["event"] == "outbox_back"
    stage.stop()
    with closing(Outbox(tmp_path / "outbox.db", 10)) as box:
        assert box.count() == 3  # nothing was acknowledged


def test_without_a_host_there_is_no_reporter() -> None:
    with pytest.raises(ValueError, match="host is null"):
        Reporter(Mqtt(host=None), "x", lambda _: None)
