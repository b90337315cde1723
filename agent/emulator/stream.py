"""What the protocols of streaming providers have in common, without a socket or a clock.

A `StreamSession` is told what arrived and when (milliseconds of any steady clock) and answers
with actions. `connection.py` carries them out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal, Protocol, TypeAlias

from agent.emulator.engines import Heard

DEMO = "demo"
"""The one credential the emulator takes, whatever it is called."""


class Code(IntEnum):
    """Codes of refusals. The document has no list of them, only that they are not 0.

    `AUTH` is the one its samples show ("auth error", "Invalid Token"); the others are the
    emulator's own.
    """

    AUTH = -1
    SETUP = 1001
    MESSAGE = 1002
    LANGUAGE = 1003
    AUDIO_FORMAT = 1004
    TOO_FAST = 1005
    TOO_QUIET = 1006
    ENGINE = 1500


@dataclass(frozen=True)
class Rules:
    """What the providers demand; tests shorten the times.

    `rate` is in samples per second: no message says it. `credit_ms` is how much silence on the
    line may be made up for, `slack_ms` how far audio may run ahead of the clock. `code` is
    whether successful messages carry `code` and says so because the document allows both;
    `finish` whether a streamed translation ends with an event that says so: the document's table
    has one, its sample has none.

    `long_gap_ms` is the gap Tencent Cloud's interpreting allows,
    `streams` how many connections at once Tencent Cloud's streams allow an account,
    `chunks_per_s` and `jobs_per_s` are the request limits of TSI and of long ASR; a job is worked
    on for `job_ms` and its callback repeated after `callback_ms`.
    """

    rate: int = 16_000
    setup_ms: int = 10_000
    gap_ms: int = 6_000
    credit_ms: int = 6_000
    slack_ms: int = 500
    code: Literal["present", "absent", "alternate"] = "alternate"
    finish: Literal["present", "absent", "alternate"] = "alternate"
    long_gap_ms: int = 15_000
    streams: int = 5
    chunks_per_s: int = 25
    jobs_per_s: int = 10
    job_ms: int = 300
    callback_ms: int = 1_000


@dataclass(frozen=True)
class Send:
    """Send this text message."""

    text: str
    kind: Literal["handshake", "result", "pong"]


@dataclass(frozen=True)
class Listen:
    """The set-up is accepted: recognise this language and translate into that one, if any.

    Another one changes the languages of the audio after it.
    """

    setup: dict[str, object]
    source: str
    target: str | None


@dataclass(frozen=True)
class Hear:
    """Recognise this audio."""

    pcm: bytes


@dataclass(frozen=True)
class Finish:
    """No more audio comes: finish what is open, then ask `StreamSession.finished`."""


@dataclass(frozen=True)
class Say:
    """Speak this text: in one message, or streamed in several."""

    text: str
    language: str
    streamed: bool


@dataclass(frozen=True)
class Refuse:
    """Send this text message and close the connection."""

    text: str
    code: int
    msg: str


Action: TypeAlias = Send | Listen | Hear | Finish | Say | Refuse


class Refused(Exception):
    """Raised inside a session; it becomes the `Refuse` in the provider's own shape."""

    def __init__(self, code: int, msg: str) -> None:
        super().__init__(msg)
        self.code, self.msg = code, msg


class StreamSession(Protocol):
    """One connection of a streaming provider. `now` is milliseconds of a steady clock."""

    @property
    def deadline(self) -> float:
        """When `expired` has to be called if nothing arrives before."""

    @property
    def speaking(self) -> bool:
        """Whether the client wants speech now."""

    def opened(self, now: float) -> list[Action]:
        """The connection was made."""

    def text(self, message: str, now: float) -> list[Action]:
        """A text message arrived."""

    def audio(self, message: bytes, now: float) -> list[Action]:
        """A binary message arrived."""

    def expired(self, now: float) -> list[Action]:
        """The deadline may have passed."""

    def heard(self, heard: Heard, translation: str) -> list[Action]:
        """A sentence was recognised a step further."""

    def finished(self) -> list[Action]:
        """After `Finish`: everything was recognised."""

    def spoken(self) -> list[Action]:
        """After that: everything was said, too; the connection closes afterwards."""

    def refuse(self, code: int, msg: str) -> Refuse:
        """A refusal as this provider words it."""

    def thaw(self, now: float, frozen_ms: float) -> None:
        """The emulator itself was frozen: what the client sent meanwhile was not its fault."""


class AudioMeter:
    """Holds a client to real time.

    TWeTalk service interface document, section on audio requirements: audio sent faster than
    1:1, or more than 6 s between audio packets, is answered with an error and a close. Time
    gives credit, from 0 at the set-up to `credit_ms`; audio takes it.
    """

    def __init__(self, rules: Rules, now: float) -> None:
        self._rules = rules
        self._at = self._heard_at = now
        self._credit = 0.0
        self._forgiven = 0.0

    @property
    def deadline(self) -> float:
        """When the gap since the last audio gets too long."""
        return self._heard_at + self._rules.gap_ms

    def take(self, pcm: bytes, now: float) -> None:
        """Account for an audio message; `Refused` when it should not have come, or not now."""
        self.check(now)
        if not pcm or len(pcm) % 2:
            raise Refused(Code.AUDIO_FORMAT, f"{len(pcm)} bytes are not s16le samples")
        grown = self._credit + now - self._at
        self._credit = min(grown, self._rules.credit_ms + self._forgiven)
        self._credit -= len(pcm) / 2 / self._rules.rate * 1000
        self._at = self._heard_at = now
        if self._credit < -self._rules.slack_ms:
            raise Refused(Code.TOO_FAST, f"audio is {-self._credit:.0f} ms ahead of real time")

    def check(self, now: float) -> None:
        """`Refused` when there was no audio for too long."""
        if now > self.deadline:
            raise Refused(Code.TOO_QUIET, f"no audio for more than {self._rules.gap_ms} ms")

    def thaw(self, now: float, frozen_ms: float) -> None:
        """Let audio in that waited while nobody read it."""
        self._heard_at = now
        self._forgiven += frozen_ms


def parse_object(message: str) -> dict[str, object]:
    """The JSON object in a text message; `Refused` when it is anything else."""
    try:
        value = json.loads(message, parse_constant=_no_constant)
    except (ValueError, RecursionError):  # RecursionError: thousands of nested brackets
        raise Refused(Code.MESSAGE, "not valid JSON") from None
    if not isinstance(value, dict):
        raise Refused(Code.MESSAGE, "expected a JSON object")
    return value


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
