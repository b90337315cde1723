"""How much speech to hold back before the speaker begins: grown by lateness, given back in calm.

The speech of a sentence comes over one TCP connection: in order and whole, but now and
then late, by a retransmission or a busy Wi-Fi.  Who begins to play ``d`` seconds after the
first message has ``d`` seconds to spare for all that follow.  So when the speaker runs dry
and the next message comes ``g`` seconds later, ``d + g`` would just have been enough: one
underrun usually teaches all there is to learn.

Samples are never dropped, stretched or doubled: a new depth holds from the next sentence.
"""

from __future__ import annotations

GROWTH_S = 0.4  # at most this much above the configured depth: two TCP retransmissions
STEP_S = 0.02  # grown by a period more than was missing, or the next one is late again
CALM = 16  # so many sentences in a row must have had something to spare


class Depth:
    """Between ``least`` (the configured prebuffer) and 400 ms above it; all in seconds."""

    def __init__(self, least: float) -> None:
        self.least, self.most = least, least + GROWTH_S
        self.seconds = least  #: the depth of the moment
        self._spare: list[float] = []

    def late(self, seconds: float) -> None:
        """An underrun: speech came ``seconds`` after the speaker had run dry."""
        self.seconds = min(self.most, self.seconds + seconds + STEP_S)
        self._spare.clear()

    def calm(self, spare: float) -> None:
        """A sentence without underrun; never less than ``spare`` seconds were in hand.

        Half of what none of ``CALM`` sentences needed is given back.
        """
        self._spare.append(spare)
        if len(self._spare) == CALM:
            self.seconds = max(self.least, self.seconds - min(self._spare) / 2)
            self._spare.clear()
