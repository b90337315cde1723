from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from agent.clock import ManualClock
from agent.report.outbox import Outbox
from tests.unit.report.disk import topics

BODY = b"x" * 100

CHILD = """
import sys
from agent.report.outbox import Outbox
box = Outbox(sys.argv[1], 1_000_000)
number = 0
while True:
    ids = box.append_many([("t", b"%d" % n) for n in range(number, number + number % 3 + 1)])
    if number % 5 == 0:
        box.remove(ids[:1])
        print("-", ids[0], flush=True)
    print("+", *ids[1:] if number % 5 == 0 else ids, flush=True)
    number += len(ids)
"""


def test_what_append_returned_survives_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    command = [sys.executable, "-c", CHILD, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(150)]
        child.kill()
        lines += child.stdout.read().splitlines(keepends=True)
    whole = [line.split() for line in lines if line.endswith("\n")]
    added = {int(row_id) for sign, *ids in whole if sign == "+" for row_id in ids}
    removed = {int(row_id) for sign, *ids in whole if sign == "-" for row_id in ids}
    with closing(Outbox(path, 1_000_000)) as box:
        there = [row.id for row in box.after(0, 1_000_000)]
        assert box.recovered is None
    assert added <= set(there)
    assert not removed & set(there)
    assert there == sorted(there)


GARBAGE = [b"this is no database" * 500, b"SQLite format 3\0" + b"\7" * 9000]


@pytest.mark.parametrize("damage", GARBAGE)
def test_a_corrupt_file_is_set_aside(path: Path, damage: bytes) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(damage)
    with closing(Outbox(path, 10, ManualClock())) as box:
        assert box.append("a", BODY) == 1
        assert box.fault is None
        assert box.recovered == path.with_name("outbox.db.corrupt-20260101T000000Z")
        assert box.recovered.read_bytes() == damage
    with closing(Outbox(path, 10)) as box:
        assert topics(box) == ["a"]
        assert box.recovered is None


def crash(path: Path) -> Path:
    """An outbox that was killed with a message in its log; gives the log."""
    with closing(Outbox(path, 10)) as box:
        box.append("lost", BODY)
        log = path.with_name("outbox.db-wal")
        left = path.read_bytes(), log.read_bytes()
    path.write_bytes(left[0])
    log.write_bytes(left[1])
    return log


def test_a_log_left_by_a_crash_is_read(path: Path) -> None:
    crash(path)
    with closing(Outbox(path, 10)) as box:
        assert topics(box) == ["lost"]


@pytest.mark.parametrize("at", [0, 9, 17, 30])
def test_a_corrupt_log_is_set_aside_with_its_file(path: Path, at: int) -> None:
    log = crash(path)
    bytes_of_log = bytearray(log.read_bytes())
    bytes_of_log[at] ^= 0x55
    log.write_bytes(bytes_of_log)
    with closing(Outbox(path, 10, ManualClock())) as box:
        assert topics(box) == []
        assert box.recovered is not None
        assert box.recovered.exists()
        assert box.recovered.with_name(f"{box.recovered.name}-wal").read_bytes() == bytes_of_log


def test_an_empty_log_is_no_damage(path: Path) -> None:
    with closing(Outbox(path, 10)) as box:
        box.append("kept", BODY)
    path.with_name("outbox.db-wal").write_bytes(bytes(4096))
    with closing(Outbox(path, 10)) as box:
        assert topics(box) == ["kept"]


def test_somebody_elses_table_is_set_aside(path: Path) -> None:
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE outbox (name)")
    with closing(Outbox(path, 10)) as box:
        assert box.append("a", BODY) == 1
        assert box.recovered is not None


def test_only_a_few_wrecks_are_kept(path: Path) -> None:
    clock = ManualClock()
    for _ in range(6):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"wreck" * 1000)
        Outbox(path, 10, clock).close()
        clock.advance(60)
    wrecks = sorted(file.name for file in path.parent.glob("*corrupt*"))
    assert len(wrecks) == 3
    assert wrecks[-1].endswith("T000500Z")
