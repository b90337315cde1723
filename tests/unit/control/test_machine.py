"""The state machine: its tables, played through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.control.machine import TABLES, Action, Input, Machine, Phase

OPEN = (Action.HUSH, Action.OPEN)


def play(mode: str, *events: Input) -> tuple[Machine, list[tuple[Action, ...]]]:
    machine = Machine(mode)
    machine.handle(Input.START)
    return machine, [machine.handle(event) for event in events]


@pytest.mark.parametrize(
    ("mode", "events", "actions", "state"),
    [
        ("hold", [Input.PRESS], [OPEN], "listening"),
        ("hold", [Input.PRESS, Input.PRESS], [OPEN, ()], "listening"),
        ("hold", [Input.RELEASE], [()], "idle"),
        ("hold", [Input.PRESS, Input.RELEASE], [OPEN, (Action.CLOSE,)], "thinking"),
        (
            "hold",
            [Input.PRESS, Input.RELEASE, Input.SETTLED],
            [OPEN, (Action.CLOSE,), ()],
            "idle",
        ),
        (
            "hold",
            [Input.PRESS, Input.RELEASE, Input.PRESS],
            [OPEN, (Action.CLOSE,), OPEN],
            "listening",
        ),
        ("hold", [Input.TOGGLE, Input.TOGGLE], [OPEN, (Action.CLOSE,)], "thinking"),
        ("hold", [Input.PRESS, Input.MUTE], [OPEN, (Action.CUT,)], "thinking"),
        ("hold", [Input.MUTE, Input.PRESS], [(), ()], "idle"),
        ("hold", [Input.PRESS, Input.END], [OPEN, (Action.CUT,)], "thinking"),
        ("hold", [Input.END, Input.PRESS], [(), ()], "idle"),
        ("hold", [Input.VOICE], [()], "idle"),
        ("toggle", [Input.PRESS, Input.RELEASE], [OPEN, ()], "listening"),
        ("toggle", [Input.PRESS, Input.PRESS], [OPEN, (Action.CLOSE,)], "thinking"),
        ("open", [Input.PRESS, Input.RELEASE], [(Action.HUSH,), ()], "listening"),
        ("open", [Input.MUTE, Input.UNMUTE], [(Action.CUT,), (Action.OPEN,)], "listening"),
        (
            "open",
            [Input.MUTE, Input.SETTLED, Input.UNMUTE],
            [(Action.CUT,), (), (Action.OPEN,)],
            "listening",
        ),
        ("open", [Input.UNMUTE], [()], "listening"),
        ("vad", [Input.VOICE, Input.QUIET], [(Action.OPEN,), (Action.CLOSE,)], "thinking"),
        ("vad", [Input.PRESS], [(Action.HUSH,)], "idle"),
        ("wake", [Input.VOICE, Input.QUIET], [(), ()], "idle"),
        ("wake", [Input.WAKE, Input.SAID], [OPEN, (Action.CLOSE,)], "thinking"),
        ("wake", [Input.WAKE, Input.SAID, Input.WAKE], [OPEN, (Action.CLOSE,), OPEN], "listening"),
        ("wake", [Input.WAKE, Input.WAKE], [OPEN, ()], "listening"),
        ("wake", [Input.FOLLOW, Input.SAID], [(Action.OPEN,), (Action.CLOSE,)], "thinking"),
        ("wake", [Input.STOP], [(Action.HUSH,)], "idle"),
        ("wake", [Input.PRESS, Input.RELEASE], [OPEN, ()], "listening"),
        ("wake", [Input.PRESS, Input.PRESS], [OPEN, (Action.CLOSE,)], "thinking"),
        ("wake", [Input.MUTE, Input.WAKE], [(), ()], "idle"),
        ("hold", [Input.WAKE, Input.FOLLOW, Input.STOP], [(), (), ()], "idle"),
    ],
)
def test_a_turn(
    mode: str, events: list[Input], actions: list[tuple[Action, ...]], state: str
) -> None:
    machine, done = play(mode, *events)
    assert done == actions
    assert machine.state == state


@pytest.mark.parametrize(
    ("mode", "events", "actions", "state"),
    [
        ("open", [Input.VOICE], [(Action.HUSH,)], "listening"),
        ("open", [Input.VOICE, Input.QUIET], [(Action.HUSH,), ()], "listening"),
        ("open", [Input.MUTE, Input.VOICE], [(Action.CUT,), ()], "thinking"),
        ("vad", [Input.VOICE, Input.QUIET], [OPEN, (Action.CLOSE,)], "thinking"),
        (
            "vad",
            [Input.VOICE, Input.QUIET, Input.VOICE],
            [OPEN, (Action.CLOSE,), OPEN],
            "listening",
        ),
        ("vad", [Input.PRESS], [(Action.HUSH,)], "idle"),
        ("hold", [Input.VOICE], [()], "idle"),
    ],
)
def test_with_an_echo_canceller_a_voice_is_barge_in(
    mode: str, events: list[Input], actions: list[tuple[Action, ...]], state: str
) -> None:
    machine = Machine(mode, cancelling=True)
    machine.handle(Input.START)
    assert [machine.handle(event) for event in events] == actions
    assert machine.state == state


def test_open_mode_listens_from_the_start() -> None:
    machine = Machine("open")
    assert machine.state == "starting"
    assert machine.handle(Input.START) == (Action.OPEN,)
    assert machine.state == "listening"


def test_what_is_shown_when_several_things_hold() -> None:
    machine, _ = play("hold", Input.PRESS)
    machine.speaking = True
    assert machine.state == "listening", "push-to-talk is half duplex"
    machine.handle(Input.RELEASE)
    assert machine.state == "speaking"
    machine.linked = False
    assert machine.state == "offline"
    machine.faults.add("microphone")
    assert machine.state == "fault"


@given(st.sampled_from(sorted(TABLES)), st.lists(st.sampled_from(Input), max_size=30))
def test_the_gate_is_opened_and_closed_in_turns(mode: str, events: list[Input]) -> None:
    machine = Machine(mode)
    opened = False
    for event in events:
        for action in machine.handle(event):
            if action is Action.OPEN:
                assert not opened
                opened = True
            elif action in (Action.CLOSE, Action.CUT) and opened:
                opened = False
        assert machine.gate_open == opened
        assert not (machine.muted and opened)


def test_every_mode_comes_back_to_idle_when_settled() -> None:
    for table in TABLES.values():
        assert table[(Phase.THINKING, Input.SETTLED)] == (Phase.IDLE, ())
