"""The uplink in virtual time: push-to-talk turns, keepalive, catching up, pairs, replay."""

from __future__ import annotations

import pytest

from agent.events import Pair, Result
from agent.link.uplink import Wait
from tests.unit.link.world import World


def test_a_turn_is_heard_whole_answered_once_and_settles() -> None:
    world = World()
    world.pause(25)
    world.press()
    world.say(1, 10)
    world.pause(3)
    world.say(2, 10)
    world.release()
    world.pause(60)
    assert world.heard() == world.spoken
    assert [ok for _, ok in world.settled] == [True]
    assert [a.number for _, a in world.finals] == [0]
    assert not any(a.replayed for _, a in world.finals)
    world.check_pacing()


def test_the_pre_roll_holds_what_was_said_before_the_press() -> None:
    world = World()
    world.pause(25)
    world.say(1, 5)
    world.press(pre_roll=7)
    world.say(2, 5)
    world.release()
    world.pause(60)
    assert world.heard() == world.spoken


def test_silent_pre_roll_costs_at_most_three_packets_of_delay() -> None:
    world = World()
    world.pause(25)
    world.press(pre_roll=25)
    world.pause(2)
    world.say(1, 5)
    assert world.uplink.backlog_ms <= 120


def test_times_are_those_of_the_microphone() -> None:
    world = World()
    world.press(pre_roll=0)
    world.pause(10)
    world.say(1, 10)
    world.pause(30)
    world.say(2, 10)
    world.release()
    world.pause(60)
    assert [(a.start_ms, a.end_ms) for _, a in world.finals] == [(400, 800), (2000, 2400)]


def test_a_silent_turn_settles_at_once_after_its_tail() -> None:
    world = World()
    world.pause(25)
    world.press()
    world.pause(20)
    released = world.now
    world.release(tail=15)
    world.pause(60)
    [(at, answered)] = world.settled
    assert answered
    assert at - released < 0.8


def test_no_answer_settles_as_timed_out() -> None:
    world = World(latency=1000)
    world.pause(10)
    world.press()
    world.say(1, 10)
    world.release(tail=0)
    released = world.now
    world.pause(200)
    [(at, answered)] = world.settled
    assert not answered
    assert at - released == pytest.approx(5.0, abs=0.3)


def test_an_idle_connection_gets_a_packet_every_four_seconds() -> None:
    world = World()
    world.pause(25 * 30)
    [service] = world.services
    gaps = [b - a for a, b in zip(service.arrivals, service.arrivals[1:], strict=False)]
    assert len(gaps) >= 5
    assert max(gaps) <= 5.0
    assert min(gaps) >= 3.5


def test_an_idle_connection_is_closed_after_a_while_and_made_again_for_speech() -> None:
    world = World(idle_close_s=10)
    world.pause(25 * 12)
    assert [reason for _, reason in world.hangups] == ["idle"]
    world.pause(25)
    assert len(world.services) == 1
    world.press()
    world.say(1, 10)
    world.release()
    world.pause(60)
    assert len(world.services) == 2
    assert world.heard() == world.spoken


def test_the_next_language_pair_waits_for_the_last_answer() -> None:
    world = World()
    world.press()
    world.say(1, 10)
    world.release(tail=0)
    world.press(pair=Pair("es", "en"))
    world.say(2, 10)
    world.release()
    world.pause(80)
    assert [reason for _, reason in world.hangups] == ["language pair"]
    assert len(world.services) == 2
    assert world.heard() == world.spoken
    world.check_pacing()


@pytest.mark.parametrize("timed", [True, False])
def test_a_service_that_turns_goes_on_with_the_next_pair(timed: bool) -> None:
    world = World(turns=True, timed=timed)
    there, back = Pair("es", "en"), Pair("en", "es")
    for word, pair in enumerate((back, there, back, there), 1):
        world.press(pair=pair)
        world.say(word, 10)
        world.release(tail=0)
    world.pause(120)
    assert world.turned == [there, back, there]
    assert (world.hangups, len(world.services)) == ([], 1)
    assert world.heard() == world.spoken
    assert world.settled[-1:] == [(world.settled[-1][0], True)]
    world.check_pacing()


def test_a_connection_lost_after_a_turn_repeats_only_what_came_after_it() -> None:
    world = World(turns=True)
    world.press()
    world.say(1, 10)
    world.release(tail=0)
    world.press(pair=Pair("es", "en"))
    world.say(2, 20)
    world.pause(30)
    assert len(world.turned) == 1
    world.outages.append((world.now, world.now + 1.0))
    world.say(3, 20)
    world.release()
    world.pause(120)
    assert len(world.services) == 2
    assert {word for word, _ in world.heard(replayed=True)} <= {2, 3}
    assert set(world.heard()) == set(world.spoken)


def test_a_connection_that_is_gone_turns_nowhere() -> None:
    world = World()
    world.press()
    world.pause(5)
    world.uplink.disconnected()
    world.uplink.turned(Pair("es", "en"))
    world.service = None
    assert world.uplink.step(world.now) == Wait(None)


def test_a_second_press_during_the_tail_repeats_nothing() -> None:
    world = World()
    world.press()
    world.say(1, 10)
    world.release(tail=15)
    world.pause(5)
    world.press(pre_roll=7)
    world.say(2, 10)
    world.release()
    world.pause(60)
    assert world.heard() == world.spoken


@pytest.mark.parametrize("timed", [True, False])
def test_an_outage_in_mid_sentence_loses_and_repeats_nothing(timed: bool) -> None:
    world = World(timed=timed, outages=[(3.0, 8.0)])
    world.press(pre_roll=0)
    for word in range(12):
        world.say(word, 12)
        world.pause(20)
    world.release()
    world.pause(400)
    assert sorted(set(world.heard())) == world.spoken
    assert sorted(world.heard(replayed=False)) == sorted(set(world.heard(replayed=False)))
    assert world.uplink.tape.lost == 0
    numbers = [answer.number for _, answer in world.finals]
    assert numbers == list(range(len(numbers)))
    world.check_pacing()


def test_lag_is_won_back_by_leaving_out_silence_only() -> None:
    world = World(outages=[(1.0, 6.0)])
    world.press(pre_roll=0)
    world.say(1, 50)
    world.pause(200)
    world.say(2, 25)
    world.pause(20)
    assert world.uplink.backlog_ms <= 80
    assert world.uplink.tape.skipped > 50
    world.release()
    world.pause(100)
    assert sorted(set(world.heard())) == world.spoken
    world.check_pacing()


@pytest.mark.parametrize("phase", [0.01, 0.02, 0.03])
def test_a_burst_leaves_no_packet_waiting_for_ever_after(phase: float) -> None:
    """What the burst took from the pacing comes back in the next long silence."""
    world = World(outages=[(0.5, 4.0 + phase)])
    world.press(pre_roll=0)
    for word in range(1, 8):
        world.say(word, 60)
        world.pause(60)
    world.check_pacing()
    assert max(age for at, age in world.delays if at > 20) == 0
    assert sorted(set(world.heard())) == world.spoken[: len(set(world.heard()))]


def test_what_memory_cannot_hold_is_counted_exactly() -> None:
    world = World(memory_s=4, outages=[(0.0, 10.0)])
    world.press(pre_roll=0)
    world.say(1, 245)
    world.pause(300)
    heard = len(world.heard())
    assert heard + world.uplink.tape.lost == 245
    assert world.uplink.tape.lost == pytest.approx(245 - 100, abs=5)


def test_speech_without_any_answer_is_suspected_once_in_a_spell() -> None:
    world = World(latency=1000)
    world.press()
    world.say(1, 500)
    assert world.uplink.deaf(world.now)
    assert not world.uplink.deaf(world.now)
    quiet = World()
    quiet.press()
    quiet.pause(600)
    assert not quiet.uplink.deaf(quiet.now), "silence needs no answer"


def test_an_answered_sentence_is_not_taken_for_deafness() -> None:
    """Its newest partial came early, so a replay would begin seconds before its end."""
    world = World(latency=1000)
    world.press(pre_roll=0)
    for word in range(1, 8):
        world.say(word, 25)
        world.pause(8)
        if word == 1:
            world.uplink.result(Result(0, "1"), world.now)
    world.pause(15)
    world.uplink.result(Result(0, "1 2 3 4 5 6 7", final=True), world.now)
    assert world.uplink.unanswered_ms > 3000
    world.pause(500)
    assert not world.uplink.deaf(world.now)


@pytest.mark.parametrize("begin", [0.3, 1.0, 1.4, 2.0, 2.6])
def test_3_s_are_won_back_in_8_s_of_ordinary_talk(begin: float) -> None:
    """Phrases of 1.4 s with pauses of 1.5 s, as those of `tests/bench/voice.py`."""
    world = World(endpoint=13)
    world.outages = [(3.0 + begin, 6.0 + begin)]
    world.press()
    behind: dict[float, int] = {}
    for word in range(1, 9):
        for packet in range(72):
            world.say_one(word, packet) if packet < 35 else world.pause(1)
            if world.service is not None and world.now > 6.0 + begin:
                behind[world.now] = world.uplink.backlog_ms
    most = max(behind.values())
    assert most >= 2900
    begun = next(at for at, ms in behind.items() if ms == most)
    won = next(at for at, ms in behind.items() if at > begun and ms <= max(250, most - 3000))
    assert won - begun <= 8.0
    world.release()
    world.pause(300)
    assert set(world.heard()) >= set(world.spoken)
    world.check_pacing()
