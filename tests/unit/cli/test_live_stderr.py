"""Standard error, kept aside while the screen is drawn."""

from __future__ import annotations

import os

import pytest

from agent.cli.live import stderr
from agent.cli.live.stderr import Aside


def taken() -> Aside:
    """Taken in the test itself: between it and its fixtures pytest changes the descriptor too."""
    made = Aside()
    made.take()
    return made


def test_what_is_written_meanwhile_comes_afterwards(capfd: pytest.CaptureFixture[str]) -> None:
    aside = taken()
    os.write(2, b"warning: \x1bone\nALSA lib: t")
    assert aside.new_lines() == ["warning: \x1bone"]
    os.write(2, b"wo\n\x1b[2Jthree")
    assert aside.new_lines() == ["ALSA lib: two"]
    assert aside.new_lines() == []
    assert capfd.readouterr().err == ""
    aside.give_back()
    assert capfd.readouterr().err == "warning: one\nALSA lib: two\n[2Jthree\n"
    os.write(2, b"as ever\n")
    assert capfd.readouterr().err == "as ever\n"


def test_much_of_it_takes_little_memory(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    aside = taken()
    monkeypatch.setattr(stderr, "LARGEST", 1000)
    for n in range(2000):
        os.write(2, b"line %d\n" % n)
        aside.new_lines()
    assert os.fstat(2).st_size <= 1010
    aside.give_back()
    lines = capfd.readouterr().err.splitlines()
    assert (len(lines), lines[0], lines[-1]) == (stderr.KEPT, "line 1500", "line 1999")


def test_bytes_that_are_no_text(capfd: pytest.CaptureFixture[str]) -> None:
    aside = taken()
    os.write(2, b"\xff\xfe\n")
    aside.give_back()
    assert capfd.readouterr().err == "\ufffd\ufffd\n"
