"""The ledger: what was sent on this connection and what of it has been answered.

It ties three time lines together: packets *sent* on the connection (the service's
own times count these), packets on the *ring* (the microphone's clock) and the
sentences that came back.  From it follow a transcript's true times, the place a
replay begins, and whether everything said has been answered.

A replay begins at the end of the last finished sentence.  Where the service gives
times, that is exact.  Where it does not, only this is known: the sentence's newest
partial result was made from audio at most ``LATENCY`` older than its arrival, so the
sentence did not end before that point, and what follows the next pause is not known to
be part of it.  The replay begins at the first pause after that point, or at the point
itself where there is none.  Too early a place repeats words (marked ``replayed``); too
late a place would lose them.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from agent.audio.pcm import PACKET_MS
from agent.events import Result

GAP = 200 // PACKET_MS  # a silence this long can end a sentence
BREATH = 480 // PACKET_MS  # one shorter than this does not
PAD = 200 // PACKET_MS  # silence kept before speech when a place is moved up to it
LATENCY = 2000 // PACKET_MS  # how old the audio behind a fresh partial may be, at most
SLACK = 400 // PACKET_MS  # two detectors of speech may differ by as much about its end
MAX_RUNS = 4096
MAX_OPEN = 64  # sentences that have begun to come back; no speaker has as many at once
MAX_SPEECH = 90_000  # packets of it that are kept in mind: an hour, the longest memory


@dataclass(slots=True)
class _Run:
    """``count`` packets sent in a row from ring packet ``seq`` (None: made silence)."""

    position: int
    seq: int | None
    count: int = 1
    next: int | None = None  # the ring packet that would go on with it


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sentence lies on the ring: packets ``start`` to ``end`` (exclusive)."""

    start: int
    end: int
    replayed: bool


class Ledger:
    """Bookkeeping of one session, over its connections.

    It remembers which packets it sent were speech: the ring may have overwritten them
    before they are answered.
    """

    def __init__(self, start: int = 0) -> None:
        self._speech: set[int] = set()  # ring packets sent that held speech, from ``resume`` on
        self.resume = start  #: ring packet a replay begins with
        self.position = 0  #: packets sent on this connection
        self.reached = start  #: one past the newest ring packet sent on this connection
        self.last_voiced = -1  #: newest ring packet sent that held speech
        self._spoke_at, self._final_at = 0, -1  # positions of the newest speech and final
        self._answered_to = start  # speech before this packet has its final
        self._shown_to = start  # where the newest sentence that was shown ended
        self._runs: deque[_Run] = deque(maxlen=MAX_RUNS)
        self._run: _Run | None = None  # the newest
        self._heard: dict[int, int] = {}  # open sentence -> `reached` at its newest partial
        self._late = 0  # packets from a sentence's beginning to its first partial, at least
        self._covered = start  # a final already published may reach up to here
        self._repeat_until = start  # what begins before may repeat a published final
        self._handed_until = 0  # the same of finals another service published

    # --- sending -----------------------------------------------------------------------------

    def begin(self, seq: int) -> None:
        """Everything before ring packet ``seq`` is of no interest: a new take starts there."""
        self.resume = self.reached = self._answered_to = max(self.resume, seq)
        self._shown_to = self._repeat_until = self.resume
        self.last_voiced = -1
        self._heard.clear()

    @property
    def covered(self) -> int:
        """Finals that are published may reach up to this ring packet."""
        return max(self._covered, self._handed_until)

    def connected(self) -> None:
        """A new connection: its times begin at 0 and what follows starts at ``resume``."""
        self._repeat_until = self.repeats_until
        self.position = self._spoke_at = 0
        self._final_at = -1
        self.reached = self.resume
        self._answered_to = self._shown_to = self.resume
        self._runs.clear()
        self._run = None
        self._heard.clear()
        self._late = 0

    @property
    def repeats_until(self) -> int:
        """What is sent anew and begins before this ring packet may repeat a published final."""
        repeats = any(seq in self._speech for seq in range(self.resume, self._covered))
        return max(self._handed_until, self._covered if repeats else self.resume)

    def repeat(self, until: int) -> None:
        """Another service has published finals that may reach up to ring packet ``until``."""
        self._handed_until = until
        self._repeat_until = max(self._repeat_until, until)

    def sent(self, seq: int | None, voiced: bool = False) -> None:
        """One packet has left: ring packet ``seq``, or made silence (None)."""
        run = self._run
        if run is not None and seq == run.next:
            run.count += 1
        else:
            run = self._run = _Run(self.position, seq)
            self._runs.append(run)
        self.position += 1
        if seq is None:
            return
        self.reached = run.next = seq + 1
        if voiced:
            self.last_voiced, self._spoke_at = seq, self.position
            self._speech.add(seq)
            if len(self._speech) > MAX_SPEECH:  # a service that never finishes a sentence
                self._resume_from(seq - MAX_SPEECH // 2)
        elif self.last_voiced < self.resume <= seq - PAD and not self._heard:  # nothing said
            self.resume = seq + 1 - PAD

    def ring_seq(self, ms: int) -> int:
        """The ring packet that was sent ``ms`` into this connection's audio.

        Made silence is no packet: what falls into it belongs to the sound after it, and at
        its end to the sound before.
        """
        position = ms // PACKET_MS
        best: int | None = None
        for run in reversed(self._runs):
            if run.seq is None:
                if run.position <= position and best is not None:
                    return best
                continue
            best = run.seq + min(max(0, position - run.position), run.count)
            if run.position <= position:
                return best
        return self.resume if best is None else best

    def _ring_end(self, ms: int) -> int:
        """Where on the ring something ends that does ``ms`` into this connection's audio: in
        made silence nothing does, it was over with the sound before."""
        position = ms // PACKET_MS
        best = self.resume
        for run in reversed(self._runs):
            if run.seq is not None:
                best = run.seq + min(max(0, position - run.position), run.count)
                if run.position < position:
                    break
        return best

    # --- answers -----------------------------------------------------------------------------

    def partial(self, result: Result) -> Place:
        """A sentence that is still growing."""
        if result.index not in self._heard and result.start_ms is None:
            late = self.reached - self._start(result)
            self._late = min(self._late or late, late)
        if result.index >= 0:  # else nobody could tell which final finishes it
            self._heard[result.index] = self.reached
        if len(self._heard) > MAX_OPEN:
            del self._heard[next(iter(self._heard))]
        start = self._start(result)
        return Place(start, self.reached, start < self._repeat_until)

    def final(self, result: Result) -> Place:
        """A finished sentence: its place, and a new place to resume from."""
        heard = self._heard.pop(result.index, self.reached)
        start = self._start(result)
        self._final_at = self.position
        repeated = start < self._repeat_until
        if result.end_ms is not None:
            end = resume = max(start, self._ring_end(result.end_ms))
            self._covered = max(self._covered, end)
            # Our voice detector lets go later than the service's.
            self._answered_to = max(self._answered_to, min(self._pause(end), end + SLACK))
        else:
            # Its newest words are older than their partial by no more than first ones were, and
            # a service ends no sentence where somebody takes a short breath.
            breath = self._pause(max(start, heard - self._late), BREATH)
            # Not `start`: what is shown may reach into the next sentence, a replay must not.
            earliest = max(self._speech_from(self.resume), heard - LATENCY)
            end, pause = max(start, min(self._pause(heard), breath)), self._pause(earliest)
            resume = pause if pause <= heard else earliest
            self._covered = max(self._covered, self.reached)
        self._resume_from(resume)
        self._answered_to = max(self._answered_to, end)
        self._shown_to = max(self._shown_to, end)
        return Place(start, end, repeated)

    @property
    def open_sentences(self) -> int:
        """Sentences that have begun to come back but are not final."""
        return len(self._heard)

    @property
    def unanswered(self) -> int:
        """Speech packets sent since the last finished sentence."""
        return sum(seq in self._speech for seq in range(self.left_from, self.reached))

    @property
    def left_from(self) -> int:
        """Where what has no answer begins: ``resume``, or behind what our voice detector let go
        of later than the service's."""
        late = self.answered and self.certain
        return max(self.resume, self.last_voiced + 1) if late else self.resume

    @property
    def nothing_said(self) -> bool:
        """Whether no speech was sent since the last new beginning."""
        return self.last_voiced < self.resume and not self.open_sentences

    @property
    def answered(self) -> bool:
        """Whether every sentence is final and the finals reach to the last speech sent."""
        return not self.open_sentences and self.last_voiced < self._answered_to

    @property
    def certain(self) -> bool:
        """Whether :attr:`answered` is more than likely: no speech follows the replay's place."""
        return self.last_voiced < self.resume + SLACK

    @property
    def likely(self) -> bool:
        """Whether the newest final came well after the last speech, and none is under way."""
        return not self.open_sentences and self._final_at - self._spoke_at >= -SLACK

    def settle(self, upto: int | None = None) -> None:
        """Nothing more is expected for what was sent (before ``upto``): never replay it."""
        self._resume_from(self.reached if upto is None else upto)
        self._covered = max(self._covered, self.resume)
        self._answered_to = max(self._answered_to, self.resume)
        self._heard.clear()

    def _resume_from(self, seq: int) -> None:
        self.resume = max(self.resume, seq)
        self._speech = {s for s in self._speech if s >= self.resume}

    def _start(self, result: Result) -> int:
        if result.start_ms is not None:
            return self.ring_seq(result.start_ms)
        return self._speech_from(max(self.resume, self._shown_to))

    def _speech_from(self, seq: int) -> int:
        """The first packet of speech sent at or after ``seq``."""
        return next((s for s in range(seq, self.reached) if s in self._speech), seq)

    def _pause(self, seq: int, gap: int = GAP) -> int:
        """Where the pause around ``seq`` begins, or the next one that is long enough."""
        seq = min(seq, self.reached)
        while seq > self.resume and seq not in self._speech and seq - 1 not in self._speech:
            seq -= 1
        quiet = 0
        for here in range(seq, self.reached):
            quiet = 0 if here in self._speech else quiet + 1
            if quiet >= gap:
                return here + 1 - quiet
        return self.reached - quiet
