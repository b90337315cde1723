"""The notifications, on a real socket as systemd has it."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from agent.system.systemd import Notifier, runtime_directory


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest) -> Iterator[tuple[str, socket.socket]]:
    """The address a service is given, and the service manager's end."""
    with (
        tempfile.TemporaryDirectory() as folder,  # not tmp_path: at most 107 characters
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end,
    ):
        path = str(Path(folder) / "notify")
        end.bind(path if request.param == "path" else "\0" + path)
        end.settimeout(2)
        yield path if request.param == "path" else "@" + path, end


def test_it_tells_what_happens(manager: tuple[str, socket.socket]) -> None:
    address, end = manager
    notifier = Notifier({"NOTIFY_SOCKET": address})
    notifier.ready()
    notifier.alive()
    notifier.status("idle · twetalk-v2\nzh → en")
    notifier.status("idle · twetalk-v2\nzh → en")  # nothing new
    notifier.stopping()
    assert [end.recv(1000).decode() for _ in range(4)] == [
        "READY=1",
        "WATCHDOG=1",
        "STATUS=idle · twetalk-v2 zh → en",
        "STOPPING=1",
    ]


def test_a_manager_that_does_not_listen_holds_nothing_up(
    manager: tuple[str, socket.socket],
) -> None:
    address, end = manager
    notifier = Notifier({"NOTIFY_SOCKET": address})
    for number in range(1000):  # more than the kernel keeps for anybody (net.unix.max_dgram_qlen)
        notifier.status(f"{number}")
    notifier.ready()
    notifier.stopping()
    end.setblocking(False)
    with suppress(BlockingIOError):
        while end.recv(1000):
            pass
    notifier.alive()
    end.settimeout(2)
    assert [end.recv(1000) for _ in range(3)] == [b"READY=1", b"STATUS=999", b"WATCHDOG=1"]


@pytest.mark.parametrize("env", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "/nowhere/socket"}])
def test_without_a_service_manager_nothing_happens(env: dict[str, str]) -> None:
    Notifier(env).ready()


@pytest.mark.parametrize(
    ("env", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "15000000"}, 7.5),
        ({"WATCHDOG_USEC": "15000000", "WATCHDOG_PID": str(os.getpid())}, 7.5),
        ({"WATCHDOG_USEC": "15000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_fed_twice_as_often_as_it_bites(
    env: dict[str, str], seconds: float | None
) -> None:
    assert Notifier(env).watchdog_s == seconds


def test_the_runtime_directory_is_the_first_there_is() -> None:
    assert runtime_directory({}) is None
    assert runtime_directory({"RUNTIME_DIRECTORY": "/run/dragoman"}) == Path("/run/dragoman")
    assert runtime_directory({"RUNTIME_DIRECTORY": "/run/a:/run/b"}) == Path("/run/a")
