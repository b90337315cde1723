"""When is a run over that has an end (a file microphone, ``--duration``)?

When the microphone has ended, everything said is answered, and what was to be spoken
has been spoken.  A run with an end also fails where a daemon would go on trying.
"""

from __future__ import annotations

from agent.config.schema import Config
from agent.control.controller import Controller
from agent.control.machine import Phase
from agent.events import (
    Blocked,
    Event,
    LinkUp,
    MicrophoneEnded,
    Settled,
    SpeakerStopped,
    Stop,
    Transcript,
)
from agent.pipeline.player import Player

MISSING_MS = 400  # of speech without an answer; less may be a cough to the service
MORE_SPEECH_S = 1.5  # speech comes in messages; a pause this long is its end


class Ending:
    """Watches events; :meth:`check` says when to stop."""

    def __init__(
        self, config: Config, controller: Controller, player: Player, end_at: float | None = None
    ) -> None:
        self._config, self._controller, self._player = config, controller, player
        self._end_at = end_at  # when ``--duration`` is over
        self._limited = end_at is not None
        self._missing_ms = 0  # of speech whose answer was given up at the end
        self._heard_at = 0.0  # when anything was heard from the service
        self.finite = config.audio.capture.ends
        self._ended_at: float | None = None
        self._speech_until = 0.0  # until when speech may still come
        self._blocked: Blocked | None = None

    @property
    def near(self) -> bool:
        """Whether the run is one with an end, which is looked for often."""
        return self.finite or self._limited or self._ended_at is not None

    def notice(self, event: Event, now: float) -> None:
        """Look at one event before the controller does."""
        if isinstance(event, MicrophoneEnded):
            self._ended_at = now
        elif isinstance(event, Blocked):
            self._blocked = event
        elif isinstance(event, LinkUp):
            self._blocked = None
        elif isinstance(event, Transcript):
            self._heard_at = now
            if event.final and event.translation and self._speaks:
                self._speech_until = now + self._config.talk.result_timeout_s
        elif isinstance(event, Settled) and self._ended_at is not None:
            self._missing_ms += event.unanswered_ms
        elif isinstance(event, SpeakerStopped):
            self._speech_until = now + MORE_SPEECH_S

    def is_time(self, now: float) -> bool:
        """Whether ``--duration`` is over; told once: nobody listens from then on."""
        over = self._end_at is not None and now >= self._end_at
        if over:
            self._end_at = None
        return over

    def check(self, now: float) -> Stop | None:
        """A reason to stop, or None to go on."""
        if self._blocked is not None and (self.finite or self._ended_at is not None):
            return Stop(self._blocked.message, exit_code=1)
        if self._ended_at is None or self._player.pending:
            return None
        answered = self._controller.cloud.unanswered_ms == 0
        if self._controller.machine.phase is Phase.IDLE and answered:
            return self._over() if now >= self._speech_until else None
        return self._given_up(now, self._ended_at)

    @property
    def _speaks(self) -> bool:
        return self._controller.cloud.tts and self._controller.provider.speaks

    def _over(self) -> Stop:
        if self._missing_ms >= MISSING_MS:
            return Stop(f"{self._missing_ms} ms of speech were not answered", exit_code=1)
        return Stop("the last result is in")

    def _given_up(self, now: float, ended_at: float) -> Stop | None:
        """The wait for answers is over: with ``--duration`` that for the last result.

        Else no connection for as long as memory lasts: what is not sent by then never will be.
        """
        cloud = self._controller.cloud
        if self._limited:
            limit = max(ended_at, self._heard_at) + self._config.talk.result_timeout_s
        elif cloud.connected:
            return None
        else:
            limit = ended_at + max(60.0, float(self._config.network.memory_s))
        if now < limit:
            return None
        lost = cloud.backlog_ms + cloud.unanswered_ms + self._missing_ms
        why = "no answer" if cloud.connected else "no connection"
        return Stop(f"{why}; {lost} ms of speech were not answered", exit_code=1)
