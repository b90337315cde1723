from __future__ import annotations

import errno
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agent.report import aside
from agent.report import outbox as module
from agent.report.aside import Aside
from agent.report.outbox import Outbox, Row
from tests.unit.report.disk import fill_the_disk, topics

BODY = b"x" * 100


def use_up_the_free_pages(box: Outbox) -> int:
    """Append until the full disk is felt; how many it took."""
    taken = 0
    while box.append("filler", b"x" * 2000) is not None:
        taken += 1
    return taken


def test_messages_come_back_in_order_after_a_restart(path: Path) -> None:
    with closing(Outbox(path, 100)) as box:
        assert [box.append("a", BODY), box.append("b", b"\0")] == [1, 2]
    with closing(Outbox(path, 100)) as box:
        assert box.after(0, 10) == [Row(1, "a", BODY), Row(2, "b", b"\0")]
        assert box.count() == 2


def test_ids_are_not_used_again(path: Path) -> None:
    with closing(Outbox(path, 100)) as box:
        box.remove([box.append("a", BODY) or 0])
    with closing(Outbox(path, 100)) as box:
        assert box.append("b", BODY) == 2


def test_the_oldest_go_when_it_is_full(path: Path) -> None:
    with closing(Outbox(path, 3)) as box:
        box.append_many([(str(number), BODY) for number in range(5)])
        assert topics(box) == ["2", "3", "4"]
        assert box.dropped == 2


def test_a_smaller_limit_holds_at_the_next_start(path: Path) -> None:
    with closing(Outbox(path, 5)) as box:
        box.append_many([(str(number), BODY) for number in range(5)])
    with closing(Outbox(path, 2)) as box:
        box.append("5", BODY)
        assert topics(box) == ["4", "5"]


def test_only_the_owner_may_read_the_files(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.touch(mode=0o644)
    with closing(Outbox(path, 10)) as box:
        box.append("a", BODY)
        files = list(path.parent.iterdir())
        assert len(files) == 2  # the file and its log
        assert all(file.stat().st_mode & 0o777 == 0o600 for file in files)


def test_every_commit_is_synced(box: Outbox) -> None:
    assert box._database is not None
    assert box._database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert box._database.execute("PRAGMA synchronous").fetchone() == (2,)


def test_damage_found_in_use_starts_a_new_file(box: Outbox) -> None:
    box.append("before", BODY)

    class Broken:
        def execute(self, *_: Any) -> Any:
            raise sqlite3.DatabaseError("disk image is malformed")

        def close(self) -> None:
            """Nothing to close."""

    assert box._database is not None
    box._database.close()
    box._database = Broken()  # type: ignore[assignment]
    assert box.after(0, 10) == []
    assert box.recovered is not None
    assert box.append("after", BODY) == 2
    assert topics(box) == ["after"]


def test_a_full_disk_keeps_messages_in_memory(box: Outbox) -> None:
    fill_the_disk(box, full=True)
    fillers = use_up_the_free_pages(box)
    assert box.fault is not None
    assert "full" in box.fault
    assert box.append("later", BODY) is None
    assert topics(box)[-1] == "later"
    assert box.count() == fillers + 2


def test_memory_goes_to_the_disk_in_order_when_there_is_room(path: Path) -> None:
    with closing(Outbox(path, 100)) as box:
        box.append("first", BODY)
        fill_the_disk(box, full=True)
        use_up_the_free_pages(box)
        box.append("last", BODY)
        before = box.after(0, 100)
        fill_the_disk(box, full=False)
        box.retry()
        assert box.fault is None
    with closing(Outbox(path, 100)) as box:
        assert box.after(0, 100) == before


def test_memory_is_bounded(box: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MEMORY_LIMIT", 3)
    fill_the_disk(box, full=True)
    fillers = use_up_the_free_pages(box)
    for number in range(5):
        box.append(str(number), b"x" * 2000)
    assert topics(box)[fillers:] == ["2", "3", "4"]
    assert box.dropped == 3


def test_what_was_removed_on_a_full_disk_stays_removed(
    box: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [box.append(str(number), BODY) or 0 for number in range(4)]

    def refuse() -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(box, "_write", refuse)
        box.remove(ids[:2])
        assert topics(box) == ["2", "3"]
        assert box.after(0, 1) == [Row(3, "2", BODY)]
        assert box.count() == 2
    box.retry()
    assert box.fault is None
    assert box._database is not None
    assert box._database.execute("SELECT count(*) FROM outbox").fetchone() == (2,)


def test_a_disk_that_is_full_at_the_start_is_no_reason_to_die(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> sqlite3.Connection:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module, "open_database", refuse)
        box = Outbox(path, 10)
        assert box.append("early", BODY) is None
        assert box.fault is not None
    with closing(box):
        box.retry()
        assert box.fault is None
        assert topics(box) == ["early"]


def test_what_came_before_the_file_could_be_opened_comes_after_what_is_in_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Outbox(path, 10)) as box:
        box.append_many([("old", BODY), ("older", BODY)])
        box.remove([2])

    def refuse(_: Path) -> sqlite3.Connection:
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr(module, "open_database", refuse)
        box = Outbox(path, 10)
        box.append_many([("new", BODY), ("newer", BODY)])
        assert topics(box) == ["new", "newer"]
    with closing(box):
        box.retry()
        assert [row.topic for row in box.after(-1000, 9)] == ["old", "new", "newer"]
        box.remove([1])
        assert box.append("newest", BODY) == 3
        assert box.recovered is None
    with closing(Outbox(path, 10)) as box:
        assert topics(box) == ["old", "newer", "newest"]


@pytest.mark.parametrize("place", ["folder", "file", "missing"])
def test_a_place_where_nothing_can_be_kept_is_one_clear_line(tmp_path: Path, place: str) -> None:
    path = tmp_path / "outbox.db"
    if place == "folder":
        path.mkdir()
    else:
        (tmp_path / "file").touch()
        path = tmp_path / "file" / "outbox.db"
    box = Outbox(path, 10)
    assert re.fullmatch(
        r"the outbox \S+ takes no messages: cannot open the outbox \S+: [^\n]+; see mqtt.outbox",
        box.fault or "",
    )
    assert box.append("a", BODY) is None
    assert topics(box) == ["a"]
    if place == "folder":  # somebody mends it
        path.rmdir()
        box.retry()
        assert box.fault is None
        box.close()
        with closing(Outbox(path, 10)) as again:
            assert topics(again) == ["a"]


HOLDER = """
import sys
from agent.report.outbox import Outbox
box = Outbox(sys.argv[1], 10)
print("open", flush=True)
input()
"""


def test_a_second_process_is_kept_away(path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "open\n"
        box = Outbox(path, 10)
        assert "another process uses it" in (box.fault or "")
        box.append("a", BODY)
        first.communicate("\n")
    box.retry()
    assert box.fault is None
    box.close()


def test_events_go_before_any_transcript(path: Path) -> None:
    with closing(Outbox(path, 4)) as box:
        box.append_many([(f"d/{t}", BODY) for t in ("transcript", "event", "summary", "event")])
        box.append("d/transcript", BODY)
        box.append("d/transcript", BODY)
        assert topics(box) == ["d/transcript", "d/summary", "d/transcript", "d/transcript"]
        box.append("d/event", BODY)
        assert topics(box) == ["d/transcript", "d/summary", "d/transcript", "d/transcript"]
        assert (box.dropped, box.dropped_finals) == (3, 0)
        box.append("d/transcript", b"new")
        assert topics(box)[0] == "d/summary"
        assert (box.dropped, box.dropped_finals) == (4, 1)
    with closing(Outbox(path, 3)) as box:
        assert box.append("d/event", BODY) is None
        assert topics(box) == ["d/transcript"] * 3


def test_it_is_bounded_by_bytes(path: Path) -> None:
    with closing(Outbox(path, 100, most=1000)) as box:
        for number in range(20):
            box.append(f"d/{number}", BODY)
        assert topics(box) == [f"d/{number}" for number in range(10, 20)]
        box.append("d/large", b"x" * 950)
        assert topics(box) == ["d/large"]
    with closing(Outbox(path, 100, most=900)) as box:
        box.append("d/next", BODY)
        assert topics(box) == ["d/next"]


def test_memory_is_bounded_by_bytes_and_events_go_first(
    box: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MEMORY_BYTES", 350)

    def refuse() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(box, "_write", refuse)
    for topic in ("d/transcript", "d/event", "d/summary", "d/transcript", "d/transcript"):
        box.append(topic, BODY)
    assert topics(box) == ["d/summary", "d/transcript", "d/transcript"]
    assert (box.dropped, box.dropped_finals) == (2, 1)
    monkeypatch.undo()
    box.retry()


def test_what_is_read_ahead_is_bounded_by_bytes(box: Outbox) -> None:
    box.append_many([("a", b"x" * 200_000)] * 5)
    assert [row.id for row in box.after(0, 9)] == [1, 2, 3]
    assert [row.id for row in box.after(0, 2)] == [1, 2]


def test_topics_can_be_left_out(box: Outbox) -> None:
    box.append_many([("a", BODY), ("b", BODY), ("a", BODY), ("c", BODY)])
    assert [row.id for row in box.after(0, 2, {"a"})] == [2, 4]


def test_what_is_set_aside_is_kept_and_can_come_back(path: Path) -> None:
    with closing(Outbox(path, 10)) as box:
        box.append_many([("a", BODY), ("b", b"bad"), ("c", BODY)])
        box.set_aside(2, Aside("b", b"bad", "too large"))
        box.set_aside(2, Aside("b", b"bad", "too large"))  # once is enough
        assert topics(box) == ["a", "c"]
        assert box.aside == [Aside("b", b"bad", "too large")]
    with closing(Outbox(path, 10)) as box:
        assert topics(box) == ["a", "c"]
        assert box.restore() == 1
        assert topics(box) == ["a", "b", "c"]
        assert box.restore() == 0


def test_what_is_set_aside_is_bounded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aside, "LIMIT", 3)
    monkeypatch.setattr(aside, "BYTES", 250)
    with closing(Outbox(path, 10)) as box:
        for number, size in enumerate([10, 10, 10, 100, 100, 100]):
            box.append(str(number), b"x" * size)
            box.set_aside(number + 1, Aside(str(number), b"x" * size, "no"))
        assert box.restore() == 2
        assert topics(box) == ["4", "5"]


def test_set_aside_while_the_disk_takes_nothing(path: Path) -> None:
    path.mkdir(parents=True)
    box = Outbox(path, 10)
    box.append_many([("a", BODY), ("b", BODY)])
    box.set_aside(1, Aside("a", BODY, "no"))
    assert topics(box) == ["b"]
    path.rmdir()
    with closing(box):
        box.retry()
        assert box.fault is None
        assert box.restore() == 1
        assert topics(box) == ["a", "b"]


DAMAGES = ["CAST(X'ff2f' AS TEXT)", "CAST(X'642fff' AS TEXT)", "7", "X'00'"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_row_does_not_harm_the_others(path: Path, damage: str) -> None:
    with closing(Outbox(path, 10)) as box:
        box.append_many([("a", BODY), ("b", BODY), ("c", BODY)])
    with closing(sqlite3.connect(path)) as file, file:
        column = "payload" if damage == "7" else "topic"
        file.execute(f"UPDATE outbox SET {column} = {damage} WHERE id = 2")
    with closing(Outbox(path, 10)) as box:
        assert box.recovered is None
        assert {"a", "c"} <= set(topics(box))
        assert box.count() == len(topics(box))


def test_notes_are_remembered(path: Path) -> None:
    with closing(Outbox(path, 10)) as box:
        assert box.note("prefix") is None
        box.set_note("prefix", "homeassistant")
        box.set_note("prefix", "ha")
    with closing(Outbox(path, 10)) as box:
        assert box.note("prefix") == "ha"


def test_close_is_idempotent_and_final(path: Path) -> None:
    box = Outbox(path, 10)
    box.close()
    box.close()
    with pytest.raises(ValueError, match="closed"):
        box.append("a", BODY)
