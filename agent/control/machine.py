"""The state machine: what presses, voices, answers and losses do to the device.

Pure: :meth:`Machine.handle` takes an input and returns actions; :attr:`Machine.state`
is what the world is shown.  Talking is one table (phase × input); the link, the
speaker and faults are facts beside it, because each of them may hold in any phase.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class Phase(Enum):
    """Where one push-to-talk turn stands."""

    IDLE = "idle"
    LISTENING = "listening"  # the gate is open
    THINKING = "thinking"  # the gate is closed, answers are awaited


class Input(Enum):
    """What can happen to a turn."""

    START = "start"  # the daemon is up
    PRESS = "press"
    RELEASE = "release"
    TOGGLE = "toggle"
    VOICE = "voice"  # voice activity began
    QUIET = "quiet"  # voice activity ended
    WAKE = "wake"  # the wake word was said
    FOLLOW = "follow"  # voice activity began where no wake word is needed
    SAID = "said"  # what the wake word opened the gate for was said
    STOP = "stop"  # the stop word was said
    SETTLED = "settled"  # everything said was answered, or its time is up
    MUTE = "mute"
    UNMUTE = "unmute"
    END = "end"  # the microphone has no more samples


#: Somebody's hand: a person waits for what comes of it.
BY_HAND = frozenset({Input.PRESS, Input.RELEASE, Input.TOGGLE})


class Action(Enum):
    """What the controller does about it."""

    OPEN = "open"  # open the gate, pre-roll included
    CLOSE = "close"  # close it after the tail
    CUT = "cut"  # close it at once
    HUSH = "hush"  # barge-in: silence the speaker


IDLE, LISTENING, THINKING = Phase.IDLE, Phase.LISTENING, Phase.THINKING
_Row = dict[tuple[Phase, Input], tuple[Phase, tuple[Action, ...]]]

_OPEN_GATE = (Action.HUSH, Action.OPEN)

_HOLD: _Row = {
    (IDLE, Input.PRESS): (LISTENING, _OPEN_GATE),
    (THINKING, Input.PRESS): (LISTENING, _OPEN_GATE),
    (LISTENING, Input.RELEASE): (THINKING, (Action.CLOSE,)),
}
_SWITCH: _Row = {
    (IDLE, Input.TOGGLE): (LISTENING, _OPEN_GATE),
    (THINKING, Input.TOGGLE): (LISTENING, _OPEN_GATE),
    (LISTENING, Input.TOGGLE): (THINKING, (Action.CLOSE,)),
}
_PRESS_SWITCHES: _Row = {(phase, Input.PRESS): outcome for (phase, _), outcome in _SWITCH.items()}
_HUSH_ONLY: _Row = {
    (phase, word): (phase, (Action.HUSH,))
    for phase in Phase
    for word in (Input.PRESS, Input.TOGGLE)
}
_BY_NAME: _Row = {
    (phase, word): (LISTENING, _OPEN_GATE)
    for phase in (IDLE, THINKING)
    for word in (Input.WAKE, Input.PRESS, Input.TOGGLE)
}
_ALWAYS: _Row = {
    (THINKING, Input.SETTLED): (IDLE, ()),
    (LISTENING, Input.MUTE): (THINKING, (Action.CUT,)),
    (LISTENING, Input.END): (THINKING, (Action.CUT,)),
    (THINKING, Input.MUTE): (THINKING, (Action.CUT,)),
    (THINKING, Input.END): (THINKING, (Action.CUT,)),
}

#: For each talk mode: (phase, input) → (next phase, actions).  What is not here changes nothing.
TABLES: dict[str, _Row] = {
    "hold": _ALWAYS | _HOLD | _SWITCH,
    "toggle": _ALWAYS | _SWITCH | _PRESS_SWITCHES,
    "open": _ALWAYS
    | _HUSH_ONLY
    | {
        (IDLE, Input.START): (LISTENING, (Action.OPEN,)),
        (IDLE, Input.UNMUTE): (LISTENING, (Action.OPEN,)),
        (THINKING, Input.UNMUTE): (LISTENING, (Action.OPEN,)),
    },
    "vad": _ALWAYS
    | _HUSH_ONLY
    | {
        (IDLE, Input.VOICE): (LISTENING, (Action.OPEN,)),
        (THINKING, Input.VOICE): (LISTENING, (Action.OPEN,)),
        (LISTENING, Input.QUIET): (THINKING, (Action.CLOSE,)),
    },
    "wake": _ALWAYS
    | _BY_NAME
    | {(phase, Input.STOP): (phase, (Action.HUSH,)) for phase in Phase}
    | {(phase, Input.FOLLOW): (LISTENING, (Action.OPEN,)) for phase in (IDLE, THINKING)}
    | {
        (LISTENING, word): (THINKING, (Action.CLOSE,))
        for word in (Input.SAID, Input.PRESS, Input.TOGGLE)
    },
}

#: What is different with an echo canceller: a voice is a person's, though the speaker talks.
TALKED_OVER: dict[str, _Row] = {
    "open": {(phase, Input.VOICE): (phase, (Action.HUSH,)) for phase in Phase},
    "vad": {(phase, Input.VOICE): (LISTENING, _OPEN_GATE) for phase in (IDLE, THINKING)},
}

_WHILE_MUTED = (Input.MUTE, Input.UNMUTE, Input.SETTLED, Input.END)


@dataclass(slots=True)
class Machine:
    """One device's state.  ``linked`` is whether a wanted connection is there.

    With ``cancelling`` the speaker can be talked over (:data:`TALKED_OVER`).
    """

    mode: str
    cancelling: bool = False
    phase: Phase = Phase.IDLE
    started: bool = False
    muted: bool = False
    ended: bool = False
    linked: bool = True
    speaking: bool = False
    follow_up: bool = False  # somebody may speak without the wake word
    faults: set[str] = field(default_factory=set)

    def handle(self, event: Input) -> tuple[Action, ...]:
        """Take ``event``; the actions it asks for (none where the table has no entry)."""
        if event is Input.MUTE:
            self.muted = True
        elif event is Input.UNMUTE:
            if not self.muted or self.ended:
                self.muted = False
                return ()
            self.muted = False
        elif (self.muted and event not in _WHILE_MUTED) or (
            self.ended and event is not Input.SETTLED
        ):
            return ()
        self.started = self.started or event is Input.START
        self.ended = self.ended or event is Input.END
        key = self.phase, event
        over = TALKED_OVER.get(self.mode, {}) if self.cancelling else {}
        self.phase, actions = over.get(key) or TABLES[self.mode].get(key, (self.phase, ()))
        return actions

    @property
    def gate_open(self) -> bool:
        return self.phase is Phase.LISTENING

    @property
    def half_duplex(self) -> bool:
        """Whether the speaker must wait: one talks at a time, and somebody does."""
        return self.gate_open and self.mode in ("hold", "toggle", "wake")

    @property
    def state(self) -> str:
        """The published state; the first of these that holds."""
        if not self.started:
            return "starting"
        if self.faults:
            return "fault"
        if not self.linked:
            return "offline"
        if self.speaking and not self.half_duplex:
            return "speaking"
        return self.phase.value
