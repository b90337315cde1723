"""What one uplink leaves, another sends: schedules in virtual time, with handovers anywhere.

The rules are those of `test_schedules`: each packet of each word is recognised, and nothing
is published twice without saying so.
"""

from __future__ import annotations

import random

import pytest

from agent.events import Pair, Result
from agent.link.handover import Handover
from agent.link.tape import Take
from agent.link.uplink import Uplink
from tests.unit.link.test_schedules import talk
from tests.unit.link.world import PAIR, World

SCHEDULES = 240
BATCH = 20


class Relay(World):
    """A world with several services, one in use; they give times, or not, by turns."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.floor = 0
        self.used = [self.uplink]
        self.handovers: list[float] = []

    def press(self, pre_roll: int = 7, pair: Pair = PAIR) -> None:
        super().press(min(pre_roll, self.ring.head - self.floor), pair)

    def hand_over(self, other: Uplink | None = None) -> Handover:
        """Go over to ``other``, else to one never used."""
        left = self.uplink.hand_over()
        self.service = None  # the connection is dropped, with whatever is under way
        self.floor = max(self.floor, left.sent_to)
        self.uplink = other or Uplink(self.ring, idle_close_s=self.idle_close_s)
        self.used += [] if self.uplink in self.used else [self.uplink]
        self.timed = not self.timed
        self.uplink.take_over(left, self.now)
        self.uplink.keep_warm(self.now)
        return left

    def _network(self) -> None:
        while self.handovers and self.handovers[0] <= self.now:
            self.handovers.pop(0)
            number = len(self.used)
            self.hand_over(
                None if number < 3 else self.used[(self.used.index(self.uplink) + 1) % 3]
            )
        super()._network()


def play(seed: int) -> tuple[Relay, str]:
    rng = random.Random(seed)
    world = Relay(
        latency=rng.choice([0.1, 0.3, 0.8, 1.2]),
        timed=rng.random() < 0.5,
        endpoint=rng.choice([8, 10, 12, 18, 25]),
    )
    at = 0.3
    for _ in range(rng.randint(0, 2)):
        at += rng.uniform(0.2, 6)
        end = at + rng.choice([0.1, 0.5, 2, 6])
        world.outages.append((at, end))
        at = end
    world.handovers = sorted(rng.uniform(0.5, 12) for _ in range(rng.randint(1, 6)))
    how = f"seed {seed}: outages {world.outages}, handovers {world.handovers}"
    talk(world, rng, languages=rng.choice([1, 2]))
    world.pause(900)
    return world, how


@pytest.mark.parametrize("batch", range(SCHEDULES // BATCH))
def test_nothing_is_lost_and_nothing_is_doubled_unmarked(batch: int) -> None:
    for seed in range(batch * BATCH, (batch + 1) * BATCH):
        world, how = play(seed)
        heard = set(world.heard())
        assert [part for part in world.spoken if part not in heard] == [], how
        fresh = world.heard(replayed=False)
        assert len(fresh) == len(set(fresh)), how
        assert sum(uplink.tape.lost for uplink in world.used) == 0, how
        world.check_pacing()


def test_what_is_answered_stays_and_the_rest_goes_over() -> None:
    world = Relay(timed=True)
    world.press()
    world.say(1, 20)
    world.pause(40)
    world.say(2, 20)
    left = world.hand_over()
    [take] = left.takes
    assert (take.end, take.pair) == (None, PAIR), "the gate is open still"
    assert 20 <= take.start <= 60, "behind the first word, before the second"
    world.release()
    world.pause(100)
    assert [text.split(".")[0] for text in _texts(world)] == ["1", "2"]
    assert not any(answer.replayed for _, answer in world.finals)


def test_what_our_detector_lets_go_of_late_is_answered_too() -> None:
    uplink = (world := Relay(timed=True)).uplink
    world.press()
    world.say(1, 20)
    uplink.result(Result(0, "one", final=True, start_ms=0, end_ms=560), world.now)
    assert uplink.unanswered_ms == 0
    [take] = uplink.hand_over().takes
    assert take.start == world.ring.head, "not in the middle of the word it has heard"


def test_a_result_that_comes_too_late_is_nobodys() -> None:
    world = Relay(latency=0.5)
    world.press()
    world.say(1, 20)
    world.pause(15)
    first = world.uplink
    world.hand_over()
    assert first.result(Result(0, "late", final=True), world.now) is None
    assert not first.busy


def test_it_takes_over_again_what_it_had_sent_before() -> None:
    world = Relay()
    world.outages = [(2.0, 6.0)]
    world.press()
    world.say(1, 30)
    first = world.uplink
    world.hand_over()
    world.say(2, 30)
    world.hand_over(first)
    world.pause(30)
    world.release()
    world.pause(300)
    assert set(world.heard()) >= set(world.spoken)
    assert len(world.heard()) == len(world.spoken)


def test_with_replay_off_what_was_sent_stays_sent() -> None:
    world = Relay()
    world.uplink = Uplink(world.ring, replay=False)
    world.press()
    world.say(1, 20)
    [take] = world.hand_over().takes
    assert take.start >= world.ring.head - 2


def test_nothing_said_leaves_nothing() -> None:
    uplink = Relay().uplink
    assert uplink.hand_over() == Handover()
    uplink.take_over(Handover((Take(3, 5, PAIR),), 4, 3), 0.0)
    assert uplink.wanted(0.0, Pair("a", "b")) == PAIR


def _texts(world: World) -> list[str]:
    return [result.text for result, _ in world.finals]
