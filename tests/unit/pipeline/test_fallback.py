"""Several services for one: which is in use, and what goes over from one to the other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest

from agent.config.credentials import with_demo
from agent.config.schema import Service
from agent.errors import RunError
from agent.events import (
    Blocked,
    LinkDown,
    LinkUp,
    Notice,
    Pair,
    Question,
    Settled,
    Transcript,
    Unanswered,
)
from agent.link.handover import Handover
from agent.link.tape import Take
from agent.pipeline.cloud import Cloud, Parts
from agent.pipeline.fallback import Fallback
from agent.services.provider import Provider
from agent.threads import Worker
from tests.system.broker import wait_until
from tests.unit.pipeline.rig import Rig

EN_ZH = Pair("en", "zh")
PAIR: dict[str, Any] = {"source": "en", "target": "zh"}
AFTER_S = 10.0


class Idle(Worker):
    """A thread that has nothing to do."""

    def run(self) -> None:
        pass


class Puppet:
    """A cloud of which nothing is true but what a test says."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.tts = True
        self.hurried_at = 0.0
        self.hurries = self.probes = 0
        self.connected = True
        self.backlog_ms = self.unanswered_ms = 0
        self.thread = Idle(parts.clock)
        self.left = Handover()
        self.taken: list[Handover] = []
        self.opened: list[tuple[int, Pair]] = []
        self.renewed: list[Pair] = []
        self.freed = False
        self.kept: Callable[[Unanswered], None] | None = None
        self.on_take: Callable[[], None] = lambda: None

    @property
    def provider(self) -> Provider:
        return self.parts.provider

    @property
    def workers(self) -> Sequence[Worker]:
        return [self.thread]

    def captured(self) -> None: ...
    def close(self, end: int) -> None: ...

    def open(self, start: int, pair: Pair) -> None:
        self.opened.append((start, pair))

    def hurry(self) -> None:
        self.hurries += 1

    def switch_tts(self, enabled: bool) -> None:
        self.tts = enabled

    def renew(self, pair: Pair) -> None:
        self.renewed.append(pair)

    def hand_over(self) -> Handover:
        left, self.left = self.left, Handover()
        return left

    def take_over(self, left: Handover) -> None:
        self.taken.append(left)
        self.on_take()

    def remember(self, keep: Callable[[Unanswered], None] | None) -> None:
        self.kept = keep

    def probe(self) -> None:
        self.probes += 1

    def free(self) -> None:
        self.freed = True

    # --- what it tells -----------------------------------------------------------------------

    def is_lost(self, reason: str = "no route") -> None:
        self.connected = False
        self.parts.on_trouble(True)
        self.parts.post(Notice("outage", {"reason": reason}))
        self.parts.post(LinkDown(reason, wanted=False))

    def is_reached(self, session: str = "s1") -> None:
        self.connected = True
        self.parts.post(LinkUp(session))

    def works(self, session: str = "s1") -> None:
        self.is_reached(session)
        self.parts.on_trouble(False)
        self.parts.post(Notice("reconnect", {}))

    def answers(self, text: str) -> None:
        self.parts.post(
            Transcript("s", 0, text, None, "en", None, 0, 0, self.provider.name, "now", True)
        )


class Ladder(Rig):
    """The services ``names``; the main thread is :meth:`pass_`."""

    def __init__(
        self, *names: str, fails: Sequence[str] = (), services: dict[str, Any] | None = None
    ) -> None:
        super().__init__(names[0], network={"fallback_after_s": AFTER_S})
        described = services or {}
        self.others = [
            with_demo(
                Service(name=name, **({"source": "en", "target": "zh"} | described.get(name, {})))
            )
            for name in names[1:]
        ]
        self.fails = set(fails)
        self.clouds: dict[str, Puppet] = {}
        self.fallback = Fallback(self.parts, self.others, self._build)
        self.asked = 0
        self.kept: list[Unanswered] = []
        self.ring.on_write(lambda: None)

    def _build(self, parts: Parts) -> Cloud:
        name = parts.provider.name
        if name in self.fails:
            raise RunError(f"{name}: the port is taken")
        self.clouds[name] = Puppet(parts)
        return self.clouds[name]

    def __getitem__(self, name: str) -> Puppet:
        return self.clouds[name]

    @property
    def in_use(self) -> str:
        return self.fallback.provider.name

    def pass_(self, seconds: float = 0.0) -> None:
        """Time passes; the thread looks, and the main thread answers what it asks."""
        end = self.clock.now() + seconds
        while True:
            self.fallback.look()
            for event in [e for e in self.events if isinstance(e, Question)]:
                self.events.remove(event)
                self.asked += 1
                event.ask()
            if self.clock.now() >= end:
                return
            self.clock.advance(0.25)

    def fall(self) -> None:
        """The one in use is lost for long enough."""
        self.clouds[self.in_use].is_lost()
        self.pass_(AFTER_S)

    def said(self) -> list[dict[str, Any]]:
        """The ``fallback`` events."""
        return [dict(n.detail) for n in self.of(Notice) if n.event == "fallback"]


@pytest.fixture
def two() -> Ladder:
    return Ladder("twetalk-v2", "youdao")


def test_the_first_is_used_and_no_other_is_even_made(two: Ladder) -> None:
    two.pass_(100)
    assert two.in_use == "twetalk-v2"
    assert list(two.clouds) == ["twetalk-v2"]
    assert two.telemetry.values(0.0)["fallback"] == 0
    assert [worker.name for worker in two.fallback.workers] == ["fallback", "worker"]


def test_one_that_is_lost_for_long_enough_is_left(two: Ladder) -> None:
    two["twetalk-v2"].is_lost("no route to host")
    two.pass_(AFTER_S - 0.5)
    assert two.in_use == "twetalk-v2"
    two.pass_(0.5)
    assert two.in_use == "youdao"
    assert two.said() == [{"from": "twetalk-v2", "to": "youdao", "reason": "no route to host"}]
    assert two.telemetry.total("fallbacks") == 1
    assert two.telemetry.values(0.0)["fallback"] == 1


def test_one_that_is_back_in_time_is_kept_though_it_has_not_proved_itself(two: Ladder) -> None:
    two["twetalk-v2"].is_lost()
    two.pass_(5)
    two["twetalk-v2"].is_reached()
    two.pass_(20)
    assert two.in_use == "twetalk-v2"


def test_one_that_only_answers_the_telephone_is_left(two: Ladder) -> None:
    two["twetalk-v2"].is_lost()
    for _ in range(6):
        two.pass_(2)
        two["twetalk-v2"].is_reached()
        two["twetalk-v2"].parts.post(LinkDown("closed", wanted=False))
    two.pass_()
    assert two.in_use == "youdao"


def test_what_is_not_answered_goes_over_with_the_gate(two: Ladder) -> None:
    left = Handover((Take(10, 30, EN_ZH), Take(40, None, EN_ZH)), 20, 25)
    two["twetalk-v2"].left = left
    two.fall()
    assert two["youdao"].taken == [replace(left, pair=EN_ZH)]
    assert two.of(Settled) == [], "it is answered there"
    two.fallback.open(3, EN_ZH)
    assert two["youdao"].opened == [(25, EN_ZH)], "a pre-roll is not sent to both"


def test_a_crash_is_told_of_the_one_in_use(two: Ladder) -> None:
    two.fallback.remember(two.kept.append)
    assert two["twetalk-v2"].kept == two.kept.append
    two.fall()
    assert two["twetalk-v2"].kept is None
    assert two["youdao"].kept == two.kept.append


def test_whoever_waited_for_nothing_waits_no_more(two: Ladder) -> None:
    two.fall()
    assert two.of(Settled) == [Settled()]


def test_its_threads_run_and_die_like_all(two: Ladder) -> None:
    died: list[str] = []
    for worker in two.fallback.workers:
        worker.on_death = lambda name, reason: died.append(name)
    two.fall()
    thread = two["youdao"].thread
    assert thread.join(60.0)
    assert thread._thread is not None
    thread.on_death("worker", "")  # type: ignore[misc]
    assert died == ["worker"]
    assert thread in two.fallback.workers


def test_the_better_one_is_asked_and_taken_back(two: Ladder) -> None:
    two.fall()
    two.pass_(5)
    assert two["twetalk-v2"].probes == 21, "each 0.25 s; it asks in its own time"
    two["twetalk-v2"].works()
    two.pass_()
    assert two.in_use == "twetalk-v2"
    assert two.said()[1] == {
        "from": "youdao",
        "to": "twetalk-v2",
        "reason": "twetalk-v2 works again",
    }
    assert two.telemetry.total("fallbacks") == 1
    assert two.telemetry.values(0.0)["fallback"] == 0
    probes = two["twetalk-v2"].probes
    two.pass_(20)
    assert two["twetalk-v2"].probes == probes
    assert two["youdao"].probes == 0


def test_but_not_while_somebody_speaks(two: Ladder) -> None:
    two.fall()
    two.say(1)
    two["twetalk-v2"].works()
    two.pass_()
    two.say(35, voiced=False)
    two.pass_()
    assert two.in_use == "youdao"
    two.say(5, voiced=False)
    two.pass_()
    assert two.in_use == "twetalk-v2"


@pytest.mark.parametrize("what", ["unanswered_ms", "backlog_ms"])
def test_nor_before_it_is_answered(two: Ladder, what: str) -> None:
    two.fall()
    two.say(1)
    setattr(two["youdao"], what, 1000)
    two["twetalk-v2"].works()
    two.say(100, voiced=False)
    two.pass_()
    assert two.in_use == "youdao"
    setattr(two["youdao"], what, 0)
    two.pass_()
    assert two.in_use == "twetalk-v2"


def test_nor_while_it_is_spoken(two: Ladder) -> None:
    two.fall()
    two.player.speech(bytes(32_000))
    two["twetalk-v2"].works()
    two.pass_()
    assert two.in_use == "youdao"


def test_what_is_never_answered_is_not_waited_for(two: Ladder) -> None:
    two.fall()
    two.say(1)
    two["youdao"].unanswered_ms = 1000
    two["twetalk-v2"].works()
    two.say(round(two.config.talk.result_timeout_s / 0.04), voiced=False)
    two.pass_()
    assert two.in_use == "twetalk-v2"


def test_where_both_are_lost_the_first_that_works_is_used_at_once(two: Ladder) -> None:
    two.fall()
    two["youdao"].is_lost()
    two.say(10)
    two["youdao"].unanswered_ms = 400
    two.pass_(30)
    assert two.in_use == "youdao"
    two["twetalk-v2"].works()
    two.pass_()
    assert two.in_use == "twetalk-v2"


def test_one_that_comes_back_and_answers_nothing_is_trusted_less_and_less(two: Ladder) -> None:
    waits = []
    for _ in range(3):
        two.fall()
        two["youdao"].answers("hello")
        two["twetalk-v2"].works()
        begun = two.clock.now()
        while two.in_use != "twetalk-v2":
            two.pass_(1)
        waits.append(round(two.clock.now() - begun))
    assert waits == [1, 30, 60]
    two["twetalk-v2"].answers("hello")
    two.fall()
    two["twetalk-v2"].works()
    two.pass_(1)
    assert two.in_use == "twetalk-v2"


def test_it_can_be_left_again(two: Ladder) -> None:
    for _ in range(10):
        two["twetalk-v2"].answers("hello")
        two.fall()
        assert two.in_use == "youdao"
        two["twetalk-v2"].works()
        two.pass_()
        assert two.in_use == "twetalk-v2"
    assert two.telemetry.total("fallbacks") == 10
    assert len(two.clouds) == 2


def test_the_last_of_three_is_left_for_whichever_better_one_works() -> None:
    three = Ladder("twetalk-v2", "tencent-tsi", "youdao")
    three.fall()
    three.fall()
    assert three.in_use == "youdao"
    three.pass_(1)
    assert three["tencent-tsi"].probes > 0
    assert three["twetalk-v2"].probes > 0
    three["tencent-tsi"].works()
    three.pass_()
    assert three.in_use == "tencent-tsi"
    three["twetalk-v2"].works()
    three.pass_()
    assert three.in_use == "twetalk-v2"


def test_one_that_cannot_be_had_is_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    three = Ladder("twetalk-v2", "tencent-tsi", "youdao", fails=["tencent-tsi"])
    three.fall()
    assert three.in_use == "youdao"
    told = [r.getMessage() for r in caplog.records if "port is taken" in r.getMessage()]
    assert told == ["service.fallback: tencent-tsi: the port is taken"]


def test_where_none_can_be_had_it_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    alone = Ladder("twetalk-v2", "tencent-tsi", fails=["tencent-tsi"])
    with caplog.at_level(logging.WARNING):
        alone.fall()
        alone.pass_(60)
    assert alone.in_use == "twetalk-v2"
    assert len(caplog.records) == 1
    assert alone.asked == 1


# --- languages -------------------------------------------------------------------------------


def test_the_languages_in_use_go_over_and_come_back(two: Ladder) -> None:
    two.fallback.provider.pair = Pair("zh", "en")
    two.fall()
    assert two.fallback.provider.pair == Pair("zh", "en")
    two.fallback.provider.pair = EN_ZH  # somebody chose
    two["twetalk-v2"].works()
    two.pass_()
    assert two.fallback.provider.pair == EN_ZH


def test_one_that_does_not_take_them_is_passed_over() -> None:
    two = Ladder("youdao", "tencent-tsi", services={"tencent-tsi": {"source": "zh"}})
    two.fallback.provider.pair = Pair("fr", "en")
    two.fall()
    assert two.in_use == "youdao", "nobody wants French to be taken for Chinese"
    two.fallback.provider.pair = Pair("zh", "en")
    two.pass_()
    assert two.in_use == "tencent-tsi", "they were changed to what it takes"


def test_where_it_cannot_translate_it_recognises(two: Ladder) -> None:
    def only(pair: Pair) -> bool:
        return pair.target is None

    wanted = two.fallback.provider.pair
    two["twetalk-v2"].left = Handover((Take(1, 5, wanted),))
    with patch.object(Provider, "takes", lambda self, pair: self.name != "youdao" or only(pair)):
        two.fall()
        assert two.fallback.provider.pair == Pair("en", None)
        [left] = two["youdao"].taken
        assert left.takes[0].pair == Pair("en", None)
        two["youdao"].left = left
        two["twetalk-v2"].works()
        two.pass_()
    assert two.fallback.provider.pair == wanted
    assert two["twetalk-v2"].taken[0].takes[0].pair == wanted


def test_speech_that_was_switched_off_stays_off(two: Ladder) -> None:
    two.fallback.switch_tts(False)
    two.fall()
    assert not two["youdao"].tts
    assert not two.fallback.tts
    two.fallback.renew(Pair("zh", "en"))
    assert two["youdao"].renewed == [Pair("zh", "en")]


# --- what the main thread is told ------------------------------------------------------------


def test_only_the_one_in_use_speaks_of_its_state(two: Ladder) -> None:
    two.fall()
    del two.events[:]
    first = two["twetalk-v2"]
    first.is_lost()
    first.is_reached("s1")
    first.parts.post(Blocked("1", "no"))
    first.parts.post(Settled())
    first.parts.post(Notice("refused", {}))
    assert two.events == []
    first.parts.post(Notice("lost_audio", {"packets": 1}))
    first.answers("from a recording that waited")
    assert len(two.events) == 2


def test_the_state_is_that_of_the_one_that_came_into_use(two: Ladder) -> None:
    two["twetalk-v2"].is_reached("first")
    two.fall()
    assert two.events[-2:] == [LinkUp("first"), Settled()], "no conversation of its own yet"
    two["youdao"].is_reached("second")
    two["twetalk-v2"].works("first")
    two.pass_()
    assert LinkUp("first") in two.events[-2:]


def test_one_that_is_not_there_yet_is_told_as_not_there(two: Ladder) -> None:
    built = two._build

    def away(parts: Parts) -> Cloud:
        cloud = built(parts)
        assert isinstance(cloud, Puppet)
        cloud.connected = False
        return cloud

    two.fallback._build = away
    two.fall()
    assert two.events[-2] == LinkDown("not connected yet", wanted=False)


def test_a_refusal_is_a_fault_only_where_nobody_else_is_left(two: Ladder) -> None:
    two["twetalk-v2"].parts.post(Blocked("1", "who are you?"))
    assert two.of(Blocked) == []
    two.fall()
    two["youdao"].parts.post(Blocked("2", "nor you"))
    assert two.of(Blocked) == [Blocked("2", "nor you")]


# --- the end ---------------------------------------------------------------------------------


def test_a_press_is_worth_an_attempt_of_all_while_none_works(two: Ladder) -> None:
    two.fall()
    two.fallback.hurry()
    assert (two["twetalk-v2"].hurries, two["youdao"].hurries) == (0, 1)
    two["youdao"].is_lost()
    two.fallback.hurry()
    assert (two["twetalk-v2"].hurries, two["youdao"].hurries) == (1, 2)


def test_a_question_that_comes_after_somebody_chose_another_changes_nothing(two: Ladder) -> None:
    two["twetalk-v2"].is_lost()
    two.clock.advance(AFTER_S)
    two.fallback.look()
    [question] = two.of(Question)
    for worker in two.fallback.workers:
        worker.stop()
    question.ask()
    assert two.in_use == "twetalk-v2"


def test_everything_is_given_back(two: Ladder) -> None:
    two.fall()
    two.fallback.free()
    assert two["twetalk-v2"].freed
    assert two["youdao"].freed


def test_the_thread_looks_until_it_is_stopped(two: Ladder) -> None:
    [watch, *_] = two.fallback.workers
    two["twetalk-v2"].is_lost()
    two.clock.advance(AFTER_S)
    watch.start()
    wait_until(lambda: two.of(Question), "a question")
    watch.stop()
    assert watch.join(60.0)
    assert len(two.of(Question)) == 1


def test_it_may_be_handed_over_itself(two: Ladder) -> None:
    two["twetalk-v2"].left = Handover((Take(1, 2, EN_ZH),))
    left = two.fallback.hand_over()
    assert left.takes == (Take(1, 2, EN_ZH),)
    two.fallback.take_over(left)
    assert two["twetalk-v2"].taken == [left]
