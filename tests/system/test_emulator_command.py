"""The emulator's life: starting, stopping, recording, the command."""

from __future__ import annotations

import argparse
import json
import signal
import socket
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from websockets.sync.client import connect

from agent.cli import emulate
from agent.emulator import Emulator
from agent.emulator.faults import Fault
from agent.errors import RunError, UsageError
from tests.patience import HANG_S
from tests.system.emulated import (
    PATH,
    collect,
    emulator,
    eventually,
    final,
    result,
    say,
    session,
    tones,
)

__all__ = ["emulator"]


def test_stopping_says_goodbye_even_when_frozen() -> None:
    emulator = tones(faults=[Fault("freeze", connection=2, after_messages=1)])
    with emulator, session(emulator) as client, session(emulator) as frozen:
        client.send('{"ping": 1}')
        result(client)
        emulator.close()
        assert collect(client) == []
        assert client.close_code == 1001
        assert collect(frozen) == []
    emulator.close()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", int(emulator.url.rpartition(":")[2])), 1)


def test_a_port_in_use_is_one_line(emulator: Emulator) -> None:
    port = int(emulator.url.rpartition(":")[2])
    with pytest.raises(RunError) as raised:
        Emulator(port=port).__enter__()
    assert str(raised.value) == f"cannot listen on 127.0.0.1:{port}: Address already in use"


def test_a_recording_of_each_connection(tmp_path: Path) -> None:
    with tones(record=tmp_path) as emulator:
        with session(emulator) as client:
            say(client, 1)
            final(client)
        eventually(lambda: emulator.connections[0].ended)
    assert [path.suffix for path in sorted(tmp_path.iterdir())] == [".jsonl", ".wav"]


# The command


def parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    emulate.add_parser(parser.add_subparsers())
    return parser.parse_args(["emulate", *arguments])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_runs_until_it_is_told_to_stop(number: signal.Signals, tmp_path: Path) -> None:
    script, faults = tmp_path / "script.yaml", tmp_path / "faults.yaml"
    script.write_text("{hear: tones, endpoint_ms: 100}")
    faults.write_text("[{do: error, after_messages: 2, msg: by plan}]")
    program = (
        "import argparse, sys; from agent.cli import emulate\n"
        "parser = argparse.ArgumentParser(); emulate.add_parser(parser.add_subparsers())\n"
        "args = parser.parse_args(); sys.exit(args.run(args))"
    )
    command = [sys.executable, "-c", program, "emulate", "--port", "0"]
    options = ["--script", str(script), "--faults", str(faults)]
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("listening on http://127.0.0.1:")
        assert "demo" in line
        with connect(line.split("(")[1].split(")")[0] + PATH) as client:
            client.send(json.dumps({"token": "demo", "request_id": str(uuid.uuid4())}))
            client.send('{"ping": 1}')
            assert json.loads(collect(client)[-1])["msg"] == "by plan"
        process.send_signal(number)
        assert process.wait(HANG_S) == 0


@pytest.mark.parametrize("port", ["-1", "65536", "http", ""])
def test_a_port_is_a_number(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse("--port", port)
    assert "is not a port" in capsys.readouterr().err


@pytest.mark.parametrize("jobs", ["0", "11", "x"])
def test_jobs_per_second_are_1_to_10(jobs: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert parse("--jobs-per-second", "1").jobs_per_second == 1
    with pytest.raises(SystemExit):
        parse("--jobs-per-second", jobs)
    assert "--jobs-per-second" in capsys.readouterr().err


def test_wrong_files_are_usage_errors(tmp_path: Path) -> None:
    for option in ("--script", "--faults"):
        args = parse("--port", "0", option, str(tmp_path / "none"))
        with pytest.raises(UsageError, match="No such file"):
            emulate.run(args)
