from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from agent.report.outbox import Outbox, Row
from tests.unit.report.disk import fill_the_disk


class Model(RuleBasedStateMachine):
    """The outbox beside a plain list."""

    LIMIT = 6

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "outbox.db"
        self.box = Outbox(self.path, self.LIMIT)
        self.rows: list[Row] = []
        self.last_id = self.dropped = 0

    def add(self, payload: bytes) -> int:
        self.last_id += 1
        self.rows.append(Row(self.last_id, "t", payload))
        if len(self.rows) > self.LIMIT:
            self.rows.pop(0)
            self.dropped += 1
        return self.last_id

    @rule(payload=st.binary(max_size=8))
    def append(self, payload: bytes) -> None:
        assert self.box.append("t", payload) == self.add(payload)

    @rule(payloads=st.lists(st.binary(max_size=8), max_size=9))
    def append_many(self, payloads: list[bytes]) -> None:
        ids = [self.add(payload) for payload in payloads]
        kept = {row.id for row in self.rows}
        expected = [i if i in kept else None for i in ids]
        assert self.box.append_many([("t", payload) for payload in payloads]) == expected

    @rule(back=st.sets(st.integers(-2, 9)))
    def remove(self, back: set[int]) -> None:
        ids = {self.last_id - offset for offset in back}
        self.box.remove(ids)
        self.rows = [row for row in self.rows if row.id not in ids]

    @rule()
    def reopen(self) -> None:
        self.box.close()
        self.box = Outbox(self.path, self.LIMIT)
        self.dropped = 0

    @rule(payload=st.binary(max_size=8), size=st.sampled_from([1, 5000]))
    def append_on_a_full_disk(self, payload: bytes, size: int) -> None:
        fill_the_disk(self.box, full=True)
        assert self.box.append("t", payload * size) in (self.add(payload * size), None)
        self.agrees()
        fill_the_disk(self.box, full=False)
        self.box.retry()
        assert self.box.fault is None

    @rule(back=st.integers(-1, 9), limit=st.integers(1, 9))
    def after(self, back: int, limit: int) -> None:
        cursor = self.last_id - back
        expected = [row for row in self.rows if row.id > cursor][:limit]
        assert self.box.after(cursor, limit) == expected

    @invariant()
    def agrees(self) -> None:
        assert self.box.after(0, 100) == self.rows
        assert self.box.count() == len(self.rows)
        assert self.box.dropped == self.dropped

    def teardown(self) -> None:
        self.box.close()
        self.folder.cleanup()


Model.TestCase.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
TestModel = Model.TestCase
