"""The level meter: quick up, slow down, and the highest level of the last moments."""

from __future__ import annotations

from agent.audio.pcm import SILENCE_DBFS, level_dbfs
from agent.audio.ring import Ring
from agent.cli.live.paint import BAD, DIM, GOOD, STRONG, WARN, Line, Signs

FLOOR_DBFS = -60.0
LOUD_DBFS, TOO_LOUD_DBFS = -18.0, -6.0  # where the colour changes
FALL_DB_S = 40.0
HOLD_S = 1.5
NEWEST = 8  # packets looked at, at most: what came since the last look, and more after a stall


class Meter:
    """Follows a ring; ``level`` and ``peak`` are dBFS, ``voiced`` whether somebody talks."""

    def __init__(self, ring: Ring) -> None:
        self._ring, self._seen = ring, ring.head
        self._at = self._peak_at = 0.0
        self.level = self.peak = SILENCE_DBFS
        self.voiced = False

    def follow(self, now: float) -> None:
        """Take in what was captured up to ``now`` (monotonic seconds)."""
        level, self.voiced = self._newest()
        self.level = max(level, self.level - FALL_DB_S * (now - self._at), SILENCE_DBFS)
        if level >= self.peak:
            self.peak, self._peak_at = level, now
        elif now - self._peak_at > HOLD_S:
            self.peak = max(self.level, self.peak - FALL_DB_S * (now - self._at))
        self._at = now

    def _newest(self) -> tuple[float, bool]:
        """The loudest packet since the last look, and whether any had voice."""
        head = self._ring.head
        seqs = range(max(self._seen, head - NEWEST), head)
        packets = [packet for seq in seqs if (packet := self._ring.read(seq))]
        self._seen = head
        if not packets:
            return SILENCE_DBFS, False
        return max(level_dbfs(each.data) for each in packets), any(p.voiced for p in packets)


def bar(level: float, peak: float, voiced: bool, room: int, signs: Signs) -> Line:
    """A level as a bar of ``room`` cells: empty at -60 dBFS, full at 0; dim where nobody talks."""
    steps = len(signs.bar)
    whole, part = divmod(round(_share(level) * room * steps), steps)
    shown = signs.bar[-1] * whole + (signs.bar[part - 1] if part else "")
    loud, too_loud = int(_share(LOUD_DBFS) * room), int(_share(TOO_LOUD_DBFS) * room)
    colours = (GOOD, WARN, BAD) if voiced else (DIM, DIM, DIM)
    pieces = (shown[:loud], shown[loud:too_loud], shown[too_loud:])
    line = [*zip(pieces, colours, strict=True)]
    at = min(room - 1, int(_share(peak) * room))
    if at < max(1, len(shown)):
        return (*line, (signs.track * (room - len(shown)), DIM))
    before, after = signs.track * (at - len(shown)), signs.track * (room - at - 1)
    return (*line, (before, DIM), (signs.peak, STRONG), (after, DIM))


def _share(dbfs: float) -> float:
    return 1 - max(FLOOR_DBFS, min(0.0, dbfs)) / FLOOR_DBFS
