"""Sound: card to cloud bit for bit at 1:1, and a card that goes away and comes back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

from tests.hardware.checks import Row
from tests.hardware.checks.bench import Bench
from tests.hardware.checks.machine import FEED, plug, sh, unplug
from tests.hardware.checks.samples import BYTES_PER_S, compared, samples

PACKET_MS = 40
OPEN = {"mode": "open"}
JITTER = 3  # packets of it, in a guest this slow; the exact bound is proven in virtual time


def sound(bench: Bench) -> Iterator[Row]:
    """Speech played into the card arrives at the cloud unchanged, as fast as it was spoken."""
    wav = bench.speech()
    with bench.device(talk=OPEN):
        bench.next_state("listening", 0)
        sh("aplay", "-q", "-D", FEED, str(wav))
        time.sleep(2)
        yield arrived(bench, samples(wav), "speech, card to cloud")
    at = bench.cloud.arrivals()
    steady = [ms for ms in at if ms >= at[0] + 1000]  # it begins with what waited for it
    speed = (len(steady) - 1) * PACKET_MS / (steady[-1] - steady[0])
    seen = f"{speed:.4f} of it over {(steady[-1] - steady[0]) / 1000:.1f} s"
    yield Row("pace", "real time, within 1 %", seen, abs(speed - 1) < 0.01)
    worst = burst(at)
    allowed = 3 + JITTER
    yield Row("bursts", f"≤ T/40 + {allowed} packets", f"T/40 + {worst:.1f}", worst <= allowed)


def arrived(bench: Bench, sent: bytes, what: str, start: int = 0) -> Row:
    """Whether what was said is in what the cloud heard from byte ``start`` on, unchanged."""
    _, wrong = compared(sent, bench.cloud.heard(), start)
    return Row(what, "bit-exact", wrong or f"{len(sent) / BYTES_PER_S:.1f} s bit-exact", not wrong)


def burst(at: list[float]) -> float:
    """By how many packets any stretch of T ms exceeded T/40."""
    worst, lowest = 0.0, float("inf")
    for number, arrival in enumerate(at):
        ahead = number - arrival / PACKET_MS
        lowest = min(lowest, ahead)
        worst = max(worst, ahead - lowest + 1)
    return worst


def card(bench: Bench) -> Iterator[Row]:
    """The card is unloaded while the device runs, and loaded again."""
    wav = bench.speech()
    let_go = None
    try:
        with bench.device(talk=OPEN):
            bench.next_state("listening", 0)
            sh("aplay", "-q", "-D", FEED, str(wav))
            bench.next_state("listening", bench.next_state("speaking", 0))
            time.sleep(1)  # the speaker is idle: nothing it does tells it that the card is gone
            left = time.time()
            let_go = _in_background(unplug)
            gone = bench.event("microphone_lost", left) - left
            yield Row("card unloaded: noticed", "≤ 3 s", f"{gone:.2f} s", gone <= 3)
            freed = let_go(10)
            seen = "microphone and speaker closed" if freed else "still in use after 10 s"
            yield Row("card unloaded: let go of", "≤ 10 s", seen, freed)
            if freed:
                yield from _back(bench)
    finally:
        if let_go is not None and let_go(30):
            plug()  # for those who come after


def _back(bench: Bench) -> Iterator[Row]:
    time.sleep(3)
    back = time.time()
    plug()
    late = bench.event("microphone_back", back) - back
    yield Row("card loaded: microphone back", "≤ 3 s", f"{late:.2f} s", late <= 3)
    wav, before = bench.speech(), len(bench.cloud.heard())  # it was said once already
    sh("aplay", "-q", "-D", FEED, str(wav))
    time.sleep(2)
    yield arrived(bench, samples(wav), "card loaded: speech to cloud", before)


def _in_background(work: Callable[[], None]) -> Callable[[float], bool]:
    """Start ``work``; what is returned waits so many seconds and says whether it is done."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()

    def wait(seconds: float) -> bool:
        thread.join(seconds)
        return not thread.is_alive()

    return wait
