from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agent.errors import RunError
from agent.report import outbox as module
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


def test_a_file_that_opens_too_late_does_not_mix_up_ids(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Outbox(path, 10)) as box:
        box.append("old", BODY)

    def refuse(_: Path) -> sqlite3.Connection:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(module, "open_database", refuse)
        box = Outbox(path, 10)
        box.append("new", BODY)
    with closing(box):
        box.retry()
        assert topics(box) == ["new"]
        assert box.recovered is not None


def test_a_folder_in_its_place_is_one_clear_line(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(RunError, match=r"^cannot open the outbox \S+: Is a directory; see mqtt"):
        Outbox(path, 10)


def test_a_file_in_place_of_the_folder_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=r"^cannot open the outbox \S+: [^\n]+; see mqtt.outbox$"):
        Outbox(tmp_path / "file" / "outbox.db", 10)


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
        with pytest.raises(RunError, match="another process uses it"):
            Outbox(path, 10)
        first.communicate("\n")
    Outbox(path, 10).close()


def test_close_is_idempotent_and_final(path: Path) -> None:
    box = Outbox(path, 10)
    box.close()
    box.close()
    with pytest.raises(ValueError, match="closed"):
        box.append("a", BODY)
