"""What the tests of the outbox share."""

from __future__ import annotations

from agent.report.outbox import Outbox


def fill_the_disk(box: Outbox, *, full: bool) -> None:
    """SQLite's own way to answer SQLITE_FULL."""
    assert box._database is not None
    (pages,) = box._database.execute("PRAGMA page_count").fetchone()
    box._database.execute(f"PRAGMA max_page_count={pages if full else 1_000_000}")


def topics(box: Outbox) -> list[str]:
    return [row.topic for row in box.after(0, 1000)]
