"""The interpreter thread: translates and speaks what was heard, sentence after sentence.

Ears never wait for it.  A sentence is shown as soon as it is heard, and published as a final when
its translation is there; sentences keep their order, and so does the news that all is answered.
"""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable
from dataclasses import dataclass

from msgspec.structs import replace

from agent.clock import Clock
from agent.events import Event, Notice, Pair, Result, Settled
from agent.link.uplink import Answer
from agent.pipeline.answers import Answers
from agent.pipeline.cloud import Parts
from agent.pipeline.roles import Roles
from agent.threads import Worker

log = logging.getLogger(__name__)

BEHIND = 50  # sentences: a translator this far behind is left out until it has caught up
AGAIN_S = 60.0  # what repeats is told again after so long


@dataclass(frozen=True, slots=True)
class Sentence:
    """What was heard, in which conversation and where in it."""

    session: str
    result: Result
    answer: Answer
    pair: Pair


class Interpreter(Worker):
    """Does the roles after hearing; ``wants_speech``: is a voice wanted now?"""

    name = "interpreter"

    def __init__(self, parts: Parts, roles: Roles, wants_speech: Callable[[], bool]) -> None:
        super().__init__(parts.clock)
        self._parts, self._roles, self._wants_speech = parts, roles, wants_speech
        self._queue: queue.SimpleQueue[Sentence | Event | None] = queue.SimpleQueue()
        self._answers = Answers(parts)

    # --- from the threads that hear ----------------------------------------------------------

    def take(self, sentence: Sentence) -> None:
        """A sentence was heard to its end."""
        self._queue.put(sentence)

    def post(self, event: Event) -> None:
        """In the place of ``parts.post``: that all is answered is true when it is translated."""
        if isinstance(event, Settled):
            self._queue.put(event)
        else:
            self._parts.post(event)

    def wake(self) -> None:
        self._queue.put(None)

    # --- the thread --------------------------------------------------------------------------

    def run(self) -> None:
        while not self.stopping:
            self.beat()
            self._work(self._queue.get())
        while not self._queue.empty():  # what was heard still counts
            self._work(self._queue.get())

    def _work(self, item: Sentence | Event | None) -> None:
        if isinstance(item, Sentence):
            self._interpret(item)
        elif item is not None:
            self._parts.post(item)

    def _interpret(self, sentence: Sentence) -> None:
        result, pair = sentence.result, sentence.pair
        late = self.stopping or self._queue.qsize() > BEHIND
        if not late:
            result = self._roles.translated(result, pair)
        self._answers.session = sentence.session
        self._answers.result(result, sentence.answer, pair)
        if late or not self._wants_speech():
            return
        for pcm in self._roles.spoken(result, pair):
            self._parts.player.speech(pcm)
            if self.stopping:
                return


class Heard(Answers):
    """What the ears say, handed on: a sentence that grows is shown, one that is finished goes to
    the interpreter."""

    def __init__(self, parts: Parts, interpreter: Interpreter, *, translates: bool) -> None:
        super().__init__(parts)
        self._interpreter, self._translates = interpreter, translates

    def result(self, result: Result, answer: Answer, pair: Pair) -> None:
        if not result.final:
            super().result(result, answer, pair)
            return
        if self._translates and result.text:
            super().result(replace(result, final=False), answer, pair)
        self._interpreter.take(Sentence(self.session, result, answer, pair))


class News:
    """What roles could not do, told once a spell: ``translation_missing``, ``speech_missing``;
    and that a server is slow: ``loading``."""

    def __init__(self, post: Callable[[Event], None], clock: Clock) -> None:
        self._post, self._clock = post, clock
        self._told: dict[tuple[str, str], float] = {}

    def missing(self, role: str, reason: str) -> None:
        """``role`` could not do its part of a sentence."""
        if self._is_new(role, reason):
            log.warning("%s: %s; the text goes out without", role, reason)
            more = {"role": role, "reason": reason}
            speaks = role == "speak"
            self._post(
                Notice("speech_missing", more) if speaks else Notice("translation_missing", more)
            )

    def loading(self, role: str) -> None:
        """A server takes so long that it must be loading its model."""
        reason = "the server loads its model"
        if self._is_new("loading", role):
            log.info("%s: %s", role, reason)
            self._post(Notice("loading", {"role": role, "reason": reason}))

    def _is_new(self, event: str, about: str) -> bool:
        now, key = self._clock.now(), (event, about[:80])
        new = now >= self._told.get(key, now)
        if new:
            self._told = {k: until for k, until in self._told.items() if until > now}
            self._told[key] = now + AGAIN_S
        return new
