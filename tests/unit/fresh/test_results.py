"""The table of the platform harness: read from outputs, kept cell by cell, drawn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.fresh import host, results
from tests.fresh.checks import CHECKS, passed, sentences
from tests.fresh.machine import Failed
from tests.fresh.results import FAIL, PASS, Result
from tests.fresh.roots import ROOTS

CELL = Result(
    "debian12-amd64", "demo", PASS, 61, "4 sentences", "2026-11-27", "0.1.0", "abc", "3.11.2", "252"
)


@pytest.fixture(autouse=True)
def on_a_usual_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "arch", lambda: "amd64")


def cells(*made: Result) -> dict[tuple[str, str], Result]:
    return {(result.root, result.check): result for result in made}


def test_systems_are_named_by_release_and_processor() -> None:
    assert list(ROOTS) == [
        *("debian12-amd64", "debian13-amd64", "debian12-arm64", "debian13-arm64"),
        "ubuntu2404-amd64",
    ]


def test_what_was_kept_is_read_again_and_replaced(tmp_path: Path) -> None:
    results.keep(CELL, tmp_path)
    other = replace(CELL, root="debian13-amd64", outcome=FAIL)
    results.keep(other, tmp_path)
    newer = replace(CELL, seconds=7)
    results.keep(newer, tmp_path)
    assert results.kept(tmp_path) == cells(newer, other)


def test_a_check_that_is_no_more_is_left_out(tmp_path: Path) -> None:
    results.keep(replace(CELL, check="flight"), tmp_path)
    results.keep(replace(CELL, root="debian7-amd64"), tmp_path)
    assert results.kept(tmp_path) == {}


def test_the_table_has_every_system_and_check() -> None:
    lines = results.table(cells(CELL, replace(CELL, check="unit", outcome=FAIL)))
    assert [len(line) for line in lines] == [1 + len(CHECKS)] * (1 + len(ROOTS))
    first = dict(zip(lines[0], lines[1], strict=True))
    assert first[""] == "Debian 12, amd64, Python 3.11.2, systemd 252"
    assert (first["demo"], first["unit tests"], first["install"]) == ("works, 61 s", "fails", "")
    second = dict(zip(lines[0], lines[2], strict=True))
    assert second["12 → 13"] == "–"  # there is no release after it


def test_after_a_release_upgrade_a_system_keeps_its_own_versions() -> None:
    upgraded = replace(CELL, check="release", python="3.13.5", systemd="257.8")
    assert "Python 3.11.2, systemd 252" in results.label(
        ROOTS["debian12-amd64"], cells(upgraded, CELL)
    )


def test_the_page_says_what_fails_and_why() -> None:
    failing = replace(CELL, check="install", outcome=FAIL, remark="scripts/install: exit 1")
    page = results.page(cells(CELL, failing))
    assert "| **fails** |" in page
    assert "* install, Debian 12 amd64: scripts/install: exit 1" in page
    assert "last run 2026-11-27, dragoman 0.1.0." in page
    for check in CHECKS.values():
        assert f"* **{check.title}**: " in page


def test_another_processor_is_emulated() -> None:
    assert results.label(ROOTS["debian13-arm64"], {}) == "Debian 13, arm64 (emulated)"


def test_columns_are_as_wide_as_their_widest_word() -> None:
    assert results.columns([["a", "long", "c"], ["wide", "b", ""]]) == "a     long  c\nwide  b"


@pytest.mark.parametrize(
    ("seconds", "words"), [(7.4, "7 s"), (99, "99 s"), (101, "2 min"), (5400, "90 min")]
)
def test_durations(seconds: float, words: str) -> None:
    assert results.duration(seconds) == words


@pytest.mark.parametrize(
    ("line", "counts"),
    [
        ("1402 passed, 3 skipped in 81.20s (0:01:21)", "1402 passed, 3 skipped"),
        ("==== 1 skipped, 12 passed, 2 warnings in 3.1s ====", "12 passed, 1 skipped"),
        ("12 passed in 0.31s", "12 passed"),
    ],
)
def test_what_pytest_says(line: str, counts: str) -> None:
    assert passed(f"collected\n....\n{line}\n") == counts


@pytest.mark.parametrize("said", ["", "no tests ran in 0.02s", "5 skipped in 1.0s"])
def test_no_test_that_passed_is_a_failure(said: str) -> None:
    with pytest.raises(Failed, match="no test has passed"):
        passed(said)


def test_what_the_demo_says() -> None:
    assert sentences("\n4 sentences recognised, translated and published:\n") == "4 sentences"
    for nothing in ("0 sentences recognised, translated and published:", "Traceback"):
        with pytest.raises(Failed):
            sentences(nothing)
