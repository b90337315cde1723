"""journald's own protocol, and what arrives at its socket."""

from __future__ import annotations

import logging
import os
import socket
import tempfile
from pathlib import Path

import pytest

from agent.system.journal import JournalHandler, field, is_stderr


def parsed(datagram: bytes) -> dict[str, str]:
    """The fields of a datagram, as journald reads them."""
    fields, rest = {}, datagram
    while rest:
        line, _, rest = rest.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            length = int.from_bytes(rest[:8], "little")
            value, rest = rest[8 : 8 + length], rest[8 + length + 1 :]
        fields[name.decode()] = value.decode()
    return fields


def test_a_line_is_short_and_lines_are_long() -> None:
    assert field("MESSAGE", "a=b") == b"MESSAGE=a=b\n"
    assert field("MESSAGE", "a\nb") == b"MESSAGE\n\x03\0\0\0\0\0\0\0a\nb\n"


@pytest.mark.parametrize("value", ["", "ü=ü", "a\nb=c\n", "\n", "lone \udc80 half"])
def test_a_value_comes_back_and_nothing_is_smuggled_in(value: str) -> None:
    datagram = field("MESSAGE", value) + field("PRIORITY", "6")
    readable = value.encode(errors="replace").decode()
    assert parsed(datagram) == {"MESSAGE": readable, "PRIORITY": "6"}


def test_a_record_arrives_with_its_fields() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,  # not tmp_path: at most 107 characters
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal,
    ):
        path = str(Path(folder) / "journal")
        journal.bind(path)
        journal.settimeout(2)
        handler = JournalHandler(path)
        record = logging.makeLogRecord(
            {"msg": "lost %d\npackets", "args": (3,), "levelno": logging.WARNING, "name": "agent.x"}
        )
        handler.emit(record)
        assert parsed(journal.recv(10_000)) == {
            "MESSAGE": "lost 3\npackets",
            "PRIORITY": "4",
            "SYSLOG_IDENTIFIER": "dragoman",
            "DRAGOMAN_THREAD": "MainThread",
            "DRAGOMAN_LOGGER": "agent.x",
        }
        journal.close()
        handler.emit(record)  # a journal that is gone is no reason to fail
        handler.close()


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # of the socket that was to be its own
def test_where_no_journal_listens_it_says_so_at_once(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        JournalHandler(str(tmp_path / "none"))


def test_an_inherited_stream_of_somebody_else_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    status = os.fstat(2)
    monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
    assert is_stderr()
    monkeypatch.setenv("JOURNAL_STREAM", "9:999999")
    assert not is_stderr()
    monkeypatch.delenv("JOURNAL_STREAM")
    assert not is_stderr()
