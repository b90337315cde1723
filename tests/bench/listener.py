"""What a listener hears of speech that comes over a jittery network; in virtual time.

The real player plays on a speaker with an exact clock; only the network is made up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from random import Random

from agent.audio.depth import Depth
from agent.audio.scripted import ScriptedSpeaker, Written
from agent.pipeline.player import Player
from agent.report.telemetry import Telemetry, percentile
from tests.bench.virtual import VirtualClock, VirtualWake

RATE = 16000
BYTES_PER_S = 2 * RATE
MESSAGE_S = 0.04
SENTENCE_MESSAGES = (50, 125)  # 2 to 5 s of speech
PAUSE_S = (0.8, 2.0)


@dataclass(frozen=True, slots=True)
class Message:
    """``pcm`` that arrives at ``at`` (s), in sentence number ``sentence``."""

    at: float
    pcm: bytes
    sentence: int


@dataclass(frozen=True, slots=True)
class Heard:
    """What the listener had of it, times in ms."""

    underruns_per_min: float  # as the player counts them
    breaks_per_min: float  # silences inside a sentence, as the listener counts them
    silence_ms_per_min: float  # of those
    first_ms: float  # first message of a sentence → its first sample heard, mean
    first_p95_ms: float
    added_ms: float  # arrival of a message → its first sample heard, mean
    intact: bool  # every sample was played, in order


class Fixed(Depth):
    """A depth that learns nothing, to compare with."""

    def late(self, seconds: float) -> None:
        """Stay."""

    def calm(self, spare: float) -> None:
        """Stay."""


def traffic(jitter_s: float, sentences: int, seed: int) -> list[Message]:
    """Speech at real-time rate; each message is late by 0 to ``jitter_s``, but stays in order.

    The same ``seed`` gives the same sentences at any jitter.
    """
    speech, network = Random(seed), Random(seed + 1)
    size = int(MESSAGE_S * RATE) * 2
    begin, messages = 0.5, []
    for sentence in range(sentences):
        count, arrived = speech.randint(*SENTENCE_MESSAGES), 0.0
        for number in range(count):
            sent = begin + number * MESSAGE_S
            arrived = max(arrived, sent + jitter_s * network.random())
            messages.append(Message(arrived, speech.randbytes(size), sentence))
        begin += count * MESSAGE_S + jitter_s + speech.uniform(*PAUSE_S)
    return messages


def listen(messages: Sequence[Message], prebuffer_ms: int, *, adaptive: bool) -> Heard:
    """Play ``messages`` with a real player and say what was heard."""
    clock = VirtualClock()
    speaker = ScriptedSpeaker(rate=RATE, clock=clock)
    speaker.open()
    telemetry = Telemetry(0.0)
    player = Player(speaker, RATE, prebuffer_ms, 100, telemetry, lambda _: None, clock)
    player._wake.close()
    player._wake = VirtualWake(clock)
    if not adaptive:
        player._jitter.depth = Fixed(prebuffer_ms / 1000)
    for message in messages:
        clock.at(message.at, partial(player.speech, message.pcm))
    clock.at(messages[-1].at + 3.0, player.stop)
    player.run()
    return judge(messages, speaker.written, telemetry.total("underruns"))


def judge(messages: Sequence[Message], written: Sequence[Written], underruns: int) -> Heard:
    """Compare what arrived with what was written to the speaker, and when."""
    pieces = _playing(written)
    begins = _begins(messages)
    minutes = sum(len(message.pcm) for message in messages) / BYTES_PER_S / 60
    silences = [
        silence for place, _, silence in pieces if silence > 1e-6 and place not in begins.values()
    ]
    delays, first = _delays(messages, pieces)
    return Heard(
        underruns / minutes,
        len(silences) / minutes,
        1000 * sum(silences) / minutes,
        1000 * sum(first) / len(first),
        1000 * percentile(sorted(first), 95),
        1000 * sum(delays) / len(delays),
        b"".join(m.pcm for m in messages) == b"".join(w.pcm for w in written),
    )


def _playing(written: Sequence[Written]) -> list[tuple[int, float, float]]:
    """For each write: its place (bytes), when it is heard, the silence before it (s)."""
    pieces, place, until = [], 0, 0.0
    for write in written:
        begin = max(until, write.time)
        pieces.append((place, begin, begin - until))
        place += len(write.pcm)
        until = begin + len(write.pcm) / BYTES_PER_S
    return pieces


def _begins(messages: Sequence[Message]) -> dict[int, int]:
    """Where each sentence begins (bytes)."""
    begins: dict[int, int] = {}
    place = 0
    for message in messages:
        begins.setdefault(message.sentence, place)
        place += len(message.pcm)
    return begins


def _delays(
    messages: Sequence[Message], pieces: Sequence[tuple[int, float, float]]
) -> tuple[list[float], list[float]]:
    """From arrival to being heard (s): of every message, of the first of each sentence."""
    delays, first = [], []
    place, at, sentence = 0, 0, -1
    for message in messages:
        while at + 1 < len(pieces) and pieces[at + 1][0] <= place:
            at += 1
        begin, heard, _ = pieces[at]
        delay = heard + (place - begin) / BYTES_PER_S - message.at
        delays.append(delay)
        if message.sentence != sentence:
            first.append(delay)
        place, sentence = place + len(message.pcm), message.sentence
    return delays, first
