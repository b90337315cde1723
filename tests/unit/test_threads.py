"""Threads: wake-ups that are never lost, workers that do not die unnoticed."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from agent.clock import ManualClock
from agent.errors import DeviceError
from agent.threads import Errand, Wake, Worker
from tests.patience import HANG_S


@pytest.fixture
def wake() -> Iterator[Wake]:
    made = Wake()
    yield made
    made.close()
    made.close()


def test_a_wake_up_given_before_the_wait_is_not_lost(wake: Wake) -> None:
    wake.set()
    assert wake.wait(0) is True


def test_many_wake_ups_are_one(wake: Wake) -> None:
    for _ in range(1000):
        wake.set()
    assert wake.wait(0)
    assert not wake.wait(0)


def test_a_wait_ends_at_its_deadline(wake: Wake) -> None:
    begun = time.monotonic()
    assert wake.wait(0.05) is False
    assert time.monotonic() - begun >= 0.05
    assert wake.wait(-5) is False


def test_a_wait_for_ever_is_ended_by_another_thread(wake: Wake) -> None:
    timer = threading.Timer(0.05, wake.set)
    timer.start()
    assert wake.wait(None)
    timer.join()


class Work(Worker):
    """Runs what it is given."""

    name = "work"

    def __init__(self, run: Callable[[], None]) -> None:
        super().__init__(ManualClock(7.0))
        self._work = run
        self.woken = 0
        self.deaths: list[tuple[str, str]] = []
        self.on_death = lambda name, reason: self.deaths.append((name, reason))

    def run(self) -> None:
        self._work()

    def wake(self) -> None:
        self.woken += 1


def fail(error: Exception) -> Callable[[], None]:
    def run() -> None:
        raise error

    return run


def finish(worker: Worker) -> None:
    worker.start()
    assert worker.join(HANG_S)
    assert not worker.alive


def test_a_worker_runs_in_a_thread_of_its_name() -> None:
    names: list[str] = []
    worker = Work(lambda: names.append(threading.current_thread().name))
    finish(worker)
    assert names == ["work"]
    assert worker.deaths == [], "returning is no death"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (DeviceError("the microphone is gone"), "the microphone is gone"),
        (ValueError("seven"), "ValueError: seven"),
        (KeyError("k"), "KeyError: 'k'"),
    ],
)
def test_a_death_is_reported_with_name_and_reason(error: Exception, reason: str) -> None:
    worker = Work(fail(error))
    finish(worker)
    assert worker.deaths == [("work", reason)]


def test_a_death_nobody_asked_for_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    worker = Work(fail(ValueError("seven")))
    worker.on_death = None
    with caplog.at_level(logging.ERROR):
        finish(worker)
    assert "worker work died: ValueError: seven" in caplog.text


def test_stopping_wakes_and_does_not_wait() -> None:
    hold = threading.Event()

    def run() -> None:
        hold.wait(HANG_S)

    worker = Work(run)
    worker.start()
    worker.stop()
    worker.stop()
    assert worker.stopping
    assert worker.woken == 2
    assert worker.alive
    assert worker.join(0.01) is False
    hold.set()
    assert worker.join(HANG_S)


def test_a_worker_that_was_never_started_has_ended() -> None:
    worker = Work(lambda: None)
    assert not worker.alive
    assert worker.join(0)


def test_progress_is_told_by_the_clock() -> None:
    worker = Work(lambda: None)
    clock = worker.clock
    assert isinstance(clock, ManualClock)
    clock.advance(3)
    assert worker.last_beat == 7.0
    worker.beat()
    assert worker.last_beat == 10.0
    clock.advance(2)
    finish(worker)
    assert worker.last_beat == 12.0, "starting is progress"


def test_work_must_be_described() -> None:
    with pytest.raises(NotImplementedError):
        Worker().run()


def test_waiting_for_the_network_is_progress_until_the_worker_should_end() -> None:
    clock = ManualClock()
    worker = Worker(clock)
    clock.advance(60)
    assert worker.waits() is False
    assert worker.last_beat == 60
    worker.stop()
    assert worker.waits() is True


def test_an_errand_gives_what_its_call_gave_or_raised() -> None:
    errand = Errand("six", lambda: 6)
    assert errand.done(30)
    assert errand.result() == 6
    failed = Errand("none", lambda: int("x"))
    assert failed.done(30)
    with pytest.raises(ValueError, match="invalid literal"):
        failed.result()


def test_an_errand_that_takes_for_ever_can_be_left_behind() -> None:
    forever = threading.Event()
    errand = Errand("forever", forever.wait)
    assert not errand.done(0.01)
    forever.set()
    assert errand.done(30)
