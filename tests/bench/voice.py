"""Quiet voices: what the voice detector finds of recorded speech, and what an outage costs of it.

The recordings are those of Debian's alsa-utils, eight phrases with pauses of 1.5 s, scaled to a
level of speech (RMS of the packets within 30 dB of the loudest) and laid over noise as a
microphone and a room make it.  A packet counts as speech when it is within 15 dB of that level.
"""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import _webrtcvad as webrtcvad
import numpy
from numpy.typing import NDArray

from agent.audio.convert import Converter
from agent.audio.pcm import FULL_SCALE, PACKET_MS, packet_bytes
from agent.audio.ring import VOICED, Ring
from agent.audio.vad import Vad
from agent.events import Pair
from agent.link.tape import Tape

RECORDINGS = Path("/usr/share/sounds/alsa")
RATES = (16000, 8000)
NOISES_DBFS = (-84, -60)
LEVELS_DBFS = (-35, -45, -55, -60, -65, -70)
CLEAR_DB = 15  # from here on nothing may be lost
PAUSE_S = 1.5
LEAD_S = 3.0
HIGH_PASS_HZ = 60  # as microphones have it, above the slow part of a room's noise

Figures = dict[str, Any]
Samples = NDArray[numpy.float64]


def measure() -> Figures:
    """A row for each rate, noise and level; shares in percent, ``lost_ms`` of speech."""
    rows = [
        _row(rate, noise, level)
        for noise in NOISES_DBFS
        for level in LEVELS_DBFS
        if level > noise
        for rate in RATES
    ]
    return {"rows": rows}


def rows(figures: Figures) -> list[tuple[str, ...]]:
    """Header first; the rates side by side."""
    words = ("found", "webrtcvad alone", "background taken for speech", "lost, ms")
    header = [f"{rate // 1000} kHz: {word}" for rate in RATES for word in words]
    table: list[tuple[str, ...]] = [("noise, dBFS", "speech, dBFS", *header)]
    for noise in NOISES_DBFS:
        for level in LEVELS_DBFS:
            wanted = (noise, level)
            chosen = [row for row in figures["rows"] if (row["noise"], row["level"]) == wanted]
            cells = [cell for row in chosen for cell in _cells(row)]
            if cells:
                table.append((str(noise), str(level), *cells))
    return table


def _cells(row: Figures) -> tuple[str, ...]:
    return (
        f"{row['found']:.0f} %",
        f"{row['alone']:.0f} %",
        f"{row['taken']:.1f} %",
        f"{row['lost_ms']}",
    )


def _row(rate: int, noise: int, level: int) -> Figures:
    clean, pauses = talk(rate)
    speech = levels(clean, rate) > -CLEAR_DB
    packets = _packets(mixed(clean, rate, level, noise), rate)
    detector = Vad(rate)
    flags = numpy.array([detector.judge(packet) for packet in packets])
    voiced = flags & VOICED > 0
    return {
        "rate": rate,
        "noise": noise,
        "level": level,
        "found": 100 * float(voiced[speech].mean()),
        "alone": 100 * float(_alone(packets, rate)[speech].mean()),
        "taken": 100 * float(voiced[pauses].mean()),
        "lost_ms": int((speech & ~_arrived(packets, flags)).sum()) * PACKET_MS,
    }


def talk(rate: int) -> tuple[Samples, NDArray[numpy.bool_]]:
    """The phrases at an RMS of 1, and which packets hold nothing of them."""
    names = sorted(path.stem for path in RECORDINGS.glob("*_*.wav"))
    if not names:
        raise RuntimeError("needs the recordings of alsa-utils")
    parts = [numpy.zeros(round(LEAD_S * rate))]
    for name in names:
        parts += [_recording(name, rate), numpy.zeros(round(PAUSE_S * rate))]
    whole = numpy.concatenate(parts)
    whole = whole[: len(whole) // _size(rate) * _size(rate)]
    power = 10 ** (levels(whole, rate) / 10)
    whole /= numpy.sqrt(power[power > power.max() / 1000].mean())
    return whole, power < power.max() * 1e-8


def levels(samples: Samples, rate: int) -> Samples:
    """The level of each packet in dB."""
    power = (samples.reshape(-1, _size(rate)) ** 2).mean(axis=1)
    return numpy.asarray(10 * numpy.log10(power + 1e-20))


def mixed(clean: Samples, rate: int, level: int, noise: int) -> bytes:
    """Speech of ``level`` over pink noise of ``noise`` (dBFS) as s16le."""
    dice = numpy.random.default_rng(1)
    spectrum = numpy.fft.rfft(dice.normal(size=len(clean)))
    hertz = numpy.maximum(numpy.fft.rfftfreq(len(clean), 1 / rate), 1.0)
    high = (hertz / HIGH_PASS_HZ) ** 2
    pink = numpy.fft.irfft(spectrum * high / (1 + high) / numpy.sqrt(hertz), len(clean))
    pink /= numpy.sqrt((pink**2).mean())
    sound = FULL_SCALE * (clean * 10 ** (level / 20) + pink * 10 ** (noise / 20))
    return bytes(sound.round().clip(-FULL_SCALE, FULL_SCALE - 1).astype("<i2").tobytes())


def _recording(name: str, rate: int) -> Samples:
    with wave.open(str(RECORDINGS / f"{name}.wav")) as file:
        converter = Converter(file.getframerate(), file.getnchannels(), "s16", rate)
        pcm = converter.feed(file.readframes(file.getnframes())) + converter.flush()
    return numpy.frombuffer(pcm, "<i2").astype(float)


def _alone(packets: list[bytes], rate: int) -> NDArray[numpy.bool_]:
    """What webrtcvad says of the sound as it is, at the same aggressiveness."""
    detector = webrtcvad.create()
    webrtcvad.init(detector)
    webrtcvad.set_mode(detector, 2)
    frame = _size(rate)  # bytes of half a packet

    def speech(packet: bytes) -> bool:
        parts = (packet[:frame], packet[frame:])
        return any(webrtcvad.process(detector, rate, part, frame // 2) for part in parts)

    return numpy.array([speech(packet) for packet in packets])


def _arrived(packets: list[bytes], flags: NDArray[numpy.int_]) -> NDArray[numpy.bool_]:
    """Which packets are sent after an outage as long as all of it."""
    ring, pair = Ring(len(packets[0]), len(packets)), Pair("en", "es")
    tape = Tape(ring)
    tape.open(0, pair)
    for packet, flag in zip(packets, flags, strict=True):
        ring.write(packet, 0.0, int(flag))
    arrived = numpy.zeros(len(packets), bool)
    while (sent := tape.next(pair)) is not None:
        arrived[sent.seq] = True
        tape.sent(sent)
    return arrived


def _packets(pcm: bytes, rate: int) -> list[bytes]:
    size = packet_bytes(rate)
    return [pcm[at : at + size] for at in range(0, len(pcm), size)]


def _size(rate: int) -> int:
    return packet_bytes(rate) // 2
