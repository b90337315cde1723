from __future__ import annotations

from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.report.dispatch import HOPELESS, MAX_ANSWERS, WINDOW, Dispatch, Parcel, refusal
from agent.report.outbox import Outbox
from agent.report.topics import Topic

STATE = Topic("d/state", qos=1, retain=True)
RESULT = Topic("d/command/result", qos=1)


class Wire:
    """Stands for a connection: numbers what is sent and remembers it."""

    def __init__(self, dispatch: Dispatch, window: int = 100) -> None:
        self.dispatch, self.ids = dispatch, count(1)
        self.sent: dict[int, Parcel] = {}
        dispatch.connected(window)

    def pump(self) -> list[bytes]:
        """Send what can be sent; the payloads."""
        new = []
        while parcel := self.dispatch.next():
            message_id = next(self.ids)
            self.dispatch.sent(message_id, parcel)
            self.sent[message_id] = parcel
            new.append(parcel.payload)
        return new

    def acknowledge(self, number: int, code: int = 0) -> Parcel | None:
        """Answer the oldest ``number`` messages."""
        refused = None
        for message_id in list(self.sent)[:number]:
            del self.sent[message_id]
            refused = self.dispatch.acknowledged(message_id, code) or refused
        self.dispatch._outbox.remove(self.dispatch.take_done())
        return refused


@pytest.fixture
def dispatch(box: Outbox) -> Dispatch:
    return Dispatch(box)


def fill(box: Outbox, number: int) -> list[bytes]:
    payloads = [b"%03d" % n for n in range(number)]
    box.append_many([("d/transcript", payload) for payload in payloads])
    return payloads


def test_the_window_bounds_what_is_unacknowledged(box: Outbox, dispatch: Dispatch) -> None:
    payloads = fill(box, WINDOW + 5)
    wire = Wire(dispatch)
    assert wire.pump() == payloads[:WINDOW]
    wire.acknowledge(2)
    assert wire.pump() == payloads[WINDOW : WINDOW + 2]


def test_a_broker_may_want_a_smaller_window(box: Outbox, dispatch: Dispatch) -> None:
    fill(box, 5)
    assert len(Wire(dispatch, window=3).pump()) == 3


def test_a_row_stays_until_it_is_acknowledged(box: Outbox, dispatch: Dispatch) -> None:
    fill(box, 3)
    wire = Wire(dispatch)
    wire.pump()
    assert box.count() == 3
    wire.acknowledge(1)
    assert [row.payload for row in box.after(0, 9)] == [b"001", b"002"]


def test_after_a_loss_the_unacknowledged_come_again_in_order(
    box: Outbox, dispatch: Dispatch
) -> None:
    payloads = fill(box, 6)
    wire = Wire(dispatch, window=4)
    wire.pump()
    wire.acknowledge(2)
    wire.pump()
    dispatch.lost()
    assert Wire(dispatch).pump() == payloads[2:]


def test_an_acknowledgement_just_before_the_loss_counts(box: Outbox, dispatch: Dispatch) -> None:
    fill(box, 2)
    wire = Wire(dispatch)
    wire.pump()
    dispatch.acknowledged(1)
    dispatch.lost()
    assert Wire(dispatch).pump() == [b"001"]


def test_only_the_newest_of_a_pinned_topic_counts(dispatch: Dispatch) -> None:
    dispatch.pin(STATE, b"idle")
    dispatch.pin(STATE, b"listening")
    wire = Wire(dispatch)
    assert wire.pump() == [b"listening"]
    assert wire.sent[1].retain
    wire.acknowledge(1)
    assert wire.pump() == []
    dispatch.repeat(STATE)
    assert wire.pump() == [b"listening"]


def test_pinned_messages_come_first_and_again_after_every_loss(
    box: Outbox, dispatch: Dispatch
) -> None:
    fill(box, 1)
    dispatch.pin(STATE, b"idle")
    for _ in range(2):
        assert Wire(dispatch).pump() == [b"idle", b"000"]
        dispatch.lost()


def test_answers_wait_for_a_connection_but_not_without_end(dispatch: Dispatch) -> None:
    for number in range(MAX_ANSWERS + 1):
        dispatch.answer(RESULT, b"%03d" % number)
    wire = Wire(dispatch)
    assert wire.pump()[0] == b"001"
    wire.acknowledge(1)
    dispatch.lost()
    assert Wire(dispatch).pump()[:2] == [b"002", b"003"]


def test_a_refused_message_is_kept_and_its_order_too(box: Outbox, dispatch: Dispatch) -> None:
    payloads = fill(box, 4)
    wire = Wire(dispatch, window=2)
    wire.pump()
    refused = wire.acknowledge(1, code=0x87)
    assert refused is not None
    assert refused.payload == payloads[0]
    assert wire.pump() == []
    dispatch.release()
    assert wire.pump() == [payloads[0]]  # 1 is still on its way
    wire.acknowledge(2)
    assert wire.pump() == payloads[2:]


@pytest.mark.parametrize("code", HOPELESS)
def test_a_hopeless_message_does_not_block_the_rest(
    box: Outbox, dispatch: Dispatch, code: int
) -> None:
    fill(box, 2)
    wire = Wire(dispatch, window=1)
    wire.pump()
    assert wire.acknowledge(1, code) is not None
    assert wire.pump() == [b"001"]
    assert [found.payload for found in box.aside] == [b"000"]
    assert "set aside" in refusal(code)


def test_it_is_idle_when_everything_is_acknowledged(box: Outbox, dispatch: Dispatch) -> None:
    assert dispatch.idle
    dispatch.pin(STATE, b"idle")
    fill(box, 1)
    wire = Wire(dispatch)
    assert not dispatch.idle
    wire.pump()
    wire.acknowledge(1)
    assert not dispatch.idle
    wire.acknowledge(1)
    assert dispatch.idle


def test_unknown_acknowledgements_are_ignored(dispatch: Dispatch) -> None:
    assert dispatch.acknowledged(77) is None


@settings(deadline=None, max_examples=50)
@given(st.lists(st.one_of(st.integers(0, 5), st.just("cut"), st.just("refuse")), max_size=30))
def test_whatever_happens_nothing_is_lost_or_out_of_order(
    tmp_path_factory: pytest.TempPathFactory, story: list[int | str]
) -> None:
    box = Outbox(tmp_path_factory.mktemp("box") / "outbox.db", 100)
    assert box._database is not None
    box._database.execute("PRAGMA synchronous=OFF")  # no power cuts here
    payloads = fill(box, 30)
    dispatch = Dispatch(box)
    wire, arrived = Wire(dispatch, window=4), list[bytes]()
    for event in [*story, *[4] * 40]:
        if event == "cut":
            arrived += [p.payload for p in wire.sent.values()]  # published, not acknowledged
            dispatch.lost()
            wire = Wire(dispatch, window=4)
        elif event == "refuse":
            wire.acknowledge(1, code=0x97)
            dispatch.release()
        else:
            arrived += [p.payload for p in list(wire.sent.values())[: int(event)]]
            wire.acknowledge(int(event))
        wire.pump()
    assert sorted(set(arrived)) == payloads
    assert box.count() == 0
    if "refuse" not in story:
        assert list(dict.fromkeys(arrived)) == payloads
    box.close()
