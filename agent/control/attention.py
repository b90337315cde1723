"""Attention: when a device that is called by its name listens, and for how long.

The name (or a button) opens the gate.  What was said is over when nobody has spoken for a while,
when the service has settled a sentence and nobody goes on speaking, or when nothing was said at
all.  After the answer a voice alone opens it, for ``follow_up_s``.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from agent.audio.pcm import PACKET_MS
from agent.audio.ring import Ring
from agent.clock import Clock
from agent.config.schema import WakeSettings
from agent.control.controller import Controller
from agent.control.machine import Input
from agent.events import (
    Event,
    Notice,
    Settled,
    SpeakerStarted,
    SpeakerStopped,
    StopWord,
    Transcript,
    VoiceStarted,
    VoiceStopped,
    WakeWord,
)
from agent.report.telemetry import Telemetry

NOTHING_S = 5.0  # without a word after the name
LONGEST_S = 60.0  # of one turn: a radio never stops talking
PAUSE = 320 // PACKET_MS  # packets without a voice: nobody goes on speaking


class Attention:
    """Used by the main thread; ``afresh`` has the hearer take a voice that goes on for a new one.

    It handles what the hearer says, and :meth:`watch` is to see every event after that.
    """

    def __init__(
        self,
        settings: WakeSettings,
        controller: Controller,
        ring: Ring,
        afresh: Callable[[], None],
        telemetry: Telemetry,
        clock: Clock,
    ) -> None:
        self._settings, self._controller, self._ring = settings, controller, ring
        self._afresh, self._telemetry, self._clock = afresh, telemetry, clock
        self._since: float | None = None  # when the gate was opened
        self._voice = False  # somebody speaks
        self._spoken = False  # somebody has, since the gate was opened
        self._answered = False  # what was said has an answer
        self._follow_until = -inf
        controller.take(WakeWord, self._called)
        controller.take(StopWord, self._stopped)
        controller.take(VoiceStarted, self._voice_started)
        controller.take(VoiceStopped, self._voice_stopped)

    # --- what the hearer says ----------------------------------------------------------------

    def _called(self, event: WakeWord) -> None:
        machine = self._controller.machine
        if machine.muted or machine.ended or machine.gate_open:
            return  # in the middle of a sentence the name is a part of it
        self._voice = False
        self._controller.feed(Input.WAKE, start=event.seq, pre_roll=False)
        self._telemetry.count("wake_words")
        self._controller.notice(Notice("wake", _said(event)))

    def _stopped(self, event: StopWord) -> None:
        machine = self._controller.machine
        if machine.muted or not self._controller.player.pending:
            return
        self._controller.feed(Input.STOP)
        self._answered = False  # who wants silence has no question
        self._controller.notice(Notice("stop_word", _said(event)))

    def _voice_started(self, event: VoiceStarted) -> None:
        self._voice = True
        if self._controller.machine.gate_open:
            self._spoken = True
        elif self._controller.machine.follow_up:
            self._controller.feed(Input.FOLLOW, start=event.seq)
            if self._controller.machine.gate_open:
                self._controller.notice(Notice("follow_up"))

    def _voice_stopped(self, event: VoiceStopped) -> None:
        self._voice = False
        if self._spoken:
            self._controller.feed(Input.SAID, end=event.seq)

    def _over(self) -> None:
        self._controller.feed(Input.SAID)
        self._controller.publish()

    # --- everything else ---------------------------------------------------------------------

    def watch(self, event: Event) -> None:
        """See an event that was handled."""
        now = self._clock.now()
        match event:
            case Transcript(final=True):
                self._answered = True
                if self._spoken and not self._speaks():
                    self._over()
            case SpeakerStarted():
                self._answered = True
                self._follow_until = -inf
            case SpeakerStopped():
                self._offer(now)
            case Settled() if not self._controller.player.pending:
                self._offer(now)
        self.check(now)

    def check(self, now: float) -> None:
        """Look whether time has changed anything; called often."""
        machine = self._controller.machine
        if machine.gate_open and self._since is None:
            self._since, self._spoken, self._answered = now, self._voice, False
            self._follow_until = -inf
        elif self._since is not None and now - self._since >= self._longest:
            self._over()
        if not machine.gate_open:
            self._since, self._spoken = None, False
        follow_up = now < self._follow_until and not machine.muted
        if follow_up != machine.follow_up:
            machine.follow_up = follow_up
            self._controller.publish()

    @property
    def _longest(self) -> float:
        return LONGEST_S if self._spoken else NOTHING_S

    def _offer(self, now: float) -> None:
        """The answer is over: for a while no name is needed."""
        machine = self._controller.machine
        if self._answered and self._settings.follow_up_s and not machine.gate_open:
            self._follow_until = now + self._settings.follow_up_s
            self._afresh()

    def _speaks(self) -> bool:
        head = self._ring.head
        return any(self._ring.voiced(seq) for seq in range(max(0, head - PAUSE), head))


def _said(event: WakeWord | StopWord) -> dict[str, object]:
    return {"word": event.word, "score": round(event.score, 2)}
