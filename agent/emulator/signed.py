"""What streams have in common whose set-up is all in a signed address."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from agent.emulator.engines import Heard, Unsupported
from agent.emulator.stream import (
    Action,
    AudioMeter,
    Code,
    Finish,
    Hear,
    Refuse,
    Refused,
    Rules,
    parse_object,
)

Require = Callable[[str, str | None], None]
"""Raises `Unsupported` for languages the engine cannot do."""


class SignedSession(ABC):
    """One connection; see `stream.StreamSession`. `used` are the names clients have used up."""

    def __init__(self, rules: Rules, used: set[str], require: Require, now: float) -> None:
        self._rules, self._used, self._require = rules, used, require
        self._meter = AudioMeter(rules, now)
        self._ended = False

    @property
    def deadline(self) -> float:
        """See `StreamSession.deadline`."""
        return float("inf") if self._ended else self._meter.deadline

    @property
    def speaking(self) -> bool:
        """See `StreamSession.speaking`."""
        return True

    def opened(self, now: float) -> list[Action]:
        """The answer to the handshake."""
        try:
            actions = self._open()
        except Refused as refused:
            return [self.refuse(refused.code, refused.msg)]
        self._meter = AudioMeter(self._rules, now)
        return actions

    def text(self, message: str, now: float) -> list[Action]:
        """See `StreamSession.text`."""
        try:
            fields = parse_object(message)
            if self._ended:
                raise Refused(Code.MESSAGE, "ended already")
            return self._control(fields)
        except Refused as refused:
            return [self.refuse(refused.code, refused.msg)]

    def audio(self, message: bytes, now: float) -> list[Action]:
        """See `StreamSession.audio`."""
        try:
            if self._ended:
                raise Refused(Code.MESSAGE, "audio after the end")
            self._meter.take(message, now)
        except Refused as refused:
            return [self.refuse(refused.code, refused.msg)]
        return [Hear(message)]

    def expired(self, now: float) -> list[Action]:
        """See `StreamSession.expired`."""
        try:
            if not self._ended:
                self._meter.check(now)
        except Refused as refused:
            return [self.refuse(refused.code, refused.msg)]
        return []

    @abstractmethod
    def heard(self, heard: Heard, translation: str) -> list[Action]:
        """See `StreamSession.heard`."""

    def finished(self) -> list[Action]:
        """See `StreamSession.finished`."""
        return []

    def spoken(self) -> list[Action]:
        """See `StreamSession.spoken`."""
        return []

    @abstractmethod
    def refuse(self, code: int, msg: str) -> Refuse:
        """See `StreamSession.refuse`."""

    def thaw(self, now: float, frozen_ms: float) -> None:
        """See `StreamSession.thaw`."""
        self._meter.thaw(now, frozen_ms)

    @abstractmethod
    def _open(self) -> list[Action]:
        """Read the address; `Refused` when it is not as documented."""

    @abstractmethod
    def _control(self, fields: dict[str, object]) -> list[Action]:
        """A message in JSON."""

    def _end(self) -> list[Action]:
        self._ended = True
        return [Finish()]

    def _take_name(self, name: str, code: int) -> None:
        if name in self._used:
            raise Refused(code, "this name of a connection was used before")
        self._used.add(name)

    def _require_languages(self, source: str, target: str | None) -> None:
        try:
            self._require(source, target)
        except Unsupported as unsupported:
            raise Refused(Code.LANGUAGE, str(unsupported)) from None
