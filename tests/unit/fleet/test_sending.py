"""Commands and answers, in virtual time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest

from agent.errors import UsageError
from agent.fleet.roster import Roster
from agent.fleet.sending import Outcome, Sending, answers, canaries, result_topic, targets
from agent.report.signals import Acked
from tests.unit.fleet.air import Air, heard, kept

REF = "fleet-1"


class Errand:
    """One command to a fleet of a, b and c (which is away)."""

    def __init__(self) -> None:
        self.air = Air()
        self.roster = Roster("dragoman")
        for name, status in (("a", b"online"), ("b", b"online"), ("c", b"offline")):
            self.roster.take(kept(f"{name}/status", status), 0.0, self.air.clock.utc())
        self.outcomes: list[Outcome] = []
        self.sending = Sending(self.air, "dragoman", REF, self.outcomes.append, wait_s=5.0)

    def answer(self, device: str, after: float = 0.1, **fields: Any) -> None:
        self.air.due(after, heard(f"{device}/command/result", {"ref": REF, "ok": True} | fields))

    def run(self, *names: str, fields: Mapping[str, Any] | None = None) -> dict[str, str]:
        """Send to these (default: a and b) and wait 5 s; what became of it by device."""
        devices = targets(self.roster, names or ("a", "b"), "here")
        self.sending.run(fields or {"volume": 4}, devices, self.air.clock)
        return {outcome.device: outcome.text for outcome in self.outcomes}


@pytest.fixture
def errand() -> Errand:
    return Errand()


def test_all_answer(errand: Errand) -> None:
    errand.answer("b", 0.2)
    errand.answer("a", 0.4)
    assert errand.run() == {"b": "ok", "a": "ok"}
    assert errand.sending.ok
    assert errand.air.clock.now() == pytest.approx(0.4), "nobody is waited for in vain"
    assert [topic for topic, _ in errand.air.sent] == [
        "dragoman/a/command",
        "dragoman/b/command",
    ]
    assert json.loads(errand.air.sent[0][1]) == {"volume": 4, "ref": REF}


def test_a_refusal_is_told_with_its_reason(errand: Errand) -> None:
    errand.answer("a")
    errand.answer("b", ok=False, error="twetalk-asr does not speak")
    assert errand.run() == {"a": "ok", "b": "twetalk-asr does not speak"}
    assert not errand.sending.ok


def test_who_does_not_answer_is_named_in_the_end(errand: Errand) -> None:
    errand.answer("b")
    assert errand.run() == {"b": "ok", "a": "no answer within 5 s"}
    assert not errand.sending.ok
    assert errand.air.clock.now() == pytest.approx(5.0)


def test_an_answer_too_late_is_none(errand: Errand) -> None:
    errand.answer("a", 5.1)
    errand.answer("b")
    assert errand.run()["a"] == "no answer within 5 s"


def test_who_is_offline_is_named_and_not_waited_for(errand: Errand) -> None:
    errand.answer("a")
    assert errand.run("a", "c") == {"c": "offline: not sent", "a": "ok"}
    assert not errand.sending.ok
    assert [topic for topic, _ in errand.air.sent] == ["dragoman/a/command"]
    assert errand.air.clock.now() == pytest.approx(0.1)


def test_answers_to_others_do_not_count(errand: Errand) -> None:
    errand.air.due(
        0.1,
        heard("a/command/result", {"ref": "another", "ok": True}),
        heard("a/command/result", {"ok": True}),
        heard("a/command/result", {"ref": REF, "ok": "yes"}),
        heard("a/command/result", b"ok"),
        heard("z/command/result", {"ref": REF, "ok": True}),
        heard("a/status", {"ref": REF, "ok": True}),
        heard("b/command/result", {"ref": [REF], "ok": True}),
    )
    assert errand.run() == dict.fromkeys("ab", "no answer within 5 s")


def test_one_answer_counts_once(errand: Errand) -> None:
    errand.answer("a")
    errand.answer("a", ok=False)
    errand.answer("b", 0.3)
    errand.run()
    assert errand.outcomes == [Outcome("a", True, "ok"), Outcome("b", True, "ok")]


def test_a_broker_that_refuses_the_command_is_told_of(errand: Errand) -> None:
    errand.air.due(0.1, Acked(1, 0x87), Acked(2, 0))
    errand.answer("b", 0.2)
    assert errand.run()["a"] == "the broker refuses the command: check its access list"
    assert not errand.sending.ok
    assert errand.air.clock.now() == pytest.approx(0.2)


def test_one_that_is_named_twice_is_sent_to_once(errand: Errand) -> None:
    errand.answer("a")
    errand.run("a", "a")
    assert len(errand.air.sent) == 1


def test_no_names_are_all(errand: Errand) -> None:
    assert [device.id for device in targets(errand.roster, (), "here")] == ["a", "b", "c"]


def test_an_unknown_name_is_refused_with_the_nearest(errand: Errand) -> None:
    roster = Roster("dragoman")
    roster.take(kept("kitchen-1/status", b"online"), 0.0, errand.air.clock.utc())
    with pytest.raises(UsageError) as info:
        targets(roster, ["kitchen-2"], "broker:1883")
    assert str(info.value) == "no device 'kitchen-2' at broker:1883; did you mean 'kitchen-1'?"


def test_the_answers_of_all_devices_come_on_one_topic() -> None:
    assert result_topic("home/voice") == "home/voice/+/command/result"


# --- many ------------------------------------------------------------------------------------


class Herd:
    """A command to ``count`` devices, each of which answers 0.1 s after it was sent to."""

    def __init__(self, count: int, **options: Any) -> None:
        self.air = Answering()
        self.roster = Roster("dragoman")
        for number in range(count):
            self.roster.take(kept(f"d{number:03}/status", b"online"), 0.0, self.air.clock.utc())
        self.sending = Sending(
            self.air, "dragoman", REF, lambda _: None, **({"wait_s": 5.0} | options)
        )

    def run(self) -> float:
        """Seconds it took."""
        begun = self.air.clock.now()
        devices = list(self.roster.devices.values())
        self.sending.run({"volume": 4}, devices, self.air.clock)
        return self.air.clock.now() - begun


class Answering(Air):
    """A broker whose devices answer; it notes when each was sent to."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> int:
        self.times.append(self.clock.now())
        device = topic.split("/")[1]
        self.due(0.1, heard(f"{device}/command/result", {"ref": REF, "ok": True}))
        return super().publish(topic, payload, retain=retain)


@pytest.mark.parametrize("rate", [0.5, 3.0, 20.0, 1000.0])
def test_a_rate_is_kept_and_answers_are_taken_meanwhile(rate: float) -> None:
    herd = Herd(60, rate=rate)
    took = herd.run()
    gaps = [b - a for a, b in pairwise(herd.air.times)]
    assert min(gaps) >= 1 / rate - 1e-6
    assert took == pytest.approx(59 / rate + 0.1, abs=0.01)
    assert herd.sending.ok
    assert len(herd.sending.outcomes) == 60


def test_without_a_rate_it_is_all_at_once() -> None:
    herd = Herd(60)
    assert herd.run() == pytest.approx(0.1)
    assert set(herd.air.times) == {0.0}


def test_each_device_has_its_own_time_to_answer() -> None:
    herd = Herd(10, rate=1.0, wait_s=2.0)
    herd.air.publish = Air().publish  # type: ignore[method-assign]
    assert herd.run() == pytest.approx(9 + 2.0)
    assert {outcome.text for outcome in herd.sending.outcomes} == {"no answer within 2 s"}


def test_the_canaries_are_the_first_that_are_there(errand: Errand) -> None:
    devices = targets(errand.roster, ("c", "a", "b"), "here")
    chosen, others = canaries(devices, 1)
    assert [device.id for device in chosen] == ["a"]
    assert [device.id for device in others] == ["c", "b"]
    assert canaries(devices, 0) == ([], devices)


def test_answers_are_counted_the_most_frequent_first() -> None:
    outcomes = [Outcome(f"d{n}", True, "ok") for n in range(5)]
    outcomes.append(Outcome("away", False, "offline: not sent"))
    assert answers(outcomes) == [
        ("ok", "5", "d0, d1, d2, …"),
        ("offline: not sent", "1", "away"),
    ]
