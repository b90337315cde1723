"""What a process takes over from the one before it: the speech that still matters.  Pure."""

from __future__ import annotations

import dataclasses
import math
from bisect import bisect_left
from dataclasses import dataclass
from itertools import pairwise

from msgspec.structs import replace

from agent.audio.pcm import PACKET_MS
from agent.audio.ring import FILLED, Ring
from agent.events import Stretch, Unanswered
from agent.link.handover import Handover
from agent.link.tape import KEEP, PAD, Take

LONGEST = 1 << 62  # packets nobody will ever have written
MOST_SENTENCES = 1 << 31
AHEAD_S = 1.0  # two threads may note their times in another order


@dataclass(frozen=True, slots=True)
class Found:
    """``unanswered`` is to be sent again, ``ms`` of it; ``lost`` packets of speech are too old.

    ``repeats`` tells whether a published final may hold words of it.
    """

    unanswered: Unanswered
    ms: int = 0
    lost: int = 0
    repeats: bool = False

    def handover(self, service: str) -> Handover:
        """What ``service`` is to answer; another than theirs begins a conversation of its own."""
        left = self.unanswered
        takes = tuple(Take(take.start, take.end, take.pair) for take in left.takes)
        until = left.covered if self.repeats else 0
        if service != left.service:
            return Handover(takes, until)
        return Handover(takes, until, 0, left.session, left.number, left.origin)


def objection(ring: Ring, now: float) -> str | None:
    """Why ``ring`` cannot be what another process wrote before ``now``; None where it can."""
    if ring.head > LONGEST:
        return "its place is no place"
    times = [_at(ring, seq) for seq in range(ring.tail, ring.head)]
    ordered = all(a <= b for a, b in pairwise(times))
    if not all(map(math.isfinite, times)) or not ordered or (times and times[-1] > now + AHEAD_S):
        return "its times are no times"
    return None


def take_over(ring: Ring, left: Unanswered, oldest: float) -> Found | None:
    """What of ``left`` is in ``ring`` and not older than ``oldest`` (s); None: nothing is.

    It begins where somebody may have spoken.  An open take ends with what was recorded.
    """
    young = bisect_left(range(ring.head), oldest, ring.tail, key=lambda seq: _at(ring, seq))
    takes = [_within(take, ring) for take in left.takes]
    waiting = [seq for take in takes for seq in range(max(take.start, left.resume), take.end or 0)]
    lost = sum(seq < young and ring.voiced(seq) for seq in waiting)
    heard = next((seq for seq in waiting if seq >= young and not ring.background(seq)), None)
    if heard is None:
        return Found(Unanswered(), lost=lost) if lost else None
    resume = max(heard - PAD, left.resume, young)
    rest = [replace(take, start=max(take.start, resume)) for take in takes]
    kept = tuple(take for take in rest if take.start < (take.end or 0))
    packets = sum((take.end or 0) - take.start for take in kept)
    found = replace(
        left,
        takes=kept,
        resume=resume,
        covered=min(left.covered, ring.head),
        number=min(max(left.number, 0), MOST_SENTENCES),
        origin=None if left.origin is None else min(max(left.origin, 0), resume),
    )
    repeats = any(map(ring.voiced, range(resume, found.covered)))
    return Found(found, packets * PACKET_MS, lost, repeats)


def pause(ring: Ring, found: Found, now: float) -> Found:
    """Write the pause in which nobody listened, so that no sentence goes on over it.

    Where memory is full of speech it may not cost any of that.
    """
    left, head, silence = found.unanswered, ring.head, bytes(ring.packet_bytes)
    for _ in range(min(KEEP, ring.capacity - (head - left.resume))):
        ring.write(silence, now, FILLED)
    takes = [replace(take, end=ring.head if take.end == head else take.end) for take in left.takes]
    return dataclasses.replace(found, unanswered=replace(left, takes=tuple(takes)))


def _within(take: Stretch, ring: Ring) -> Stretch:
    """What of it is in ``ring``."""
    start = min(max(take.start, ring.tail), ring.head)
    end = ring.head if take.end is None else min(take.end, ring.head)
    return replace(take, start=start, end=max(start, end))


def _at(ring: Ring, seq: int) -> float:
    packet = ring.read(seq)
    return math.nan if packet is None else packet.at
