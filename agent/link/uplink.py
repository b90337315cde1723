"""The uplink: decides, packet by packet, what the service gets next and when.

Pure but for its lock: threads tell it what happened and ask :meth:`Uplink.step` what
to do.  The controller opens and closes the gate, the receiver reports connections
and results, the sender does the steps.  The capture thread never comes here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from msgspec import Struct

from agent.audio.pcm import PACKET_MS
from agent.audio.ring import GUARDED, Packet, Ring
from agent.events import Pair, Result, Stretch, Unanswered
from agent.link.handover import Handover
from agent.link.ledger import Ledger, Place
from agent.link.numbering import Numbering
from agent.link.pacing import TokenBucket
from agent.link.patience import Patience
from agent.link.tape import Tape

INTERVAL_S = PACKET_MS / 1000
KEEPALIVE_S = 4.0  # the services hang up after 6 s without audio


class Send(Struct, frozen=True, gc=False):
    """Send this packet's bytes (made silence when ``packet`` is None), then :meth:`Uplink.sent`."""

    data: bytes
    packet: Packet | None
    due: float  #: when pacing would have let it go (s)
    live: bool  #: it is the microphone's newest: no other waits behind it
    epoch: int  #: of the connection it is for


class Wait(Struct, frozen=True, gc=False):
    """Nothing to send before ``until`` (s) unless something new happens; None: for ever."""

    until: float | None


class Hangup(Struct, frozen=True, gc=False):
    """This connection is not wanted any more: idle for long, or another pair comes next."""

    reason: str


Step = Send | Wait | Hangup


class Answer(Struct, frozen=True, gc=False):
    """Where a result lies: number in the session, ms on the microphone's clock."""

    number: int
    start_ms: int
    end_ms: int
    replayed: bool


class Uplink:
    """One session's way to the service; every method may be called from any thread.

    A ``quiet`` one makes no silence of its own, neither to keep a connection alive nor
    to have a sentence ended: for services that are told when an utterance ends.
    ``recorded`` speech is that of a file: see :class:`agent.link.patience.Patience`.
    """

    def __init__(
        self,
        ring: Ring,
        *,
        result_timeout_s: float = 5.0,
        idle_close_s: float = 60.0,
        replay: bool = True,
        quiet: bool = False,
        recorded: bool = False,
    ) -> None:
        self._ring = ring
        self._lock = threading.Lock()
        self._silence = bytes(ring.packet_bytes)
        self._idle_close = idle_close_s
        self._replay, self._quiet = replay, quiet
        self.tape = Tape(ring)
        self._ledger = Ledger()
        self._bucket = TokenBucket(INTERVAL_S)
        self._pair: Pair | None = None  # of the connection, None while there is none
        self._epoch = 0
        self._handed_over = False  # what was sent on this connection is another's to answer
        self._audio_at = 0.0  # when audio last left
        self._active_at = 0.0  # when anything last happened that keeps the connection warm
        self._patience = Patience(result_timeout_s, recorded=recorded)
        self.given_up_ms = 0  #: speech in the turn that settled last which has no answer
        self._origin: int | None = None
        self._numbers = Numbering()
        self._keep: Callable[[Unanswered], None] | None = None

    def remember(self, keep: Callable[[Unanswered], None] | None) -> None:
        """Have ``keep`` told what is unanswered whenever that changes; it must not block."""
        self._keep = keep

    # --- the gate (controller) ---------------------------------------------------------------

    def open(self, start: int, pair: Pair, now: float) -> None:
        """Open the gate; ``start`` is the first ring packet wanted (pre-roll included)."""
        with self._lock:
            self._open(start, pair, now)
            self._changed()

    def close(self, end: int) -> None:
        """Close the gate before ring packet ``end`` (the tail may still be to come)."""
        with self._lock:
            self.tape.close(end)
            self._changed()

    def hand_over(self) -> Handover:
        """Leave what is not answered to another service; no result of it is taken any more."""
        with self._lock:
            if not self._replay:
                self._ledger.settle()
            sent_to, repeats_until = self.tape.furthest, self._ledger.repeats_until
            self.tape.forget(self._ledger.left_from)
            takes = self.tape.hand_over(self._ledger.left_from)
            self._ledger = Ledger()
            self._patience.over()
            self._pair, self._handed_over = None, True
            return Handover(takes, repeats_until, sent_to)

    def take_over(self, left: Handover, now: float) -> None:
        """Send what another service, or process, has ``left``."""
        with self._lock:
            for take in left.takes:
                self._open(take.start, take.pair, now)
                if take.end is not None:
                    self.tape.close(take.end)
            self._ledger.repeat(left.repeats_until)
            if left.session:
                self._numbers.go_on(left.number)
                self._origin = self._origin if left.origin is None else left.origin
            self._changed()

    def settled(self, now: float) -> bool | None:
        """Whether all closed takes are answered; None when their time ran out unanswered.

        After True or None the takes are forgotten: they will not be replayed; of how much
        that is true, ``given_up_ms`` tells.
        """
        with self._lock:
            if self._pair is None or not self._patience.awaiting or self.tape.current is not None:
                return False
            verdict = self._patience.verdict(self._ledger, now)
            if verdict is not False:
                self.given_up_ms = self._ledger.unanswered * PACKET_MS
                self._forget_all()
            return verdict

    # --- the connection (receiver) -----------------------------------------------------------

    def wanted(self, now: float, pair: Pair) -> Pair | None:
        """The pair to connect for: that of waiting speech, else ``pair`` while warm, else None."""
        with self._lock:
            if self.tape.takes:
                return self.tape.takes[0].pair  # a replay begins there
            return pair if now < self._active_at + self._idle_close else None

    def keep_warm(self, now: float) -> None:
        """Count as activity: the connection is kept (or made) for a while longer."""
        with self._lock:
            self._active_at = now

    def connected(self, pair: Pair, now: float) -> None:
        """A new connection for ``pair`` takes audio from now on."""
        with self._lock:
            self._epoch += 1
            self._pair, self._handed_over = pair, False
            if not self._replay:
                self._ledger.settle()
                self._changed()
            self._ledger.connected()
            self.tape.rewind(self._ledger.resume)
            self._bucket.refill()
            self._numbers.new_connection()
            self._audio_at = now
            self._patience.connected(now)

    def turned(self, pair: Pair) -> None:
        """The connection goes on with ``pair``; what it was asked before is answered."""
        with self._lock:
            if self._pair is not None:
                self._pair = pair
            if self._patience.awaiting:
                self._patience.begin()

    def disconnected(self) -> None:
        """The connection is gone; what it did not answer will be replayed."""
        with self._lock:
            self._pair = None

    def new_session(self) -> None:
        """Start numbering and times afresh (a new conversation)."""
        with self._lock:
            self._numbers.new_session()
            self._origin = self.tape.takes[0].start if self.tape.takes else None
            self._changed()

    @property
    def is_connected(self) -> bool:
        """Whether a connection takes audio."""
        return self._pair is not None

    def result(self, result: Result, now: float) -> Answer | None:
        """Place a result of the service on the microphone's time line and number it.

        None: another service answers what it is of.
        """
        with self._lock:
            if self._handed_over:
                return None
            self._active_at = now
            self._patience.answered(now)
            number = self._numbers.number(result.index, result.final)
            if not result.final:
                return self._answer(number, self._ledger.partial(result))
            place = self._ledger.final(result)
            self.tape.forget(self._ledger.resume)
            self._changed(number if result.text or result.translation else None)
            return self._answer(number, place)

    # --- sending (sender) --------------------------------------------------------------------

    def step(self, now: float) -> Step:
        """What the sender should do now."""
        with self._lock:
            if self._pair is None:
                return Wait(None)
            lost = self.tape.lost
            packet = self.tape.next(self._pair, self._bucket.spare(now))
            if self.tape.lost > lost:
                self._ledger.settle(self.tape.seq)  # what is gone cannot be replayed
            return self._idle(now) if packet is None else self._audio(packet, now)

    def sent(self, step: Send, now: float) -> None:
        """``step`` has been handed to the socket (of a connection that may be gone by now)."""
        with self._lock:
            if step.epoch != self._epoch:
                return
            self._bucket.take(now)
            self._audio_at = now
            packet = step.packet
            if packet is None:
                self.tape.silence_sent()
                self._ledger.sent(None)
                return
            voiced = packet.voiced
            self.tape.sent(packet)
            self._ledger.sent(packet.seq, voiced)
            if voiced:
                self._patience.said(now)
            if self.tape.is_open:
                self._active_at = now

    def deaf(self, now: float) -> bool:
        """Whether speech goes out and nothing at all comes back; told once for each spell."""
        with self._lock:
            return self._pair is not None and self._patience.deaf(now)

    @property
    def busy(self) -> bool:
        """Whether speech is being sent or waits for its answer."""
        with self._lock:
            return self._patience.awaiting

    @property
    def backlog_ms(self) -> int:
        """Speech (and pauses in it) captured but not sent yet, in ms."""
        with self._lock:
            return self.tape.backlog * PACKET_MS

    @property
    def unanswered_ms(self) -> int:
        """Speech sent since the last finished sentence, in ms."""
        with self._lock:
            return self._ledger.unanswered * PACKET_MS

    @property
    def pending_pair(self) -> Pair | None:
        """The pair of the speech that waits to be sent, if any does."""
        with self._lock:
            if self._pair is None and self.tape.takes and self.tape.current is None:
                return self.tape.takes[0].pair  # all was sent, but the end was lost: replay
            take = self.tape.current
            return take.pair if take is not None and self.tape.backlog else None

    @property
    def played(self) -> bool:
        """Whether every take was sent to its end."""
        with self._lock:
            return self._patience.awaiting and self.tape.current is None

    def finish(self) -> bool:
        """The service has answered all it will: forget what was played; true if that is all."""
        with self._lock:
            if self._patience.awaiting and self.tape.current is None:
                self._forget_all()
                return True
            self._ledger.settle()
            self.tape.forget(self._ledger.resume)
            self._changed()
            return False

    # --- under the lock ----------------------------------------------------------------------

    def _open(self, start: int, pair: Pair, now: float) -> None:
        fresh = not self.tape.takes
        self.tape.open(start, pair)
        if fresh:
            self._ledger.begin(self.tape.takes[0].start)
        if self._origin is None:
            self._origin = self.tape.takes[0].start
        self._active_at = now
        self._patience.begin()

    def _audio(self, packet: Packet, now: float) -> Step:
        ready = self._bucket.ready_at
        if ready > now:
            return Wait(ready)
        data = packet.data if not packet.flags & GUARDED else self._silence
        due = ready if ready > packet.at else packet.at
        return Send(data, packet, due, self.tape.live, self._epoch)

    def _idle(self, now: float) -> Step:
        """No packet to send: another language, trailing silence, keepalive, or hang up."""
        take = self.tape.current
        if take is not None and self._pair is not None and not take.speaks(self._pair):
            return self._switch(now)
        if self._quiet:
            return Wait(None)
        if self.tape.current is None and self._patience.awaiting:
            return self._made_silence(now, INTERVAL_S)
        if not self._patience.awaiting and now >= self._active_at + self._idle_close:
            return Hangup("idle")
        return self._made_silence(now, KEEPALIVE_S)

    def _made_silence(self, now: float, every: float) -> Step:
        due = max(self._audio_at + every, self._bucket.ready_at)
        return Send(self._silence, None, due, False, self._epoch) if due <= now else Wait(due)

    def _switch(self, now: float) -> Step:
        """The next take speaks another language: finish this one first."""
        if self._quiet:
            return Hangup("language pair")
        if self._patience.verdict(self._ledger, now) is False:
            return self._made_silence(now, INTERVAL_S)
        while self.tape.takes[0] is not self.tape.current:
            self.tape.takes.popleft()
        self._ledger.settle(self.tape.takes[0].start)
        self._changed()
        return Hangup("language pair")

    def _forget_all(self) -> None:
        self._ledger.settle()
        self.tape.forget(self._ledger.resume)
        self.tape.clear()
        self._patience.over()
        self._changed()

    def _changed(self, final: int | None = None) -> None:
        """Tell what is unanswered now; ``final`` is the number of the final that changed it."""
        if self._keep is None:
            return
        takes = tuple(Stretch(take.start, take.end, take.pair) for take in self.tape.takes)
        self._keep(
            Unanswered(
                takes,
                resume=self._ledger.resume,
                covered=self._ledger.covered,
                number=self._numbers.next,
                origin=self._origin,
                final=final,
            )
        )

    def _answer(self, number: int, place: Place) -> Answer:
        origin = self._origin or 0
        return Answer(
            number,
            max(0, place.start - origin) * PACKET_MS,
            max(0, place.end - origin) * PACKET_MS,
            place.replayed,
        )
