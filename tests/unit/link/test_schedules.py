"""Random schedules of speech, presses, languages and outages in virtual time.

Whatever happens, every packet of every word is recognised, nothing is published twice
without saying so, sentences have one number each, and pacing holds.
"""

from __future__ import annotations

import random

import pytest

from agent.events import Pair
from tests.unit.link.world import World

SCHEDULES = 240
BATCH = 20
ONE, OTHER = Pair("zh", "en"), Pair("en", "zh")


def play(seed: int) -> tuple[World, str]:
    """One schedule; the text tells how to see it again."""
    rng = random.Random(seed)
    world = World(
        latency=rng.choice([0.1, 0.3, 0.8, 1.2]),
        timed=rng.random() < 0.5,
        endpoint=rng.choice([8, 10, 12, 18, 25]),
    )
    world.pair = ONE
    at = 0.3
    for _ in range(rng.randint(0, 4)):
        at += rng.uniform(0.2, 6)
        end = at + rng.choice([0.02, 0.1, 0.5, 2, 6])
        world.outages.append((at, end))
        at = end
    talk(world, rng, languages=rng.choice([1, 2]))
    world.pause(900)
    return world, f"seed {seed}: outages {world.outages}"


def talk(world: World, rng: random.Random, languages: int) -> None:
    """A few presses with a few words each."""
    word = 0
    for _ in range(rng.randint(1, 4)):
        world.press(pair=rng.choice([ONE, OTHER][:languages]), pre_roll=rng.choice([0, 7]))
        for _ in range(rng.randint(1, 3)):
            world.pause(rng.randint(0, 30))
            word += 1
            world.say(word, rng.randint(5, 40))
        world.pause(rng.randint(0, 30))
        world.release()
        world.pause(rng.randint(0, 80))


@pytest.mark.parametrize("batch", range(SCHEDULES // BATCH))
def test_nothing_is_lost_and_nothing_is_doubled_unmarked(batch: int) -> None:
    for seed in range(batch * BATCH, (batch + 1) * BATCH):
        world, how = play(seed)
        heard = set(world.heard())
        assert [part for part in world.spoken if part not in heard] == [], how
        fresh = world.heard(replayed=False)
        assert len(fresh) == len(set(fresh)), how
        numbers = [answer.number for _, answer in world.finals]
        assert len(numbers) == len(set(numbers)), how
        assert world.uplink.tape.lost == 0, how
        world.check_pacing()


@pytest.mark.parametrize("batch", range(4))
def test_a_service_quicker_than_our_idea_of_a_pause_loses_nothing(batch: int) -> None:
    """Sentences that end at 320 ms and are answered late, cut once anywhere."""
    for seed in range(batch * 25, (batch + 1) * 25):
        rng = random.Random(seed)
        world = World(latency=0.8, endpoint=8)
        cut = rng.uniform(1, 8)
        world.outages = [(cut, cut + 0.5)]
        world.press()
        for word in range(1, 9):
            world.say(word, rng.randint(10, 20))
            world.pause(rng.randint(8, 11))
        world.release()
        world.pause(600)
        heard = set(world.heard())
        assert [part for part in world.spoken if part not in heard] == [], f"seed {seed}"
