"""Prometheus and a running device: real HTTP, while sound goes through."""

from __future__ import annotations

import socket
import struct
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse

from agent.app import App
from agent.config import loader
from agent.emulator import Emulator
from agent.errors import RunError
from agent.link.listener import CALLERS
from tests.patience import HANG_S
from tests.system.broker import free_port, wait_until
from tests.system.device import Running, recording, running, silence, write_config, write_wav

SECRET = "s3cret-of-this-test"


@pytest.fixture
def cloud() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


def write(folder: Path, cloud: Emulator, listen: str, **sections: Any) -> Path:
    write_wav(folder / "speech.wav", recording("Front_Center") + silence(1.0))
    sections = {"audio": {"capture": {"loop": True}}} | sections
    return write_config(folder, cloud.url, metrics={"listen": listen}, **sections)


def listening(device: Running) -> int:
    """The port of its metrics."""
    wait_until(lambda: device.app.exporter is not None and device.app.exporter.alive, "the metrics")
    assert device.app.exporter is not None
    return device.app.exporter.port


def scrape(port: int, host: str = "127.0.0.1") -> dict[str, float]:
    """The values of a device by name; a sample with labels by its name and their values."""
    with urllib.request.urlopen(f"http://{host}:{port}/metrics", timeout=HANG_S) as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        text = answer.read().decode()
    return {
        ":".join([sample.name, *sample.labels.values()]): sample.value
        for family in parse(text)
        for sample in family.samples
    }


def test_the_numbers_are_those_of_the_telemetry(tmp_path: Path, cloud: Emulator) -> None:
    config = write(tmp_path, cloud, f"127.0.0.1:{free_port()}", service={"token": "demo"})
    with running(config) as device:
        port = listening(device)
        device.wait_for("listening")
        total = device.app.telemetry.total
        wait_until(lambda: total("packets_sent") > 10, "packets")
        low = total("packets_sent")
        found = scrape(port)
        assert low <= found["dragoman_packets_sent_total"] <= total("packets_sent")
        assert found["dragoman_sent_bytes_total"] == 1280 * found["dragoman_packets_sent_total"]
        assert found["dragoman_packets_captured_total"] > 10, "not only as of the last telemetry"
        states = {n: v for n, v in found.items() if n.startswith("dragoman_state:")}
        assert sum(states.values()) == 1
        assert found["dragoman_mic_to_wire_seconds:0.99"] >= 0
        assert found["process_cpu_seconds_total"] > 0
        assert (
            scrape(port)["dragoman_packets_captured_total"]
            >= (found["dragoman_packets_captured_total"])
        )
        wait_until(lambda: scrape(port).get("dragoman_finals_total", 0) >= 1, "a final")


def test_it_ends_with_the_device(tmp_path: Path, cloud: Emulator) -> None:
    port = free_port()
    config = write(tmp_path, cloud, f"127.0.0.1:{port}")
    with running(config) as device:
        listening(device)
        idle = socket.create_connection(("127.0.0.1", port))  # a client that says nothing
        scrape(port)
    with closing(idle), pytest.raises(urllib.error.URLError):
        scrape(port)
    with running(config) as device:
        assert listening(device) == port, "the port is free again at once"


def test_ipv6(tmp_path: Path, cloud: Emulator) -> None:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("no IPv6 here")
    with running(write(tmp_path, cloud, f"[::1]:{free_port()}")) as device:
        assert "dragoman_uptime_seconds" in scrape(listening(device), "[::1]")


def test_a_request_that_breaks_off_is_no_trouble(
    tmp_path: Path, cloud: Emulator, capfd: pytest.CaptureFixture[str]
) -> None:
    with running(write(tmp_path, cloud, f"127.0.0.1:{free_port()}")) as device:
        port = listening(device)
        for junk in (b"GET /metrics HTTP/1.1\r\nHost: x", b"\x16\x03\x01\r\n\r\n", b""):
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.sendall(junk)
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert "dragoman_uptime_seconds" in scrape(port)
    assert capfd.readouterr().err == ""


def test_half_a_request_a_thousand_times_neither_ends_the_device_nor_keeps_anybody_out(
    tmp_path: Path, cloud: Emulator
) -> None:
    with running(write(tmp_path, cloud, f"127.0.0.1:{free_port()}")) as device, ExitStack() as held:
        port = listening(device)
        for n in range(200):
            client = held.enter_context(closing(socket.create_connection(("127.0.0.1", port))))
            client.sendall(b"GET /metrics HTTP/1.1\r\nX-Slow: ")
            if n % 50 == 0:
                assert "dragoman_uptime_seconds" in scrape(port)
        assert device.app.exporter is not None
        server = device.app.exporter._server
        wait_until(lambda: len(server._callers) <= CALLERS, "the others to be let go")
        assert "dragoman_uptime_seconds" in scrape(port)


@pytest.mark.parametrize(
    ("listen", "why"),
    [
        ("127.0.0.1:{taken}", "the port is in use; stop the other program"),
        ("192.0.2.1:9095", "this machine has no such address"),
        ("nowhere.invalid:9095", "no such host"),
    ],
)
def test_where_it_cannot_listen_is_one_clear_line(
    tmp_path: Path, cloud: Emulator, listen: str, why: str
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        listen = listen.format(taken=other.getsockname()[1])
        app = App(loader.load(str(write(tmp_path, cloud, listen))))
        with pytest.raises(RunError) as info:
            app.run()
    assert str(info.value).startswith(f"metrics.listen {listen}: {why}")


def test_beyond_this_machine_it_warns(
    tmp_path: Path, cloud: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    with running(write(tmp_path, cloud, f"0.0.0.0:{port}")) as device:
        listening(device)
    assert f"metrics: whoever can reach 0.0.0.0:{port} can read them" in caplog.text
    caplog.clear()
    with running(write(tmp_path, cloud, f"localhost:{port}")) as device:
        listening(device)
    assert "whoever" not in caplog.text


WITHOUT = """
import sys
{block}
from agent.cli import main
code = main(["run", "--duration", "0.3", "--config", sys.argv[1]])
loaded = [name for name in ("prometheus_client", "agent.report.metrics") if sys.modules.get(name)]
print(code, loaded)
"""


def run_without(config: Path, block: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT.format(block=block), str(config)]
    return subprocess.run(command, capture_output=True, text=True, timeout=HANG_S, check=False)


def test_nothing_of_it_is_loaded_where_it_is_off(tmp_path: Path, cloud: Emulator) -> None:
    write_wav(tmp_path / "speech.wav", silence(1.0))
    done = run_without(write_config(tmp_path, cloud.url))
    assert done.stdout == "0 []\n"


def test_without_the_library_it_says_how_to_get_it(tmp_path: Path, cloud: Emulator) -> None:
    config = write(tmp_path, cloud, "127.0.0.1:9095", service={"token": SECRET})
    done = run_without(config, "sys.modules['prometheus_client'] = None")
    assert done.stdout == "2 []\n"
    [line] = [line for line in done.stderr.splitlines() if line.startswith("dragoman:")]
    assert line == (
        "dragoman: metrics.listen needs prometheus-client: pip install 'dragoman[metrics]'"
    )
    assert SECRET not in done.stderr
