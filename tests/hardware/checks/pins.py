"""GPIO: the button's way into the device, the state's way out of it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise

from agent.control.light import PATTERNS
from tests.hardware.checks import Row
from tests.hardware.checks.bench import BASE, Bench
from tests.hardware.checks.machine import BUTTON, FEED, LED, press, release, watched

LIMIT_MS = 50
TIMES = 12
EDGE_S = 0.06  # around a change of the light nothing is said about it
LOOKS = 30  # at least, to say anything
TURN = ("idle", "listening", "thinking", "speaking", "offline")
PANEL = {"mode": "hold", "tail_ms": 200, "buttons": [{"pin": BUTTON}], "led": {"pin": LED}}


def button(bench: Bench) -> Iterator[Row]:
    """A press begins an utterance and a release ends it, at once."""
    begins, ends = [], []
    release()
    with bench.device(talk=PANEL):
        bench.next_state("idle", 0)
        for _ in range(TIMES):
            pressed = press()
            begins.append(1000 * (bench.next_state("listening", pressed) - pressed))
            time.sleep(0.5)
            released = release()
            ends.append(1000 * (bench.next_state("thinking", released) - released))
            time.sleep(0.5)
    for what, delays in (("press → utterance begins", begins), ("release → it ends", ends)):
        print("  ", what, *(f"{delay:.0f}" for delay in delays), "ms")
        median, worst = sorted(delays)[TIMES // 2], max(delays)
        within = sum(delay <= LIMIT_MS for delay in delays)
        seen = f"median {median:.0f} ms, {within} of {TIMES} within it, worst {worst:.0f} ms"
        # The worst says more about what else the host did at that moment.
        yield Row(what, f"median ≤ {LIMIT_MS} ms", seen, median <= LIMIT_MS)


def light(bench: Bench) -> Iterator[Row]:
    """The light shows each state's pattern: in a turn, without the cloud, and refused by it."""
    release()
    with bench.device(talk=PANEL), watched() as levels:
        idle = bench.next_state("idle", 0)
        time.sleep(1)
        yield from _turn(bench)
        gone = time.time()
        bench.cloud.stop()
        bench.next_state("offline", gone)
        time.sleep(3)
    yield from _shown(bench, levels, TURN, idle)
    bench.cloud.start()
    begun = time.time()
    with bench.device(talk=PANEL, service={"token": "wrong"}), watched() as levels:
        press()
        bench.next_state("fault", begun)
        release()
        time.sleep(4)
    yield from _shown(bench, levels, ("fault",), begun)


def _turn(bench: Bench) -> Iterator[Row]:
    """A press, speech, and its answer spoken."""
    started = press()
    bench.next_state("listening", started)
    with subprocess.Popen(["aplay", "-q", "-D", FEED, str(bench.speech())]) as player:
        time.sleep(1.5)  # in mid-sentence, so that its end is awaited
        ended = release()
        player.terminate()
    bench.next_state("thinking", ended)
    bench.next_state("idle", bench.next_state("speaking", ended))
    texts = [final["text"] for final in bench.observer.objects(f"{BASE}/transcript")]
    yield Row("what was said during the press", "a transcript", "; ".join(texts), bool(texts))


def _shown(
    bench: Bench, levels: list[tuple[float, bool]], states: Sequence[str], since: float
) -> Iterator[Row]:
    """How much of the time the light was as each of these states' patterns."""
    spans = [span for span in _spans(bench) if span[0] >= since]
    for state in states:
        looks = [
            lit == _lit(state, at - begin)
            for begin, end, name in spans
            for at, lit in levels
            if name == state and begin <= at < end and not _edge(state, at - begin, end - at)
        ]
        share = sum(looks) / len(looks) if looks else 0.0
        seen = f"{share:.1%} of {len(looks)} looks"
        good = share >= 0.98 and len(looks) >= LOOKS
        yield Row(f"light: {state}", "≥ 98 % as its pattern", seen, good)


def _spans(bench: Bench) -> list[tuple[float, float, str]]:
    """Beginning, end and name of each state; other news of a state keep its beginning."""
    changes = [*dict.fromkeys(bench.states()), (time.time(), "")]
    return [(a[0], b[0], a[1]) for a, b in pairwise(changes)]


def _lit(state: str, since: float) -> bool:
    """Whether the light should be on, so long after the state began."""
    pattern = PATTERNS[state]
    length = sum(seconds for _, seconds in pattern)
    if not length:
        return pattern[0][0]
    left = since % length
    for lit, seconds in pattern:
        if left < seconds:
            return lit
        left -= seconds
    return pattern[-1][0]


def _edge(state: str, since: float, left: float) -> bool:
    """Whether a change is so near that the light may be on either side of it."""
    if since < EDGE_S or left < EDGE_S:
        return True
    return _lit(state, since - EDGE_S) != _lit(state, since)
