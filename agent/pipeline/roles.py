"""What becomes of a heard sentence: translated by one server, spoken by another.  Pure.

A role is a call that may take long or fail.  A sentence never waits for more than its own roles,
and whatever a role does, the text goes out: without its translation, or without a voice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import inf

from msgspec.structs import replace

from agent.errors import DragomanError, LinkError
from agent.events import Pair, Result
from agent.services.languages import base

#: A text in another language.  Raises LinkError, Refused or UsageError.
Translate = Callable[[str, Pair], str]
#: A text in a language, spoken: s16le mono at the device's rate, piece by piece.  Raises as above.
Speak = Callable[[str, str], Iterator[bytes]]
#: Told what a role could not do: its name and why.
Missing = Callable[[str, str], None]

REST_S = 20.0  # a role that did not answer is left alone for so long
SILENT = frozenset({"timeout", "silent"})


class Duty:
    """One role, and whether it is worth asking now.

    What refuses does so at once, so it is asked each time; what did not answer in all the time it
    was given is left alone for a while, or every sentence would wait as long.
    """

    def __init__(self, name: str, missing: Missing, now: Callable[[], float]) -> None:
        self._name, self._missing, self._now = name, missing, now
        self._rests_until = -inf
        self._why = ""

    @property
    def rests(self) -> bool:
        """Whether it is not to be asked now; that is told."""
        resting = self._now() < self._rests_until
        if resting:
            self._missing(self._name, self._why)
        return resting

    def failed(self, error: DragomanError) -> None:
        """It could not be done, for this reason."""
        if isinstance(error, LinkError) and error.kind in SILENT:
            self._rests_until, self._why = self._now() + REST_S, str(error)
        self._missing(self._name, str(error))


class Roles:
    """The two roles after hearing; None for one that nobody has."""

    def __init__(
        self,
        translate: Translate | None,
        speak: Speak | None,
        missing: Missing,
        now: Callable[[], float],
    ) -> None:
        self._translate, self._speak = translate, speak
        self._translator = Duty("translate", missing, now)
        self._voice = Duty("speak", missing, now)

    @property
    def translates(self) -> bool:
        return self._translate is not None

    def translated(self, result: Result, pair: Pair) -> Result:
        """``result`` with its translation, where there is to be one and it can be had."""
        if self._translate is None or not wanted(result, pair) or self._translator.rests:
            return result
        try:
            text = self._translate(result.text, pair)
        except DragomanError as error:
            self._translator.failed(error)
            return result
        return replace(result, translation=text) if text.strip() else result

    def spoken(self, result: Result, pair: Pair) -> Iterator[bytes]:
        """The speech of a translation, as it is made; none where it cannot be had."""
        if self._speak is None or not result.translation or self._voice.rests:
            return
        try:
            yield from self._speak(result.translation, pair.target or pair.source)
        except DragomanError as error:
            self._voice.failed(error)


def wanted(result: Result, pair: Pair) -> bool:
    """Whether ``result`` is to be translated: not what the ears did already, nor what is said in
    the language it is wanted in."""
    return bool(result.text and pair.target and result.translation is None) and base(
        pair.source
    ) != base(pair.target or "")
