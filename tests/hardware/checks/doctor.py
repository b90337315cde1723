"""``dragoman doctor`` on this hardware: fit, and with things broken on purpose."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence

from tests.hardware.checks import Row
from tests.hardware.checks.bench import Bench
from tests.hardware.checks.machine import plug, unplug
from tests.hardware.checks.pins import PANEL
from tests.hardware.checks.room import room
from tests.hardware.checks.samples import samples

Findings = dict[str, dict[str, str]]

FIT = (
    *("configuration", "disk", "microphone", "speaker"),
    *("cloud", "credentials", "broker", "pins"),
)


def doctor(bench: Bench) -> Iterator[Row]:
    """All is well, then the token is wrong and the broker gone, then the card and the cloud."""
    command = [sys.executable, "-m", "agent", "doctor", "--json", "--config"]
    with room(samples(bench.speech())):
        code, findings = examined([*command, str(bench.config(talk=PANEL))])
    passed = [name for name in FIT if findings[name]["outcome"] == "pass"]
    seen = f"exit {code}, {len(passed)} of {len(FIT)} pass"
    yield Row(
        "doctor: fit", f"exit 0, {len(FIT)} checks pass", seen, (code, len(passed)) == (0, len(FIT))
    )
    for name in ("microphone", "speaker"):
        yield Row(f"doctor: {name}", "pass", findings[name]["text"], name in passed)

    wrong = bench.config(talk=PANEL, service={"token": "wrong"})
    bench.broker.stop()
    yield failing(
        "doctor: wrong token, no broker",
        examined([*command, str(wrong), "--no-sound"]),
        {"credentials": "service:", "broker": "mosquitto"},
    )
    bench.broker.start()

    config = bench.config(talk=PANEL)
    bench.cloud.stop()
    unplug()
    try:
        result = examined([*command, str(config)])
    finally:
        plug()
        bench.cloud.start()
    mends = dict.fromkeys(("microphone", "speaker"), "dragoman devices")
    mends |= dict.fromkeys(("cloud", "credentials"), "service.url")
    yield failing("doctor: no card, no cloud", result, mends)


def examined(command: Sequence[str]) -> tuple[int, Findings]:
    """The exit code and what was found, by name; printed, too."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"exit {done.returncode}: {done.stderr.strip()}")
    report = json.loads(done.stdout)
    for check in report["checks"]:
        mend = f" → {check['mend']}" if check["mend"] else ""
        print(f"      {check['outcome']}: {check['name']}: {check['text']}{mend}", flush=True)
    if report["ok"] != (done.returncode == 0):
        raise RuntimeError(f"ok is {report['ok']}, the exit code {done.returncode}")
    return done.returncode, {check["name"]: check for check in report["checks"]}


def failing(what: str, result: tuple[int, Findings], mends: Mapping[str, str]) -> Row:
    """Whether just these checks failed, each with this in its mend, and the exit code says so."""
    code, findings = result
    failed = {name: found["mend"] for name, found in findings.items() if found["outcome"] == "fail"}
    named = all(word in failed.get(name, "") for name, word in mends.items())
    seen = f"exit {code}: {', '.join(failed)}" + ("" if named else " without their mends")
    good = code == 1 and named and failed.keys() == mends.keys()
    return Row(what, f"exit 1: {', '.join(mends)}", seen, good)
