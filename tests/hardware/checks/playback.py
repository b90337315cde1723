"""The speaker: what the cloud says comes out at the other side of the card, sample by sample."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.emulator.engines.scripted import ScriptedEngine
from tests.hardware.checks import Row
from tests.hardware.checks.bench import BASE, Bench
from tests.hardware.checks.machine import ECHO, FEED, sh
from tests.hardware.checks.samples import BYTES_PER_S, compared, trimmed

SENTENCES = 6


def playback(bench: Bench) -> Iterator[Row]:
    """Spoken sentences arrive at the card unchanged and in one piece, at volume 100."""
    word = bench.speech(1)
    with listening(bench.folder / "played.raw") as played, bench.device(talk={"mode": "open"}):
        after = bench.next_state("listening", 0)
        for _ in range(SENTENCES):
            sh("aplay", "-q", "-D", FEED, str(word))
            after = bench.next_state("listening", bench.next_state("speaking", after))
        underruns = bench.telemetry()["underruns"]
    engine = ScriptedEngine()
    finals = bench.observer.objects(f"{BASE}/transcript")
    sent = [engine.speak(final["translation"], final["target"]) for final in finals]
    total = sum(map(len, sent))
    seen = f"{len(finals)}, {bench.cloud.spoken()} of {total} bytes"
    good = len(finals) == SENTENCES and bench.cloud.spoken() == total
    yield Row("what the cloud said", f"{SENTENCES} sentences, to their ends", seen, good)
    wrong = list(_differences([trimmed(sentence) for sentence in sent], played.read_bytes()))
    seen = f"{len(sent) - len(wrong)} of {len(sent)}, {total / BYTES_PER_S:.1f} s"
    seen = "; ".join([seen, *wrong, *([f"{underruns} underruns"] if underruns else [])])
    # Where the host was busy the device ran dry now and then, and says so.
    good = len(wrong) <= underruns and len(wrong) < len(sent)
    yield Row("speech, cloud to card", "bit-exact, in one piece", seen, good)


@contextmanager
def listening(file: Path) -> Iterator[Path]:
    """Record what comes out of the speaker until the end of the block."""
    form = ("-t", "raw", "-f", "S16_LE", "-r", "16000", "-c", "1", "--buffer-size=32000")
    with subprocess.Popen(["arecord", "-q", "-D", ECHO, *form, str(file)]) as recorder:
        try:
            yield file
        finally:
            recorder.terminate()


def _differences(sent: list[bytes], heard: bytes) -> Iterator[str]:
    """What is not as it was sent; the sentences come in order."""
    at = 0
    for number, sentence in enumerate(sent, 1):
        at, wrong = compared(sentence, heard, at)
        if wrong:
            yield f"sentence {number}: {wrong}"
