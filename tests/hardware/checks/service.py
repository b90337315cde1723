"""The service as it is installed: told to systemd, killed, frozen, confined, and removed."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import yaml

from tests.hardware.checks import Row, Skipped, crash, freeze
from tests.hardware.checks.bench import BASE, SLOW_S, Bench, moment
from tests.hardware.checks.cardless import cardless
from tests.hardware.checks.doctor import examined
from tests.hardware.checks.footprint import differences, footprint
from tests.hardware.checks.machine import BUTTON, FEED, LED, press, release, sh
from tests.hardware.checks.unit import UNIT, pid, restarted, show, stamp
from tests.system.broker import wait_until

ETC = Path("/etc/dragoman")
EXPOSURE = 2.0


def service(bench: Bench) -> Iterator[Row]:
    """From a machine without dragoman to one without dragoman, and what lies between."""
    for needed in ("systemd/dragoman.service", "scripts/install"):
        if not Path(needed).exists():
            raise Skipped(f"no {needed}")
    before = footprint()
    try:
        yield from _installed(bench)
        release()
        yield _ready(bench)
        yield _exposure()
        yield _examined()
        yield from cardless(bench)
        yield from _killed(bench)
        with crash.naming(bench):
            yield from _killed_speaking(bench)
            yield from _frozen(bench)
        yield crash.wiped()
    finally:
        started = time.monotonic()
        sh("scripts/install", "--uninstall", timeout=300)
    changed = differences(before, footprint())
    seen = f"{', '.join(changed[:5]) or 'as it was'} ({time.monotonic() - started:.0f} s)"
    yield Row("scripts/install --uninstall", "the machine as it was", seen, not changed)


def _installed(bench: Bench) -> Iterator[Row]:
    """Install, configure, install again: the second time makes a release beside and starts it."""
    started = time.monotonic()
    sh("scripts/install", timeout=600)
    there = Path("/usr/local/bin/dragoman").exists()
    seen = f"installed in {time.monotonic() - started:.0f} s" if there else "no command dragoman"
    yield Row("scripts/install", "a service that waits for its token", seen, there)
    _configure(bench)
    first = footprint()
    started = time.monotonic()
    sh("scripts/install", timeout=600)
    changed = [path for path in differences(first, footprint()) if "/opt/dragoman" not in path]
    seen = f"{', '.join(changed[:5]) or 'the same'}, {time.monotonic() - started:.0f} s"
    yield Row("scripts/install again", "the same outside /opt, and started", seen, not changed)


def _configure(bench: Bench) -> None:
    config = yaml.safe_load(bench.config().read_text())
    config["service"]["token_file"] = "${CREDENTIALS_DIRECTORY}/dragoman_token"
    del config["service"]["token"]
    config["talk"] = {"mode": "hold", "buttons": [{"pin": BUTTON}], "led": {"pin": LED}}
    config["mqtt"]["outbox"] = "/var/lib/dragoman/outbox.db"
    (ETC / "dragoman.yaml").write_text(yaml.safe_dump(config))
    token = ETC / "credentials/token"
    token.touch(0o600)
    token.write_text("demo")


def _ready(bench: Bench) -> Row:
    """Active means READY=1 came: the unit is Type=notify."""
    began = stamp("InactiveExitTimestampMonotonic")
    ready = stamp("ActiveEnterTimestampMonotonic") - began
    user = sh("ps", "-o", "user=", "-p", str(pid())).strip()
    bench.next_state("listening", press())
    release()
    seen = f"{show('ActiveState')} as {user} after {ready:.1f} s: {show('StatusText')}"
    return Row("service ready", "active, and obeys the button", seen, show("Type") == "notify")


def _exposure() -> Row:
    last = sh("systemd-analyze", "security", "--no-pager", UNIT).splitlines()[-1]
    found = re.search(r"(\d+\.\d+)", last)
    exposure = float(found[1]) if found else 10.0
    return Row("systemd-analyze security", f"< {EXPOSURE}", str(exposure), exposure < EXPOSURE)


def _examined() -> Row:
    """The installed doctor, while the service has the card and the pins."""
    code, findings = examined(["/usr/local/bin/dragoman", "doctor", "--json"])
    held = [name for name in ("microphone", "speaker", "pins") if _held(findings[name])]
    passed = findings["service"]["outcome"], findings["credentials"]["outcome"]
    seen = f"exit {code}, service {passed[0]}, credentials {passed[1]}; held: {', '.join(held)}"
    good = code == 0 and passed == ("pass", "pass") and len(held) == 3
    return Row("doctor beside the service", "exit 0, service pass, card and pins held", seen, good)


def _held(finding: dict[str, str]) -> bool:
    return finding["outcome"] == "skip" and "running service" in finding["text"]


def _killed(bench: Bench) -> Iterator[Row]:
    """``kill -9`` while the broker is away: restarted, and what it had to say is not lost."""
    bench.broker.stop()
    speaking = press()
    sh("aplay", "-q", "-D", FEED, str(bench.speech()))
    release()
    wait_until(bench.cloud.finals, "a final", SLOW_S)
    time.sleep(3)
    finals = bench.cloud.finals()
    with restarted() as restart:
        killed = time.time()
        sh("kill", "-9", str(pid()))
    yield Row("kill -9", "restarted", f"ready again after {restart[0]:.1f} s", restart[0] < SLOW_S)
    bench.broker.start()

    def delivered() -> list[str]:
        sent = bench.observer.objects(f"{BASE}/transcript")
        return [final["text"] for final in sent if speaking < _time(final) < killed]

    with suppress(AssertionError):  # the row says it
        bench.wait(lambda: len(delivered()) >= len(finals), "the outbox")
    seen = f"{len(delivered())} transcripts delivered"
    good = 0 < len(finals) <= len(delivered())
    yield Row("outbox over kill -9, no broker", f"{len(finals)} kept", seen, good)
    bench.wait(lambda: bench.observer.on(f"{BASE}/status")[-1:] == [b"online"], "online")
    count = len(bench.observer.on(f"{BASE}/status"))
    with restarted():
        sh("kill", "-9", str(pid()))
        bench.wait(lambda: len(bench.observer.on(f"{BASE}/status")) > count, "the last will")
    bench.wait(lambda: bench.observer.on(f"{BASE}/status")[-1] == b"online", "online again")
    statuses = [status.decode() for status in bench.observer.on(f"{BASE}/status")[-2:]]
    good = statuses == ["offline", "online"]
    yield Row("last will at kill -9", "offline, online", ", ".join(statuses), good)


def _killed_speaking(bench: Bench) -> Iterator[Row]:
    def kill() -> None:
        sh("kill", "-9", str(pid()))

    yield from crash.words_kept(bench, "kill -9 in mid-sentence", 0, kill)


def _frozen(bench: Bench) -> Iterator[Row]:
    """Only the thread that reads the microphone stands still: the watchdog has to notice."""
    frozen: list[int] = []

    def freeze_capture() -> None:
        frozen.append(freeze.thread_in_poll(pid(), freeze.CAPTURE_POLL_MS))

    began = time.monotonic()
    yield from crash.words_kept(bench, "frozen in mid-sentence", 20, freeze_capture)
    log = sh("journalctl", "-u", UNIT, "--no-pager", "-o", "cat", "--since", "-6min")
    watchdog, named = "Watchdog timeout" in log, "no progress" in log and "capture" in log
    seen = f"thread {frozen[0]}: {'watchdog' if watchdog else 'something else'}"
    seen += f", {'named' if named else 'not named'}, {time.monotonic() - began:.0f} s in all"
    yield Row("capture frozen", "named, watchdog, restarted", seen, watchdog and named)


def _time(final: dict[str, str]) -> float:
    return moment(final["time"])
