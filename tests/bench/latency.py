"""Streams noise at 1:1 through the real daemon to the emulator and prints its telemetry.

The daemon is a process of its own, with MQTT to a real mosquitto; so are emulator and
broker, so that their cost is not counted as the daemon's.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from agent.emulator import Emulator
from tests.system.broker import Broker, Observer
from tests.system.device import noise, silence, write_config, write_wav

ROWS = {
    "last sample of a packet captured → handed to the socket, p50": "mic_to_wire_p50_ms",
    "last sample of a packet captured → handed to the socket, p99": "mic_to_wire_p99_ms",
    "deviation from the 40 ms grid, p50": "pacing_error_p50_ms",
    "deviation from the 40 ms grid, p99": "pacing_error_p99_ms",
    "round trip of a JSON ping": "round_trip_ms",
    "CPU of one core, percent": "cpu_percent",
    "resident memory, MB": "rss_mb",
    "packets sent": "packets_sent",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=30)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures = measure(folder, args.seconds)
    for label, key in ROWS.items():
        print(f"{label:62} {figures.get(key, '–')}")
    return 0


def measure(folder: Path, seconds: int) -> dict[str, float]:
    """The last telemetry of a run of ``seconds``."""
    sound = b"".join(noise(2.0) + silence(1.0) for _ in range(seconds // 3 + 1))
    write_wav(folder / "speech.wav", sound)
    broker = Broker(folder / "broker")
    broker.start()
    observer = Observer(broker)
    mqtt = {"host": "127.0.0.1", "port": broker.port, "discovery": None}
    with Emulator(keep=False) as cloud:
        config = write_config(folder, cloud.url, mqtt=mqtt)
        command = [sys.executable, "-m", "agent", "run", "--config", str(config)]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL, timeout=seconds + 60)
    observer.close()
    broker.stop()
    figures: dict[str, float] = observer.objects("dragoman/kitchen-1/telemetry")[-1]
    return figures


if __name__ == "__main__":
    sys.exit(main())
