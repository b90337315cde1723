"""Services that answer but do not serve, that blame the clock, that lag; and who waits for them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from agent.clock import SystemClock
from agent.emulator import Emulator
from agent.emulator.engines.scripted import ScriptedEngine
from agent.emulator.faults import Fault
from agent.emulator.twetalk import v2
from tests.faults import measure
from tests.faults.case import Case, Catalogue
from tests.faults.clouds import service
from tests.faults.measure import Outcome
from tests.faults.rig import BASE, TONES, Rig
from tests.faults.speech import Speech
from tests.faults.talk import HOLD, press, release
from tests.faults.unwell import Jumping
from tests.system.broker import wait_until
from tests.system.device import write_config, write_wav

badday = Catalogue()

PAGE = "<html>Welcome to our hotel: please log in</html>"
YOUDAO: dict[str, Any] = {
    "service": {"name": "youdao", "app_key": "demo", "app_secret": "demo", "tts": False}
}
LONG_AGO = timedelta(days=-20_000)  # a board without a battery


def on_requests(first: int, last: int, do: Any, **fields: Any) -> dict[str, Any]:
    """Options of a rig whose emulator does this to some requests."""
    return {"plan": tuple(Fault(do=do, request=n, **fields) for n in range(first, last + 1))}


def on_connections(first: int, last: int, do: Any, **fields: Any) -> dict[str, Any]:
    """Options of a rig whose emulator does this on some connections."""
    return {"plan": tuple(Fault(do=do, connection=n, **fields) for n in range(first, last + 1))}


def _one_trouble(rig: Rig, event: str, attempts: int) -> None:
    """Told once as ``event``, and once that it is over, after so many attempts."""
    rig.finish()
    told = [n.event for _, n in rig.device.notices if n.event in ("outage", "refused", "reconnect")]
    if told != [event, "reconnect"]:
        rig.notes.append(f"told as {', '.join(told)}")
        return
    [(_, over)] = rig.device.heard_of("reconnect")
    if over.detail["attempts"] != attempts:
        rig.notes.append(f"{over.detail['attempts']} attempts told, not {attempts}")
    if rig.device.heard_of("lost_audio"):
        rig.notes.append("speech was given up")


@badday.fault(
    "closed with 1013 as soon as connected, five times",
    "one outage; waits grow; nothing lost",
    **on_connections(1, 5, "close", code=1013, after_ms=100),
)
def answers_only(rig: Rig) -> None:
    rig.say(Speech(4))
    _one_trouble(rig, "outage", 5)
    if len(rig.connections) != 6:
        rig.notes.append(f"{len(rig.connections)} connections, not 6")


@badday.fault(
    "uploads: HTTP 429 with Retry-After 3, three times",
    "told once; never asked before its time",
    **service("maas-fast-asr", None),
    **on_requests(1, 3, "http", status=429, retry_after_s=3),
)
def too_many(rig: Rig) -> None:
    rig.say(Speech(4))
    _one_trouble(rig, "refused", 3)
    if any(n.detail["outage_ms"] < 9000 for _, n in rig.device.heard_of("reconnect")):
        rig.notes.append("it was asked again before its time")


@badday.fault(
    "uploads: five answers nobody can read",
    "told once; waits grow; uploaded again",
    **service("maas-fast-asr", None),
    **on_requests(1, 5, "garbage"),
)
def unreadable(rig: Rig) -> None:
    rig.say(Speech(3))
    _one_trouble(rig, "refused", 5)


@badday.fault(
    "each message has odd fields: numbers as texts, floats, strangers, a mark of byte order",
    "every text is published; odd fields are counted",
)
def odd_fields(rig: Rig) -> None:
    emulator = vars(v2)  # of this process alone: each fault has its own
    plain = emulator["dump"]

    def odd(message: Mapping[str, Any]) -> str:
        detail = {**message["original_detail"]}
        detail |= {"slice_type": str(detail["slice_type"]), "index": float(detail["index"])}
        detail |= {"voice_text_str": "\ufeff" + detail["voice_text_str"], "score": 1e300}
        return str(plain({**message, "code": "0", "original_detail": detail, "more": [None]}))

    emulator["dump"] = odd
    rig.say(Speech(4))
    rig.finish()
    if not rig.device.telemetry.total("garbage"):
        rig.notes.append("nothing odd was counted")


@badday.fault(
    "uploads: HTTP 403 and a login page, six times",
    "a portal, not the account; nothing given up",
    **service("maas-fast-asr", None),
    **on_requests(1, 6, "http", status=403, body=PAGE),
)
def login_page(rig: Rig) -> None:
    rig.say(Speech(3))
    _one_trouble(rig, "outage", 6)
    if [n.detail["kind"] for _, n in rig.device.heard_of("outage")] != ["portal"]:
        rig.notes.append("not told as a portal")


@badday.fault(
    "chunks: HTTP 522 from a gateway, six times",
    "an outage like any other",
    **service("tencent-tsi", "zh"),
    **on_requests(4, 9, "http", status=522),
)
def gateway(rig: Rig) -> None:
    rig.say(Speech(3))
    _one_trouble(rig, "refused", 6)


def _no_clock(rig: Rig) -> None:
    """The board has booted in the seventies; the time comes after 8 s."""
    assert isinstance(rig.clock, Jumping)
    rig.clock.off = LONG_AGO
    rig.say(Speech(3))
    rig.wait(8)
    rig.clock.off = timedelta()
    begun, known = rig.clock.now(), len(rig.device.finals)
    wait_until(lambda: len(rig.device.finals) > known, "a final", 20)
    rig.recover_s = rig.late_s = rig.clock.now() - begun
    rig.finish()
    blamed = [n.detail.get("kind") for _, n in rig.device.heard_of("refused")]
    if blamed != ["clock"]:
        rig.notes.append(f"told as {blamed}, not as the clock")
    said = [*rig.finals, *rig.observer.objects(f"{BASE}/event")]
    if any(str(each["time"]).startswith("19") for each in said):
        rig.notes.append("a time long ago was published")


@badday.fault(
    "chunks: no clock for 8 s (boot in 1970), then NTP",
    "blames the clock; answers within 8 s of its being set",
    recover_s=8,
    clock=Jumping(),
    **service("tencent-tsi", "zh"),
)
def no_clock_chunks(rig: Rig) -> None:
    _no_clock(rig)


@badday.fault(
    "uploads: no clock for 8 s (boot in 1970), then NTP",
    "blames the clock; answers within 8 s of its being set",
    recover_s=8,
    clock=Jumping(),
    **YOUDAO,
)
def no_clock_uploads(rig: Rig) -> None:
    _no_clock(rig)


def _pressed(rig: Rig) -> None:
    """Away for 15 s while the first turn waits; then a press."""
    rig.observer.wait(lambda: rig.observer.on(f"{BASE}/state"), "the device")
    rig.running.wait_for("idle")
    rig.proxy.refuse()
    rig.proxy.cut()
    press(rig, Speech(1))
    release(rig)
    rig.wait(15)
    rig.proxy.accept()
    begun = rig.clock.now()
    rig.command('{"talk": "press"}')
    wait_until(lambda: rig.device.finals, "the first turn's final", 40)
    rig.recover_s = rig.late_s = rig.clock.now() - begun
    release(rig)
    wait_until(lambda: rig.device.cloud.unanswered_ms == 0, "everything to be answered", 40)


@badday.fault(
    "chunks: a press after 15 s without network",
    "an attempt at once (within 6 s of the press)",
    recover_s=6,
    **HOLD,
    **service("tencent-tsi", "zh"),
)
def pressed_chunks(rig: Rig) -> None:
    _pressed(rig)


@badday.fault(
    "uploads: a press after 15 s without network",
    "an attempt at once (within 6 s of the press)",
    recover_s=6,
    **HOLD,
    **service("maas-fast-asr", None),
)
def pressed_uploads(rig: Rig) -> None:
    _pressed(rig)


# --- commands that end -----------------------------------------------------------------------


def _dragoman(*words: str, seconds: float) -> tuple[subprocess.CompletedProcess[str], float]:
    clock = SystemClock()
    begun = clock.now()
    done = subprocess.run(
        [sys.executable, "-m", "agent", *words],
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    return done, clock.now() - begun


def lagging(folder: Path) -> Outcome:
    """`dragoman transcribe` with a service whose every message is 8 s late."""
    speech = Speech(4)
    sound = write_wav(folder / "talk.wav", speech.pcm)
    late = Fault(do="slow", delay_ms=8000)
    with Emulator(engine=ScriptedEngine(TONES), faults=(late,)) as cloud:
        done, _ = _dragoman(
            *("transcribe", str(sound), "--service", "twetalk-v2", "--cloud", cloud.url),
            *("--set", "service.token=demo", "--source", "en", "--target", "es", "-o", "txt"),
            seconds=120,
        )
    finals = [{"id": str(n), "text": line, "replayed": False}
              for n, line in enumerate(done.stdout.splitlines())]  # fmt: skip
    notes = [] if done.returncode == 0 else [f"exit code {done.returncode}: {done.stderr[-200:]}"]
    lost = measure.lost_words(speech.words, finals)
    return Outcome(words=len(speech.words), lost_words=lost, finals=len(finals), notes=notes)


badday.add(
    Case(
        "lagging",
        "transcribe: every message of the service 8 s late",
        "every sentence is there, exit code 0",
        lagging,
    )
)

DURATION_S, RESULT_S, STARTING_S = 4, 3, 15


def duration_away(folder: Path) -> Outcome:
    """`--duration` with a cloud that is away: it ends in time, and says what is missing."""
    write_wav(folder / "speech.wav", Speech(6).pcm)
    config = write_config(
        folder, "http://127.0.0.1:9", service={"tts": False}, talk={"result_timeout_s": RESULT_S}
    )
    done, took_s = _dragoman(
        "run", "--config", str(config), "--duration", str(DURATION_S), seconds=100
    )
    notes = []
    if done.returncode != 1 or "ms of speech were not answered" not in done.stderr:
        notes.append(f"exit code {done.returncode}: {done.stderr[-200:]}")
    if took_s > DURATION_S + RESULT_S + STARTING_S:
        notes.append(f"it took {took_s:.0f} s to end")
    return Outcome(recover_s=took_s - DURATION_S, notes=notes)


badday.add(
    Case(
        "duration-away",
        f"run --duration {DURATION_S} with a cloud that is away (result_timeout_s {RESULT_S})",
        "ends within the wait for a last result, says what was not answered, exit code 1",
        duration_away,
    )
)
