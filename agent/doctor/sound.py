"""Verdicts on sound: is the microphone good, does it hear the speaker?  All pure."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from agent.audio.pcm import FULL_SCALE, SILENCE_DBFS, audioop, level_dbfs, packet_bytes
from agent.doctor.check import Check

SILENT_DBFS = -80.0  # no room and no microphone is that quiet
QUIET_DBFS = -50.0  # speech into a microphone of the right gain is louder
CLIPPED = 32_700  # a sample this large was cut off
CLIPPED_SHARE = 0.001
TONE_HZ = 1_000
TONE_AMPLITUDE = 8_000  # -12 dB
TONE_RISE_DB = 12.0
MIXER = "alsamixer (F4)"


@dataclass(frozen=True, slots=True)
class Heard:
    """A recording in numbers: its loudest and quietest 40 ms (dBFS, without outliers), and
    the share of samples at full scale."""

    loudest: float
    quietest: float
    clipped: float


def measure(pcm: bytes, rate: int) -> Heard:
    """The numbers of s16le mono at ``rate`` Hz; less than 40 ms count as silence."""
    levels = sorted(map(level_dbfs, _windows(pcm, rate))) or [SILENCE_DBFS]
    samples = array("h", pcm[: len(pcm) // 2 * 2])
    clipped = sum(abs(sample) >= CLIPPED for sample in samples)
    return Heard(_at(levels, 0.95), _at(levels, 0.1), clipped / max(1, len(samples)))


def microphone(heard: Heard) -> Check:
    """The verdict: silent, too quiet, clipping or good."""
    name, level = "microphone", f"{heard.loudest:.0f} dBFS"
    if heard.loudest <= SILENT_DBFS:
        mend = f"is it muted ({MIXER}), and the right device and channel? dragoman devices"
        return Check(name, "fail", f"silent: {level}", mend)
    if heard.clipped >= CLIPPED_SHARE:
        text = f"clipping: {100 * heard.clipped:.1f} % of the samples are cut off"
        return Check(name, "warn", text, f"turn its gain down: {MIXER}")
    if heard.loudest < QUIET_DBFS:
        mend = f"speak while it listens; if it stays so, turn its gain up: {MIXER}"
        return Check(name, "warn", f"too quiet: {level} at most", mend)
    return Check(name, "pass", f"good: {level}, background {heard.quietest:.0f} dBFS")


def tone(rate: int, seconds: float) -> bytes:
    """A tone of 1 kHz as s16le mono, whole packets."""
    return _wave(rate, math.sin) * max(1, round(seconds * 25))


def tone_levels(pcm: bytes, rate: int) -> list[float]:
    """The level of that tone alone in each 40 ms, dBFS of its RMS."""
    sine, cosine = _wave(rate, math.sin), _wave(rate, math.cos)
    return [
        _dbfs(math.hypot(audioop.findfactor(part, sine), audioop.findfactor(part, cosine)))
        for part in _windows(pcm, rate)
    ]


def speaker(before: list[float], during: list[float]) -> Check:
    """Whether the tone rose out of what the microphone heard before."""
    quiet = median(before or [SILENCE_DBFS])
    loud = _at(sorted(during) or [SILENCE_DBFS], 0.75)
    if loud > SILENT_DBFS and loud - quiet >= TONE_RISE_DB:
        return Check("speaker", "pass", f"the microphone hears its tone at {loud:.0f} dBFS")
    mend = "with headphones that is right; else check volume (alsamixer), amplifier and wiring"
    return Check("speaker", "warn", "the microphone does not hear its tone", mend)


def _windows(pcm: bytes, rate: int) -> list[bytes]:
    size = packet_bytes(rate)
    return [pcm[at : at + size] for at in range(0, len(pcm) - size + 1, size)]


def _at(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _wave(rate: int, shape: Callable[[float], float]) -> bytes:
    """40 ms, which are whole cycles, so that pieces join without a click."""
    step = 2 * math.pi * TONE_HZ / rate
    count = packet_bytes(rate) // 2
    return array("h", [round(TONE_AMPLITUDE * shape(step * n)) for n in range(count)]).tobytes()


def _dbfs(factor: float) -> float:
    amplitude = factor * TONE_AMPLITUDE / FULL_SCALE / math.sqrt(2)
    return max(SILENCE_DBFS, 20 * math.log10(amplitude)) if amplitude > 0 else SILENCE_DBFS
