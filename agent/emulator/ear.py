"""Listens to one connection, in one language after the other."""

from __future__ import annotations

from dataclasses import replace

from agent.emulator.engines import Engine, Heard
from agent.emulator.stream import Listen


class Ear:
    """A recognizer for each language that is asked for; sentences and times go on counting."""

    def __init__(self, engine: Engine, rate: int, listen: Listen) -> None:
        self._engine, self._rate, self._listen = engine, rate, listen
        self._recognizer = engine.recognizer(listen.source, rate)
        self._first = self._next = 0
        self._began_ms = self._heard_ms = 0.0

    def feed(self, pcm: bytes) -> list[tuple[Heard, Listen]]:
        """See `Recognizer.feed`; with what each is to be translated into."""
        self._heard_ms += len(pcm) / 2 / self._rate * 1000
        return self._told(self._recognizer.feed(pcm))

    def finish(self) -> list[tuple[Heard, Listen]]:
        """See `Recognizer.finish`."""
        return self._told(self._recognizer.finish())

    def turn(self, listen: Listen) -> list[tuple[Heard, Listen]]:
        """From here on another language: the sentence that is open ends."""
        told = self.finish()
        self._listen = listen
        self._recognizer = self._engine.recognizer(listen.source, self._rate)
        self._first, self._began_ms = self._next, self._heard_ms
        return told

    def _told(self, steps: list[Heard]) -> list[tuple[Heard, Listen]]:
        shifted = [
            replace(
                heard,
                index=heard.index + self._first,
                start_ms=heard.start_ms + round(self._began_ms),
                end_ms=heard.end_ms + round(self._began_ms),
                source=self._listen.source,
            )
            for heard in steps
        ]
        self._next = max([self._next, *(heard.index + 1 for heard in shifted)])
        return [(heard, self._listen) for heard in shifted]
