"""Verdicts on sound: is the microphone good, does it hear the speaker?  All pure."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from agent.audio.gain import MOST_DB
from agent.audio.pcm import FULL_SCALE, SILENCE_DBFS, audioop, level_dbfs, packet_bytes
from agent.doctor.check import Check

LAST_BITS = 2  # steps: what a converter adds by itself
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
    the share of samples at full scale; ``stuck`` is the value of samples that are all alike."""

    loudest: float
    quietest: float
    clipped: float
    stuck: int | None = None


def measure(pcm: bytes, rate: int) -> Heard:
    """The numbers of s16le mono at ``rate`` Hz; less than 40 ms count as silence."""
    levels = sorted(map(level_dbfs, _windows(pcm, rate))) or [SILENCE_DBFS]
    samples = array("h", pcm[: len(pcm) // 2 * 2])
    clipped = sum(abs(sample) >= CLIPPED for sample in samples)
    least, most = (min(samples), max(samples)) if samples else (0, 0)
    stuck = least if most - least <= LAST_BITS else None
    return Heard(_at(levels, 0.95), _at(levels, 0.1), clipped / max(1, len(samples)), stuck)


def microphone(heard: Heard, gain_db: float | str = 0.0, mixer: bool | None = None) -> Check:
    """The verdict: dead, silent, too quiet, clipping or good.

    ``gain_db`` is the configured one, ``mixer`` whether the card has a gain of its own (None:
    unknown).
    """
    name, level = "microphone", f"{heard.loudest:.0f} dBFS"
    if heard.stuck is not None:
        text = f"dead: every sample is {heard.stuck}, which no microphone gives"
        mend = f"is it wired, muted ({MIXER}), and the right device and channel? dragoman devices"
        return Check(name, "fail", text, mend)
    if heard.loudest <= SILENT_DBFS:
        mend = f"is it muted ({MIXER}), and the right device and channel? dragoman devices"
        return Check(name, "fail", f"silent: {level}", mend)
    if heard.clipped >= CLIPPED_SHARE:
        text = f"clipping: {100 * heard.clipped:.1f} % of the samples are cut off"
        return Check(name, "warn", text, f"turn its gain down: {MIXER}")
    gain = MOST_DB if isinstance(gain_db, str) else gain_db
    if heard.loudest + gain < QUIET_DBFS:
        mend = f"speak while it listens; if it stays so, {_louder(gain_db, mixer)}"
        return Check(name, "warn", f"too quiet: {level} at most", mend)
    turned = f", turned up ({gain_db})" if gain_db else ""
    return Check(name, "pass", f"good: {level}{turned}, background {heard.quietest:.0f} dBFS")


def _louder(gain_db: float | str, mixer: bool | None) -> str:
    setting = "set audio.capture.gain_db: auto"
    if gain_db:
        return "go nearer, or use a microphone with an amplifier"
    if mixer is None:
        return f"turn its gain up: {MIXER}; where there is none, {setting}"
    return f"turn its gain up: {MIXER}" if mixer else f"{setting} (the card has no gain of its own)"


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
