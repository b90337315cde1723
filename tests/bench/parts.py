"""All parts of the bench, in the order of the page.

The parts that measure, tabulate and draw by themselves get their titles and words here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.bench import (
    brokerload,
    growth,
    instructions,
    playback,
    profile,
    scaling,
    storm,
    voice,
    wire,
)
from tests.bench.section import Options, Part, Plot, Section, table

Figures = dict[str, Any]


@dataclass(frozen=True)
class Simple:
    """A part made of three functions; ``plots`` are the files ``draw`` writes, and titles."""

    NAME: str
    title: str
    words: Callable[[Figures], str]
    run: Callable[[Options], Figures]
    rows: Callable[[Figures], list[tuple[str, ...]]]
    draw: Callable[[Figures, Path], list[Path]]
    plots: tuple[tuple[str, str], ...]

    def measure(self, options: Options) -> Figures:
        """The figures, as JSON has them."""
        return self.run(options)

    def present(self, data: Figures) -> Section:
        """The section for them."""
        header, *rows = self.rows(data)
        plots = [Plot(name, title, self._draw(data)) for name, title in self.plots]
        return Section(self.title, self.words(data), table(header, rows), plots=plots)

    def _draw(self, data: Figures) -> Callable[[Path], None]:
        def draw(path: Path) -> None:
            self.draw(data, path.parent)

        return draw


def _playback(figures: Figures) -> str:
    first, cut = figures["real_time"]["first_write_ms"], figures["real_time"]["barge_in_ms"]
    return f"""\
Synthesised speech comes at the rate it is spoken, each message late by 0 to J ms (uniform,
seeded), for 200 sentences in virtual time, so the figures are exact and come out the same again.
*fixed* holds back `audio.playback.prebuffer_ms` (120); *adaptive* is what dragoman does: deeper
after an underrun, shallower when 16 sentences in a row had something to spare.

The real thread on the real clock: from the first byte of speech to the first sample written
{first["p50"]:.2f} ms (most {first["max"]:.2f}), once enough is there; from a barge-in to silence
at the player {cut["p50"]:.0f} ms (most {cut["max"]:.0f}).
"""


PLAYBACK = Simple(
    "playback",
    "Playback on a jittery network",
    _playback,
    lambda options: playback.measure(),
    playback.rows,
    playback.plot,
    (
        ("playback-breaks", "Breaks in speech by network jitter"),
        ("playback-delay", "Delay added by the jitter buffer"),
    ),
)

BROKER = Simple(
    "broker",
    "200 devices on one broker",
    lambda _: (
        """\
200 real reporters (outbox, dispatch, connection) in four processes send telemetry each 10 s and a
transcript each 5 s to one mosquitto; one subscriber notes when each arrives, from the moment it
was said. Then one outbox alone, at full speed and one at a time. All share this machine.
"""
    ),
    lambda options: brokerload.measure(seconds=max(10.0, options.seconds / 2)),
    brokerload.rows,
    brokerload.plot,
    (("brokerload-delay", "Delivery delay of 200 devices"),),
)

STORM = Simple(
    "storm",
    "A million devices lose their server",
    lambda _: (
        """\
A simulation with the real backoff classes, 100 000 of them, each standing for ten devices. All lose
the connection within a second; the server is back after 30 s and takes 10 000 new connections a
second, or any number. Since most losses are a single connection's, dragoman tries again at once;
but where the loss smells of a server (a reset, a close, a name that is gone) a device that is idle
does so within a second. *All talking* shows what that buys: the same, were somebody speaking to
every one of them, as nobody who talks waits. It shows where a server is killed, with all its
connections in 50 ms, and *another* takes its place *at once*; at one that stays away for 30 s it
is mostly second and third attempts that knock.
"""
    ),
    lambda options: storm.measure(),
    storm.rows,
    storm.plot,
    (
        ("storm-limited", "Connection attempts, the server takes 10 000 a second"),
        ("storm-unlimited", "Connection attempts, the server takes all"),
    ),
)

SCALING = Simple(
    "scaling",
    "Cost against work",
    lambda _: (
        """\
Daemons with a looped recording for microphone against the emulator on the same machine: one to
eight of them, at 16 and 8 kHz, and with up to eight buttons configured (pins in memory).
"""
    ),
    lambda options: scaling.measure(seconds=min(20.0, options.seconds)),
    scaling.rows,
    scaling.plot,
    (("scaling-devices", "Processor time by number of daemons"),),
)

INSTRUCTIONS = Simple(
    "instructions",
    "Instructions of the hot path",
    lambda _: (
        """\
Counted by valgrind (cachegrind without its caches), the same on a busy machine, and held against
a budget (a tenth above what was counted) by `tests/system/test_instructions.py` in every test
run. *card*: a period waited for and read from ALSA, whose own share is not in it. *capture*: read,
judged (46,000 are webrtcvad and the level, in C), written to the ring. *send*: taken by uplink and
tape, framed and masked, sent, noted. *convert*: 48 kHz stereo to 16 kHz, only for a card that gives
nothing else.
"""
    ),
    lambda options: instructions.measure(),
    instructions.rows,
    instructions.plot,
    (("instructions", "Instructions per packet and their budgets"),),
)

VOICE = Simple(
    "voice",
    "Quiet voices",
    lambda _: (
        """\
Recorded speech scaled to what quiet microphones give, over noise, judged packet by packet: how
much of the speech is found, by dragoman and by webrtcvad at the same setting; how much of the
pauses is taken for speech; and how much of the speech is left out when all of it waits behind an
outage and silence is skipped. A voice is judged relative to the microphone's own noise
(`audio/vad.py`), and only what is within 4 dB of that noise is left out.
`./scripts/bench --only voice` makes the table.
"""
    ),
    lambda options: voice.measure(),
    voice.rows,
    lambda figures, folder: [],
    (),
)

_ALL: tuple[Part, ...] = (
    wire,
    growth,
    profile,
    INSTRUCTIONS,
    VOICE,
    PLAYBACK,
    BROKER,
    STORM,
    SCALING,
)

PARTS = MappingProxyType({part.NAME: part for part in _ALL})
