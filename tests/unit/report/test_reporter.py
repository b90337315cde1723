"""What goes out and when; the real connection is in tests/system/test_mqtt.py."""

from __future__ import annotations

import json
from errno import ENOSPC
from functools import partial
from itertools import pairwise
from pathlib import Path
from threading import Event

from agent.clock import SystemClock
from agent.events import Notice
from agent.report import payloads
from agent.report.loose import BUSY
from agent.report.outbox import Outbox
from agent.report.signals import Acked, Down
from tests.unit.report.stage import Stage, indexes, sentence


def test_online_comes_first(stage: Stage) -> None:
    stage.reporter.state(payloads.state("idle"))
    link = stage.up()
    stage.until(lambda: len(link.sent) == 2)
    assert link.sent[0] == ("status", b"online")
    assert link.on("state")[0]["state"] == "idle"


def test_a_final_is_on_the_disk_before_it_is_published(stage: Stage) -> None:
    order: list[str] = []
    link = stage.up()
    update, publish = stage.reporter._outbox.update, link.publish
    stage.reporter._outbox.update = (  # type: ignore[method-assign]
        lambda *args: order.append("disk") or update(*args)  # type: ignore[func-returns-value]
    )
    link.publish = (  # type: ignore[method-assign]
        lambda *args: order.append("broker") or publish(*args)  # type: ignore[func-returns-value]
    )
    stage.reporter.transcript(sentence(0))
    stage.until(lambda: indexes(link) == [0])
    assert order == ["disk", "broker"]
    assert stage.reporter._outbox.count() == 1


def test_finals_wait_for_the_broker_and_partials_do_not(stage: Stage) -> None:
    stage.reporter.transcript(sentence(0, final=False))
    stage.reporter.telemetry({"reconnects": 1})
    stage.reporter.transcript(sentence(0))
    stage.until(lambda: stage.reporter.waiting == 1)
    link = stage.up()
    stage.until(lambda: indexes(link) == [0])
    assert not link.on("transcript/partial")
    assert not link.on("telemetry")


def test_a_partial_does_not_overtake_the_final_before_it(stage: Stage) -> None:
    link = stage.up()
    stage.until(lambda: len(link.sent) == 1)
    for index in range(5):
        stage.reporter.transcript(sentence(index, final=False))
        stage.reporter.transcript(sentence(index))
    stage.reporter.transcript(sentence(5, final=False))
    stage.until(lambda: len(link.on("transcript/partial")) > 0 and len(indexes(link)) == 5)
    stage.until(lambda: link.on("transcript/partial")[-1]["index"] == 5)
    order = [json.loads(payload) for name, payload in link.sent if name.startswith("transcript")]
    growing = [fields["index"] for fields in order]
    assert growing == sorted(growing)
    assert all(a["final"] <= b["final"] for a, b in pairwise(order) if a["index"] == b["index"])


def _wait(hold: Event) -> None:
    hold.wait()


def test_finals_that_come_together_cost_one_write(stage: Stage) -> None:
    """However many partials lie between them: each write may take as long as the card likes."""
    link = stage.up()
    stage.until(lambda: stage.reporter._dispatch.idle or len(link.sent) == 1)
    link.acknowledge_all()
    box, writes = stage.reporter._outbox, list[int]()
    write = box._write
    box._write = lambda: writes.append(1) or write()  # type: ignore[method-assign, func-returns-value]
    hold = Event()
    stage.reporter._inbox.put(partial(_wait, hold))
    for index in range(63):
        stage.reporter.transcript(sentence(index))
        stage.reporter.transcript(sentence(index + 1, final=False))
    hold.set()
    stage.until(lambda: stage.reporter.waiting == 63)
    assert len(writes) == 1


def test_partials_are_bounded_by_the_socket(stage: Stage) -> None:
    link = stage.up()
    for index in range(3 * BUSY):
        stage.reporter.transcript(sentence(index, final=False))
        stage.until(lambda: stage.reporter._inbox.qsize() == 0)
    stage.reporter.transcript(sentence(0))
    stage.until(lambda: indexes(link) == [0])
    assert len(link.on("transcript/partial")) == BUSY
    link.acknowledge_all()
    stage.until(lambda: not stage.reporter._loose._waiting)
    stage.reporter.transcript(sentence(7, final=False))
    stage.until(lambda: len(link.on("transcript/partial")) == BUSY + 1)


def test_what_was_not_acknowledged_comes_again_on_the_next_link(stage: Stage) -> None:
    first = stage.up()
    for index in range(4):
        stage.reporter.transcript(sentence(index))
    stage.until(lambda: len(indexes(first)) == 4)
    first.post(Acked(1, 0))  # status
    first.post(Acked(2, 0))
    stage.cut()
    second = stage.up()
    stage.until(lambda: len(indexes(second)) == 3)
    assert indexes(second) == [1, 2, 3]
    second.acknowledge_all()
    stage.until(lambda: stage.reporter.waiting == 0)


def test_an_echo_of_an_old_link_means_nothing(stage: Stage) -> None:
    first = stage.up()
    stage.cut()
    second = stage.up()
    stage.reporter.transcript(sentence(0))
    stage.until(lambda: indexes(second) == [0])
    first.post(Acked(2, 0))  # the same number, another message
    first.post(Down("late"))
    stage.reporter.transcript(sentence(1))
    stage.until(lambda: indexes(second) == [0, 1])
    stage.until(lambda: stage.reporter.waiting == 2)


def test_a_long_backlog_goes_out_once_and_in_order(stage: Stage) -> None:
    for index in range(100):
        stage.reporter.transcript(sentence(index))
    link = stage.up()
    seen = 0
    while len(indexes(link)) < 100 or stage.reporter.waiting:
        seen = link.acknowledge_all(seen)
        SystemClock().sleep(0.001)
    assert indexes(link) == list(range(100))


def test_only_the_newest_state_follows_a_reconnect(stage: Stage) -> None:
    stage.up()
    stage.reporter.state(payloads.state("idle"))
    stage.until(lambda: bool(stage.link.on("state")))
    stage.cut()
    stage.reporter.state(payloads.state("listening"))
    stage.reporter.state(payloads.state("thinking"))
    link = stage.up()
    stage.until(lambda: len(link.sent) >= 2)
    assert [fields["state"] for fields in link.on("state")] == ["thinking"]


def test_stop_says_offline_last_and_keeps_the_rest(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.reporter.start()
    link = stage.up()
    for index in range(40):
        stage.reporter.transcript(sentence(index))
    stage.stop()
    assert link.closed
    box = Outbox(stage.path, 100)
    assert box.count() == 40
    box.close()


def test_stop_is_clean_when_the_broker_answers(stage: Stage) -> None:
    link = stage.up()
    publish = link.publish

    def answer(topic: str, payload: bytes, qos: int, retain: bool = False) -> int:
        message_id = publish(topic, payload, qos, retain)
        link.post(Acked(message_id, 0))
        return message_id

    link.publish = answer  # type: ignore[method-assign]
    link.acknowledge_all()
    for index in range(40):
        stage.reporter.transcript(sentence(index))
    stage.stop()
    assert indexes(link) == list(range(40))
    assert link.sent[-1] == ("status", b"offline")


def test_stop_without_a_broker_keeps_everything(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.reporter.start()
    for index in range(200):
        stage.reporter.transcript(sentence(index))
    stage.reporter.notice(Notice("outage"))
    stage.stop()
    box = Outbox(stage.path, 1000)
    assert [row.topic.rpartition("/")[2] for row in box.after(199, 9)] == ["transcript", "event"]
    box.close()


def test_it_says_which_finals_are_on_the_disk(stage: Stage) -> None:
    saved: list[str] = []
    stage.reporter.saved = saved.append
    stage.reporter.transcript(sentence(0))
    stage.reporter.transcript(sentence(1, final=False))
    stage.until(lambda: saved == ["s-0"])
    box = stage.reporter._outbox
    write = box._write
    box._write = partial(_full, box)  # type: ignore[method-assign]
    stage.reporter.transcript(sentence(2))
    stage.until(lambda: box.fault is not None)
    assert saved == ["s-0"]
    box._write = write  # type: ignore[method-assign]
    stage.reporter.transcript(sentence(3))
    stage.until(lambda: saved == ["s-0", "s-2", "s-3"])


def _full(box: Outbox) -> None:
    raise OSError(ENOSPC, f"no space left for {box.count()} messages")
