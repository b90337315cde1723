"""What one service leaves to the next: stretches of the ring."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from agent.audio.ring import Ring
from agent.events import Pair
from agent.link.tape import Take


@dataclass(frozen=True, slots=True)
class Handover:
    """``takes`` hold what was said and has no answer.

    A result of what lies before ring packet ``repeats_until`` may repeat a published final;
    what lies before ``sent_to`` and in no take must not be sent once more.

    Where a ``session`` is named it goes on, with sentence ``number`` and times from ring packet
    ``origin``: the process that led it is gone.  ``pair`` is what is wanted from now on, where
    the service could not do it.
    """

    takes: tuple[Take, ...] = ()
    repeats_until: int = 0
    sent_to: int = 0
    session: str = ""
    number: int = 0
    origin: int | None = None
    pair: Pair | None = None

    def spoken_in(self, pair: Callable[[Pair], Pair | None]) -> Handover:
        """The same, each take in what ``pair`` makes of its pair; without those it has none for."""
        takes = ((take, pair(take.pair)) for take in self.takes)
        kept = (Take(take.start, take.end, now) for take, now in takes if now is not None)
        return replace(self, takes=tuple(kept))

    def voiced(self, ring: Ring) -> int:
        """How many packets of ``ring`` hold speech in its takes."""
        stretches = (
            range(take.start, ring.head if take.end is None else take.end) for take in self.takes
        )
        return sum(ring.voiced(seq) for stretch in stretches for seq in stretch)
