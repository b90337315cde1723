"""The summarizer thread: one question after the other, refusals as answers."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from agent.config.credentials import with_demo
from agent.config.schema import Config, Service
from agent.emulator import Emulator
from agent.events import Event, Summary
from agent.pipeline.summarizer import Summarizer
from tests.patience import HANG_S
from tests.unit.pipeline.timeline import Timeline


@contextmanager
def summarizer(service: Service) -> Iterator[tuple[Summarizer, queue.SimpleQueue[Event]]]:
    posted: queue.SimpleQueue[Event] = queue.SimpleQueue()
    worker = Summarizer(Config(services={"twetalk-summary": service}), posted.put, Timeline())
    yield worker, posted
    worker.stop()
    assert worker.join(HANG_S)


def answer(posted: queue.SimpleQueue[Event]) -> Summary:
    event = posted.get(timeout=HANG_S)
    assert isinstance(event, Summary)
    return event


@pytest.mark.parametrize("ref", [None, "r", {"n": [1]}])
def test_a_session_is_summarised_and_the_question_named(ref: Any) -> None:
    with Emulator() as cloud:
        service = with_demo(Service(name="twetalk-summary", url=cloud.url))
        with summarizer(service) as (worker, posted):
            worker.ask("s1", "Good morning. Where is the station?", ref)
            first = answer(posted)
            worker.ask("s2", "It is over there.", ref)
            second = answer(posted)
    assert (first.session, first.error, first.ref) == ("s1", None, ref)
    assert first.text
    assert second.session == "s2"


def test_nobody_is_started_before_the_first_question() -> None:
    with summarizer(Service(name="twetalk-summary")) as (worker, _):
        assert not worker.alive


def test_a_service_that_is_not_configured_is_the_answer() -> None:
    with summarizer(Service(name="twetalk-summary")) as (worker, posted):
        worker.ask("s1", "hello", "r")
        refused = answer(posted)
    assert (refused.session, refused.text, refused.ref) == ("s1", None, "r")
    assert refused.error is not None
    assert "token" in refused.error


def test_a_service_that_is_away_is_the_answer() -> None:
    service = with_demo(Service(name="twetalk-summary", url="http://127.0.0.1:9"))
    with summarizer(service) as (worker, posted):
        worker.ask("s1", "hello", None)
        refused = answer(posted)
        assert worker.alive
    assert refused.text is None
    assert "127.0.0.1:9" in (refused.error or "")
