"""Ears over Wyoming: a stream of utterances, each on a TCP connection of its own.

It has the methods of :class:`agent.link.websocket.WebSocket`, so the same two threads work it: the
sender hands in packets, the receiver makes the connections (one stands ready before anybody
speaks), reads the answers and minds the time.  While one utterance is being recognised the next is
already sent, but its transcript is asked for when it is its turn: sentences keep their order, and
a small server does one thing at a time.  One that loads its model says nothing for a minute: that
is told, and waited for.  Whatever tears an utterance ends the whole, and what has no final is said
again.
"""

from __future__ import annotations

import select
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from agent.clock import Clock
from agent.errors import LinkError
from agent.link.cutter import Cutter
from agent.link.utterance import ANSWER_S as ANSWER_S
from agent.link.utterance import Utterance, lost, received
from agent.link.waiter import Cancelled, never
from agent.services.base import Message
from agent.services.wyoming import LISTENING
from agent.threads import Wake

SLOW_S = 8.0  # for a transcript of a server that has its model loaded
ALIVE_S = 2.0  # how often an utterance that is going on counts as heard
LASTED_S = 5.0  # a server that hangs up an idle connection sooner takes none
LOOK_S, IDLE_S = 0.5, 30.0  # between two looks at the time, while somebody is heard and not

Dial = Callable[[Cancelled], socket.socket]


class Ears:
    """A connection to a Wyoming server that turns speech into text.

    ``dial`` opens one TCP connection; ``played`` tells whether all that was said was sent;
    ``slow`` is called, in the receiver's thread, when an answer takes as long as it does to load
    a model.
    """

    def __init__(
        self,
        dial: Dial,
        cutter: Cutter,
        rate: int,
        clock: Clock,
        played: Callable[[], bool],
        slow: Callable[[], None],
    ) -> None:
        self._dial, self._cutter, self._rate = dial, cutter, rate
        self._clock, self._played, self._slow = clock, played, slow
        self._lock = threading.Lock()
        self._wake = Wake()
        self._opening = b""
        self._position = self._count = 0  # packets handed in; utterances
        self._current: Utterance | None = None  # the one being spoken
        self._open: deque[Utterance] = deque()  # those without a transcript, in order
        self._spare: tuple[socket.socket, float] | None  # connected, and since when
        self._aborted = False
        self.last_heard = clock.now()
        self.round_trip_s: float | None = None  # the protocol has no ping
        self._spare = (dial(lambda: self._aborted), clock.now())

    # --- the sender --------------------------------------------------------------------------

    def send(self, message: Message, cancelled: Cancelled = never) -> None:
        """A packet of 40 ms (``bytes``), or what each utterance begins with (``str``).

        Never waits; LinkError ``stalled`` when too much is waiting, and where it was dropped.
        """
        if isinstance(message, str):
            self._opening = message.encode() or self._opening
            return
        with self._lock:
            self._need_open()
            with self._aborting():
                self._take(message)

    def ping(self, cancelled: Cancelled = never) -> None:
        """The kernel asks in its place (keepalive)."""

    def abort(self) -> None:
        """Tear everything down from any thread."""
        self._aborted = True
        with self._lock:
            for sock in self._sockets():
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        self._wake.set()

    def goodbye(self, last: Sequence[Message] = ()) -> None:
        """The protocol has none: a connection is closed."""
        self.abort()

    def _take(self, packet: bytes) -> None:
        cut = self._cutter.feed(packet, self._played)
        self._position += 1
        if cut.begins:
            self._begin(self._position - 1 - cut.lead)
        current = self._current
        if current is None or not cut.data:
            return
        current.add(cut.data)
        if cut.ends:
            current.end, self._current = self._position, None
            self._ask()
            self._wake.set()  # there is time to connect for the next
        current.write()

    def _begin(self, start: int) -> None:
        now = self._clock.now()
        self._current = Utterance(self._count, start, self._opening, self._rate, now)
        self._count += 1
        self._open.append(self._current)
        if self._spare is not None:
            self._current.sock, self._spare = self._spare[0], None
        self._wake.set()

    def _ask(self) -> None:
        """Ask for the transcript of the first utterance, when it is over."""
        if self._open and self._open[0].end is not None:
            self._open[0].ask(self._clock.now())

    # --- the receiver ------------------------------------------------------------------------

    def receive(self, until: float | None = None) -> list[Message]:
        """Wait for what comes next, at least one message; at most ``until`` (s).

        LinkError ``timeout``; ``silent`` when an utterance got no answer for too long;
        ``closed``, ``reset`` and those of dialling when a connection is gone.
        """
        while True:
            self._connect()
            messages = self._read()
            if messages:
                return messages
            now = self._clock.now()
            if until is not None and now >= until:
                raise LinkError("the server did not answer in time", "timeout")
            look = LOOK_S if self._open else IDLE_S
            self._wait(look if until is None else min(look, until - now))

    def close(self) -> None:
        """Free the sockets; only for the thread that receives, when no other uses it any more."""
        with self._lock:
            self._aborted = True
            for sock in self._sockets():
                sock.close()
            self._open.clear()
            self._spare = self._current = None
        self._wake.close()

    def _connect(self) -> None:
        """A connection for whoever lacks one: an utterance, or the next that will be spoken."""
        with self._lock:
            self._need_open()
            waiting = any(each.sock is None for each in self._open)
            if not waiting and (self._spare is not None or self._current is not None):
                return
        sock = self._dial(lambda: self._aborted)
        with self._lock:
            if self._aborted:
                sock.close()
                self._need_open()
            first = next((each for each in self._open if each.sock is None), None)
            if first is None:
                self._spare = (sock, self._clock.now())
            else:
                first.sock = sock

    def _read(self) -> list[Message]:
        with self._lock:
            self._need_open()
            with self._aborting():
                for each in self._open:
                    each.write()
                messages = [*self._answers(), *self._alive()]
                self._look_at_spare()
            slow = self._is_slow()
        if slow:
            self._slow()
        return messages

    def _answers(self) -> Iterator[Message]:
        """What is said of the first utterance; with its transcript it is done."""
        while self._open:
            now, first, done = self._clock.now(), self._open[0], False
            for event in first.hear(now):
                self.last_heard = first.told_at = now
                yield first.note(event, self._position)
                done = event.type == "transcript"
                if done:
                    break
            if not done:
                return
            self._done(first)

    def _done(self, utterance: Utterance) -> None:
        """It has its transcript; a server may have found its end before we did."""
        if self._current is utterance:
            self._current = None
            self._cutter.reset()
        self._open.popleft()
        if utterance.sock is not None:
            utterance.sock.close()
        self._ask()

    def _alive(self) -> Iterator[Message]:
        """An utterance that goes on is heard, though nothing is said of it yet."""
        now = self._clock.now()
        for each in self._open:
            if now - each.told_at >= ALIVE_S and each.sock is not None:
                each.told_at = now
                yield each.note(LISTENING, self._position)

    def _is_slow(self) -> bool:
        """Whether it is now, and was not told, that an answer takes long."""
        first = self._open[0] if self._open else None
        if first is None or first.slow or first.waited(self._clock.now()) < SLOW_S:
            return False
        first.slow = True
        return True

    def _look_at_spare(self) -> None:
        """A server may hang up what idles, or have been restarted; one that hangs up at once is
        none."""
        if self._spare is None or not _is_over(self._spare[0]):
            return
        sock, since = self._spare
        self._spare = None
        sock.close()
        if self._clock.now() - since < LASTED_S:
            raise LinkError("the server hangs up", "closed")

    def _wait(self, seconds: float) -> None:
        with self._lock:
            first = self._open[0].sock if self._open else None
            spare = self._spare[0] if self._spare is not None else None
            readers = [sock.fileno() for sock in (first, spare) if sock is not None]
            writers = [each.sock.fileno() for each in self._open if each.unsent and each.sock]
        wake = self._wake.fileno()
        try:
            ready, _, _ = select.select([*readers, wake], writers, [], max(0.0, seconds))
        except (OSError, ValueError) as error:  # closed under us
            self._need_open()
            raise lost(error) from error
        if wake in ready:
            self._wake.wait(0)

    # --- both, under the lock ----------------------------------------------------------------

    def _sockets(self) -> list[socket.socket]:
        socks = [each.sock for each in self._open if each.sock is not None]
        return [*socks, self._spare[0]] if self._spare is not None else socks

    def _need_open(self) -> None:
        if self._aborted:
            raise LinkError("the connection was dropped", "aborted")

    @contextmanager
    def _aborting(self) -> Iterator[None]:
        """Whatever breaks when it was torn down on purpose broke by that."""
        try:
            yield
        except LinkError:
            self._need_open()
            raise


def _is_over(sock: socket.socket) -> bool:
    """Whether the other side hung up, whichever way."""
    try:
        return received(sock) == b""
    except LinkError:
        return True
