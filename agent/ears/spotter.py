"""Spots words in a stream of sound: their models, and where in it each word ended."""

from __future__ import annotations

from collections.abc import Sequence

from agent.audio.convert import Converter
from agent.audio.pcm import SAMPLE_BYTES
from agent.ears import model
from agent.ears.model import Model
from agent.ears.spotted import Spotted

CONVERTER_LAG_S = 0.04  # of a change of the rate


class Spotter:
    """Listens for ``words`` in s16le mono at ``rate`` samples per second; used by one thread."""

    def __init__(self, words: Sequence[Model], rate: int) -> None:
        self.words = words
        self._features = model.features()
        self._converter = None if rate == model.RATE else Converter(rate, 1, "s16", model.RATE)
        self._late_s = 0.0 if self._converter is None else CONVERTER_LAG_S
        self._rest = b""

    def feed(self, pcm: bytes) -> list[Spotted]:
        """Hear whole samples, any number; the words that were recognised in them."""
        sound = self._rest + (self._converter.feed(pcm) if self._converter else pcm)
        found = []
        for at in range(model.STEP, len(sound) + 1, model.STEP):
            ago_s = (len(sound) - at) / (model.RATE * SAMPLE_BYTES) + self._late_s
            for row in self._features.process_streaming(sound[at - model.STEP : at]):
                heard = [word for word in self.words if word.feed(row)]
                found += [Spotted(word.name, word.score, word.lag_s + ago_s) for word in heard]
        self._rest = sound[len(sound) // model.STEP * model.STEP :]
        return found
