"""Standard output: nothing steers a terminal, nothing is lost on a full disk without a word."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from agent import printable

ESCAPES = "a\x1b]52;c;aGk=\x07b\x9b2Jc\u202ed\r\ne\tf\n"
PRINT = (
    "import sys; from agent.cli import output\n"
    "with output.guarded():\n"
    f"    print({ESCAPES!r}, end=''); print({ESCAPES!r}, end='', file=sys.stderr)\n"
    "    print('\\x1b[1mdrawn', file=output.drawing(sys.stdout))\n"
)
HELP = ["-m", "agent", "--help"]


def in_terminal(*command: str) -> str:
    ours, theirs = pty.openpty()
    subprocess.run([sys.executable, *command], stdout=theirs, stderr=theirs, check=True)
    os.close(theirs)
    read = b""
    try:
        while data := os.read(ours, 4096):
            read += data
    except OSError:
        pass
    os.close(ours)
    return read.decode()


def test_nothing_steers_a_terminal() -> None:
    shown = in_terminal("-c", PRINT)
    assert shown.count("a]52;c;aGk=b2Jcd \r\ne\tf\r\n") == 2
    assert shown.endswith("\x1b[1mdrawn\r\n")


def test_a_pipe_gets_the_text_as_it_is() -> None:
    done = subprocess.run([sys.executable, "-c", PRINT], capture_output=True, check=True)
    assert done.stdout.decode() == f"{ESCAPES}\x1b[1mdrawn\n"
    assert done.stderr.decode() == ESCAPES


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, *HELP], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert done.stderr == ("dragoman: standard output cannot be written: No space left on device\n")


def test_a_reader_that_has_gone_is_one_line() -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    done = subprocess.run(
        [sys.executable, *HELP], stdout=theirs, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(theirs)
    assert done.returncode == 1
    assert done.stderr == "dragoman: standard output cannot be written: its reader has gone\n"


def test_a_closed_output_is_one_line() -> None:
    command = f"exec {sys.executable} -m agent check-config >&-"
    done = subprocess.run(["sh", "-c", command], stderr=subprocess.PIPE, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert done.returncode in (1, 2)  # 2: no credentials in the configuration
    command = f"exec {sys.executable} -m agent --help >&-"
    done = subprocess.run(["sh", "-c", command], stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "dragoman: standard output cannot be written: it is closed\n"


def test_json_shows_every_character() -> None:
    value = {"text": 'é字 "\x9b\u202e\u2028\x7f\ud800\x1b'}
    written = printable.as_json(value)
    assert written == '{"text": "é字 \\"\\u009b\\u202e\\u2028\\u007f\\ud800\\u001b"}'
    assert "\n" in printable.as_json(value, indent=2)
