"""Where the time and the memory go: processor by thread, memory by what was loaded, imports."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench.arrivals import Sink
from tests.bench.contestants import configuration, dragoman, running
from tests.bench.section import Options, Section, table
from tests.bench.workshop import Workshop
from tests.system.broker import Broker

NAME = "profile"
SETTLE_S = 5.0
SLOWEST = 12

TEXT = """\
The daemon of the first section again: processor time by thread (the scheduler's own count, so its
wake-ups are in it), while it streams and in `talk.mode: hold` while nobody presses; resident memory
by stage of the start, and the dearest imports (`-X importtime`; each without what it imports
itself).
"""

#: Run in a process of its own with the configuration's path: memory after each stage.
STAGES = r"""
import re, sys

def show(stage):
    status = open("/proc/self/status").read()
    sizes = [re.search(key + r":\s+(\d+)", status)[1] for key in ("VmRSS", "RssAnon")]
    print(stage, *sizes, sep="|")

show("Python itself")
import ssl, logging
show("ssl, logging")
import msgspec, yaml
show("msgspec, PyYAML")
from agent.config import loader
config = loader.load(sys.argv[1])
show("the configuration, read and checked")
from agent.app import App
show("dragoman's own code")
app = App(config)
show("the device built: ring of 60 s, WebSocket library")
import agent.report.connection, agent.report.outbox
show("MQTT and SQLite")
"""


def measure(options: Options) -> dict[str, Any]:
    """Threads over ``options.seconds``, stages and imports of one start each."""
    with tempfile.TemporaryDirectory() as name:
        workshop, broker = Workshop(Path(name)), Broker(Path(name) / "broker")
        broker.start()
        try:
            with Sink() as sink:
                config = configuration(workshop.folder, sink.port, broker.port)
                found: dict[str, Any] = {
                    "stages": _stages(workshop, config),
                    "imports": _imports(workshop),
                }
                for key, mode in (("threads", "open"), ("idle", "hold")):
                    contestant = dragoman(workshop, broker.port, mode=mode)
                    with running(contestant, workshop, sink.port) as started:
                        found[key] = _watched(started.pid, options.seconds)
        finally:
            broker.stop()
    return found


def _watched(pid: int, seconds: float) -> list[dict[str, Any]]:
    """What each thread did in so long."""
    time.sleep(SETTLE_S)
    before, begun = _threads(pid), time.monotonic()
    time.sleep(seconds)
    after, took = _threads(pid), time.monotonic() - begun
    return [
        {
            "thread": name,
            "cpu_s_per_minute": (cpu - before[tid][1]) / 1e9 * 60 / took,
            "runs_per_s": (runs - before[tid][2]) / took,
        }
        for tid, (name, cpu, runs) in after.items()
        if tid in before
    ]


def present(data: dict[str, Any]) -> Section:
    """Threads, memory, imports."""
    parts = [_thread_table("streaming", data["threads"])]
    if "idle" in data:
        parts.append(_thread_table("idle, in hold", data["idle"]))
    stages = [
        [s["stage"], f"{s['rss_kb'] / 1024:.1f}", f"{s['anon_kb'] / 1024:.1f}"]
        for s in data["stages"]
    ]
    parts.append(table(["after", "resident, MiB", "of it not of files, MiB"], stages))
    imports = [[i["module"], f"{i['ms']:.1f}"] for i in data["imports"]]
    parts.append(table(["import", "ms"], imports))
    return Section("Where it goes", TEXT, "\n\n".join(parts))


def _thread_table(what: str, threads: list[dict[str, Any]]) -> str:
    rows = [
        [row["thread"], f"{row['cpu_s_per_minute']:.3f}", f"{row['runs_per_s']:.1f}"]
        for row in sorted(threads, key=lambda row: -row["cpu_s_per_minute"])
    ]
    total = sum(row["cpu_s_per_minute"] for row in threads)
    head = [f"thread, {what}", "CPU s per minute", "runs a second"]
    return table(head, [*rows, ["all", f"{total:.3f}", ""]])


def _threads(pid: int) -> dict[str, tuple[str, int, int]]:
    """By id: the name, nanoseconds on a processor, how often it was put on one."""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        cpu, _, runs = map(int, (task / "schedstat").read_text().split())
        found[task.name] = ((task / "comm").read_text().strip(), cpu, runs)
    return found


def _stages(workshop: Workshop, config: Path) -> list[dict[str, Any]]:
    said = _python(workshop, "-c", STAGES, str(config)).stdout
    rows = [line.split("|") for line in said.splitlines()]
    return [{"stage": s, "rss_kb": int(rss), "anon_kb": int(anon)} for s, rss, anon in rows]


def _imports(workshop: Workshop) -> list[dict[str, Any]]:
    command = ("-X", "importtime", "-c", "import agent.app, agent.cli.run")
    _python(workshop, *command)  # compiles, as the installer does
    said = _python(workshop, *command).stderr
    found = re.findall(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)", said)
    slowest = sorted(found, key=lambda row: -int(row[0]))[:SLOWEST]
    return [{"module": module, "ms": int(us) / 1000} for us, module in slowest]


def _python(workshop: Workshop, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=workshop.folder,
        env=workshop.environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
