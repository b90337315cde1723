"""Processes that die at any moment, in virtual time: nothing said is lost, whatever comes next.

Each process has the real way to the service, the real record and the real ring on bytes that
outlive it; finals reach the disk a while after they came, and only those count.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from msgspec.structs import replace

from agent.audio.ring import VOICED, Ring, ring_bytes
from agent.events import Pair
from agent.link.uplink import Uplink
from agent.pipeline.crash import takeover
from agent.pipeline.crash.held import Held
from tests.unit.link.world import PACKET, SIZE, World, speech

ONE, OTHER = Pair("zh", "en"), Pair("en", "zh")
DOWN_S = 2.0  # RestartSec= of the service


@dataclass
class Mortal(World):
    """A world whose process can `crash`; ``disk_s`` is how long a final takes to the disk."""

    disk_s: float = 0.0
    crashes: int = 0
    open: bool = False
    ids: list[str] = field(default_factory=list)  # of ``finals``
    again_ms: list[int] = field(default_factory=list)  # taken over, by each new process

    def __post_init__(self) -> None:
        self.memory = memoryview(bytearray(ring_bytes(SIZE, round(self.memory_s / PACKET))))
        super().__post_init__()
        self.ring = Ring(SIZE, round(self.memory_s / PACKET), self.memory)
        self.session = "0"
        self._born()

    def _born(self) -> None:
        self.uplink = Uplink(self.ring, idle_close_s=self.idle_close_s)
        self.held = Held()
        self.uplink.remember(lambda now: self.held.keep(replace(now, session=self.session)))
        self.service = None
        self.unsaved: list[tuple[float, str]] = []
        self.since = self.ring.head  # no pre-roll reaches into what the dead process heard

    def say_one(self, word: int, place: int) -> None:
        self.spoken.append((word, place))
        self._capture(speech(word, place), VOICED)

    def press(self, pre_roll: int = 7, pair: Pair = ONE) -> None:
        self.open = True
        super().press(min(pre_roll, self.ring.head - self.since), pair)

    def release(self, tail: int = 15) -> None:
        self.open = False
        super().release(tail)

    def _deliver(self) -> None:
        super()._deliver()
        for _, answer in self.finals[len(self.ids) :]:
            self.ids.append(f"{self.session}-{answer.number}")
            self.unsaved.append((self.now + self.disk_s, self.ids[-1]))
        while self.unsaved and self.unsaved[0][0] <= self.now:
            self.held.saved(self.unsaved.pop(0)[1])

    def crash(self) -> None:
        """The process dies, its unsaved finals with it; after a while another goes on."""
        self.crashes += 1
        lost = len(self.unsaved)
        self.finals, self.ids = self.finals[: len(self.ids) - lost], self.ids[: -lost or None]
        left = self.held.unanswered
        self.now += DOWN_S
        self.ring = Ring(SIZE, self.ring.capacity, self.memory)
        self._born()
        assert takeover.objection(self.ring, self.now) is None
        found = takeover.take_over(self.ring, left, self.now - self.memory_s)
        if found is not None and found.ms:
            found = takeover.pause(self.ring, found, self.now)
            self.uplink.take_over(found.handover(left.service), self.now)
        else:
            self.session = str(self.crashes)
        self.again_ms.append(found.ms if found else 0)
        if self.open:  # the button is still held
            self.press(0)


def check(world: Mortal, how: str) -> None:
    heard = set(world.heard())
    assert [part for part in world.spoken if part not in heard] == [], how
    fresh = world.heard(replayed=False)
    assert len(fresh) == len(set(fresh)), how
    assert len(world.ids) == len(world.finals) == len(set(world.ids)), how
    world.check_pacing()


def play(seed: int) -> tuple[Mortal, str]:
    rng = random.Random(seed)
    world = Mortal(
        latency=rng.choice([0.1, 0.3, 0.8, 1.2]),
        timed=rng.random() < 0.5,
        endpoint=rng.choice([8, 10, 12, 18, 25]),
        disk_s=rng.choice([0.0, 0.0, 0.5, 2.0]),
    )
    if rng.random() < 0.5:
        at = rng.uniform(0.2, 6)
        world.outages.append((at, at + rng.choice([0.1, 2, 10])))
    world.pair = ONE
    word = 0
    for _ in range(rng.randint(1, 4)):
        world.press(rng.choice([0, 7]), rng.choice([ONE, OTHER]))
        for _ in range(rng.randint(1, 3)):
            world.pause(rng.randint(0, 30))
            word += 1
            packets = rng.randint(5, 40)
            dies = rng.randint(0, packets) if rng.random() < 0.4 else -1
            for place in range(packets):
                if place == dies:
                    world.crash()
                    if rng.random() < 0.3:
                        world.crash()  # before it has done anything
                world.say_one(word, place)
        world.pause(rng.randint(0, 30))
        world.release()
        world.pause(rng.randint(0, 80))
        if rng.random() < 0.3:
            world.crash()
    world.pause(900)
    return world, f"seed {seed}: {world.crashes} crashes, outages {world.outages}"


@pytest.mark.parametrize("batch", range(8))
def test_nothing_is_lost_and_nothing_is_doubled_unmarked(batch: int) -> None:
    for seed in range(batch * 20, (batch + 1) * 20):
        check(*play(seed))
