"""A fleet as it changes, over losses of the connection, in virtual time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from agent.errors import Refused, RunError
from agent.fleet.broker import QUIET_S
from agent.fleet.table import Entry
from agent.fleet.watching import RETRY_S, TICK_S, Watch, caption, transcript_topic
from agent.report.signals import Incoming
from tests.unit.fleet.air import Air, Heard, heard, kept


class Noting:
    """A screen that remembers: what was said, and the verdicts whenever they changed."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.verdicts: list[dict[str, str]] = []
        self.shown = 0

    def show(self, shown: Sequence[Entry], fleet: Sequence[Entry], ignored: int) -> None:
        self.shown += 1
        now = {entry.device.id: str(entry.health.verdict) for entry in shown}
        if not self.verdicts or self.verdicts[-1] != now:
            self.verdicts.append(now)

    def say(self, text: str) -> None:
        self.said.append(text)


class Enough(Exception):
    """The script is over."""


class Line(Air):
    """A broker that breaks after ``lasts`` seconds of each connection, in the end for good."""

    def __init__(self, *lasts: float | Exception) -> None:
        super().__init__()
        self.lasts = list(lasts)
        self.until = 0.0
        self.breaks_with = RunError("broker at broker:1883: connection lost")

    @contextmanager
    def connect(self) -> Iterator[Line]:
        last = self.lasts.pop(0) if self.lasts else Enough()
        if isinstance(last, Exception):
            raise last
        self.until = self.clock.now() + last
        yield self

    def next(self, seconds: float) -> Heard | None:
        if self.clock.now() >= self.until:
            raise self.breaks_with
        return super().next(seconds)


def watched(line: Line) -> Noting:
    screen = Noting()
    with pytest.raises(Enough):
        Watch(line.connect, "dragoman", screen, line.clock).run()
    return screen


def test_what_changes_is_shown() -> None:
    line = Line(30.0)
    line.due(0, kept("a/status", b"online"), kept("a/state", {"state": "idle"}))
    line.due(5, heard("a/telemetry", {"temperature_c": 90}))
    line.due(8, heard("a/telemetry", {"temperature_c": 40}))
    line.due(9, heard("a/status", b"offline"))
    assert watched(line).verdicts == [{"a": "ok"}, {"a": "fault"}, {"a": "ok"}, {"a": "fault"}]


def test_who_falls_silent_is_noticed_without_a_message() -> None:
    line = Line(30.0)
    line.due(0, kept("a/status", b"online"), kept("a/state", {"state": "idle"}))
    assert watched(line).verdicts == [{"a": "ok"}, {"a": "warn"}]


def test_a_burst_is_shown_once_a_tick() -> None:
    line = Line(2 * QUIET_S + 10 * TICK_S)
    line.due(0.1, *(kept(f"d{number}/status", b"online") for number in range(500)))
    screen = watched(line)
    assert len(screen.verdicts) == 1
    assert screen.shown == 11


def test_sentences_are_said() -> None:
    line = Line(3.0)
    line.due(1, heard("a/transcript", {"text": "hello", "translation": "hola", "index": 0}))
    line.due(2, heard("a/transcript/partial", {"text": "he"}), heard("a/transcript", b"?"))
    assert watched(line).said[0] == "a: hello → hola"
    assert len(line.lasts) == 0


def test_a_lost_connection_is_told_of_once_and_made_again() -> None:
    refused = RunError("broker at broker:1883: Connection refused")
    line = Line(3.0, refused, refused, 4.0)
    line.due(1, kept("a/status", b"offline"))
    line.due(1 + 3 + 3 * RETRY_S, heard("a/status", b"online"))
    screen = watched(line)
    lost = "broker at broker:1883: connection lost; trying again"
    assert screen.said == [lost, "connected to broker:1883 again", lost]
    assert screen.verdicts == [{}, {"a": "fault"}, {"a": "warn"}]  # back, but without a state


def test_a_first_connection_that_fails_ends_it() -> None:
    line = Line(RunError("broker at broker:1883: Connection refused"))
    with pytest.raises(RunError, match="Connection refused"):
        Watch(line.connect, "dragoman", Noting(), line.clock).run()


def test_a_refusal_ends_it_at_any_time() -> None:
    line = Line(1.0, Refused("broker at broker:1883: Not authorized"))
    with pytest.raises(Refused):
        Watch(line.connect, "dragoman", Noting(), line.clock).run()
    line = Line(1.0)
    line.breaks_with = Refused("the broker at broker:1883 refuses to be listened to")
    with pytest.raises(Refused):
        Watch(line.connect, "dragoman", Noting(), line.clock).run()


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (heard("a/transcript", {"text": "hi", "translation": None}), "a: hi"),
        (heard("a/transcript", {"translation": "hola"}), "a: hola"),
        (heard("厨房/transcript", {"text": "你\x1b[2J好"}), "厨房: 你[2J好"),
        (heard("a/transcript", {"text": 5}), None),
        (heard("a/transcript/partial", {"text": "h"}), None),
        (heard("a/status", b"online"), None),
    ],
)
def test_captions(message: Incoming, words: str | None) -> None:
    assert caption(message, "dragoman") == words


def test_the_sentences_of_all_devices_come_on_one_topic() -> None:
    assert transcript_topic("home/voice") == "home/voice/+/transcript"
