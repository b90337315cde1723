"""A small world in virtual time: a speaking person, the uplink, a network and a service.

Speech is made of numbered words; every packet of a word carries its number and its
place in the word, so the service's texts prove which packets arrived.  The service
ends a sentence after ``endpoint`` packets of silence and answers ``latency`` seconds
later; a cut loses whatever is under way.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.audio.ring import VOICED, Ring
from agent.events import Pair, Result
from agent.link.uplink import Answer, Hangup, Send, Uplink

TICK = 0.01
PACKET = 0.04
PAIR = Pair("en", "es")
SIZE = 8


def speech(word: int, place: int) -> bytes:
    return word.to_bytes(4, "big") + (place + 1).to_bytes(4, "big")


@dataclass
class Service:
    """Recognises words by their packets; one connection."""

    latency: float
    endpoint: int
    timed: bool
    heard: list[tuple[int, int]] = field(default_factory=list)
    position: int = 0
    quiet: int = 0
    index: int = 0
    begun: int = 0
    answers: list[tuple[float, Result]] = field(default_factory=list)
    arrivals: list[float] = field(default_factory=list)

    def take(self, data: bytes, now: float) -> None:
        self.arrivals.append(now)
        self.position += 1
        word, place = int.from_bytes(data[:4], "big"), int.from_bytes(data[4:], "big")
        if place:
            if not self.heard:
                self.begun = self.position - 1
            self.heard.append((word, place - 1))
            self.quiet = 0
            if len(self.heard) % 5 == 1:
                self._answer(False, now)
            return
        self.quiet += 1
        if self.heard and self.quiet >= self.endpoint:
            self._answer(True, now)
            self.heard, self.index = [], self.index + 1

    def _answer(self, final: bool, now: float) -> None:
        text = " ".join(f"{word}.{place}" for word, place in self.heard)
        times = (self.begun * 40, (self.position - self.quiet) * 40) if self.timed else (None, None)
        result = Result(
            self.index, text, final=final, start_ms=times[0], end_ms=times[1] if final else None
        )
        self.answers.append((now + self.latency, result))


@dataclass
class World:
    """Drives everything; ``finals`` is what the user would get."""

    latency: float = 0.2
    endpoint: int = 12
    timed: bool = False
    memory_s: float = 60
    idle_close_s: float = 600
    turns: bool = False  # the service goes on with another language pair
    now: float = 0.0
    finals: list[tuple[Result, Answer]] = field(default_factory=list)
    partials: list[tuple[Result, Answer]] = field(default_factory=list)
    services: list[Service] = field(default_factory=list)
    settled: list[tuple[float, bool]] = field(default_factory=list)
    hangups: list[tuple[float, str]] = field(default_factory=list)
    turned: list[Pair] = field(default_factory=list)
    spoken: list[tuple[int, int]] = field(default_factory=list)
    outages: list[tuple[float, float]] = field(default_factory=list)
    delays: list[tuple[float, float]] = field(default_factory=list)  # when sent, age then

    def __post_init__(self) -> None:
        self.ring = Ring(SIZE, round(self.memory_s / PACKET))
        self.uplink = Uplink(self.ring, idle_close_s=self.idle_close_s)
        self.service: Service | None = None
        self.pair = PAIR

    # --- the person --------------------------------------------------------------------------

    def say(self, word: int, packets: int) -> None:
        for place in range(packets):
            self.say_one(word, place)

    def say_one(self, word: int, place: int) -> None:
        """One packet of a word."""
        self.spoken.append((word, place))
        self._capture(speech(word, place), VOICED)

    def pause(self, packets: int) -> None:
        for _ in range(packets):
            self._capture(bytes(SIZE), 0)

    def press(self, pre_roll: int = 7, pair: Pair = PAIR) -> None:
        self.pair = pair
        self.uplink.open(max(0, self.ring.head - pre_roll), pair, self.now)

    def release(self, tail: int = 15) -> None:
        self.uplink.close(self.ring.head + tail)

    def _capture(self, data: bytes, flags: int) -> None:
        self.run(PACKET)
        self.ring.write(data, self.now, flags)
        self._send()

    # --- time --------------------------------------------------------------------------------

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end - 1e-9:
            self.now = min(end, self.now + TICK)
            self._network()
            self._send()
            self._deliver()

    def _network(self) -> None:
        down = any(start <= self.now < stop for start, stop in self.outages)
        if down and self.service is not None:
            self.service = None
            self.uplink.disconnected()
        if not down and self.service is None:
            pair = self.uplink.wanted(self.now, self.pair)
            if pair is not None:
                self.service = Service(self.latency, self.endpoint, self.timed)
                self.services.append(self.service)
                self.uplink.connected(pair, self.now)

    def _send(self) -> None:
        while self.service is not None:
            step = self.uplink.step(self.now)
            if isinstance(step, Hangup) and self.turns and step.reason == "language pair":
                pair = self.uplink.wanted(self.now, self.pair)
                assert pair is not None
                self.uplink.turned(pair)
                self.turned.append(pair)
            elif isinstance(step, Hangup):
                self.hangups.append((self.now, step.reason))
                self.uplink.disconnected()
                self.service = None
            elif isinstance(step, Send):
                self.service.take(step.data, self.now)
                if step.packet is not None:
                    self.delays.append((self.now, self.now - step.packet.at))
                self.uplink.sent(step, self.now)
            else:
                break
        verdict = self.uplink.settled(self.now)
        if verdict is not False:
            self.settled.append((self.now, bool(verdict)))

    def _deliver(self) -> None:
        service = self.service
        if service is None:
            return
        due = [result for at, result in service.answers if at <= self.now]
        service.answers = [(at, result) for at, result in service.answers if at > self.now]
        for result in due:
            answer = self.uplink.result(result, self.now)
            if answer is not None:
                (self.finals if result.final else self.partials).append((result, answer))

    # --- what came out -----------------------------------------------------------------------

    def heard(self, replayed: bool | None = None) -> list[tuple[int, int]]:
        """(word, place) of every packet in finals; only (not) replayed ones if asked."""
        found = []
        for result, answer in self.finals:
            if replayed is None or answer.replayed == replayed:
                for item in result.text.split():
                    word, place = item.split(".")
                    found.append((int(word), int(place)))
        return found

    def check_pacing(self) -> None:
        """At most T/40 ms + 3 packets in any window, on every connection."""
        for service in self.services:
            times = service.arrivals
            for first, start in enumerate(times):
                for last in range(first + 3, min(len(times), first + 200)):
                    allowed = (times[last] - start) / PACKET + 3
                    assert last - first + 1 <= allowed + 1e-6
