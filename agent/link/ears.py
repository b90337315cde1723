"""Ears over Wyoming: a stream of utterances, each on a TCP connection of its own.

It has the methods of :class:`agent.link.websocket.WebSocket`, so the same two threads work it: the
sender hands in packets, the receiver makes the connections (one stands ready before anybody
speaks), reads the answers and minds the time.  While one utterance is being recognised the next is
already sent.  A server that loads its model says nothing for a minute: that is told, and waited
for.  Whatever tears an utterance ends the whole, and what has no final is said again.
"""

from __future__ import annotations

import select
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from agent.audio.pcm import PACKET_MS
from agent.clock import Clock
from agent.errors import LinkError
from agent.events import Garbage
from agent.link.cutter import Cutter
from agent.link.waiter import Cancelled, never
from agent.link.wyoming import UNHEARD_S, unheard
from agent.services.base import Message
from agent.services.wyoming import (
    AUDIO_STOP,
    LISTENING,
    Decoder,
    Event,
    audio_chunk,
    audio_start,
    note,
)
from agent.threads import Wake

ANSWER_S = 180.0  # for a transcript: a slow machine may have to load its model first
SLOW_S = 8.0  # for one that has its model loaded
ALIVE_S = 2.0  # how often an utterance that is going on counts as heard
LASTED_S = 5.0  # a server that hangs up an idle connection sooner takes none
READ_SIZE = 16 * 1024
UNSENT_MOST = 4 * 1024 * 1024  # bytes that wait for a server that takes none: a minute and more
LOOK_S, IDLE_S = 0.5, 30.0  # between two looks at the time, while somebody is heard and not

Dial = Callable[[Cancelled], socket.socket]


@dataclass(slots=True, eq=False)
class _Utterance:
    """Packets ``start`` to ``end`` (exclusive; None while it goes on) of the audio sent."""

    number: int
    start: int
    begun_at: float  # s
    end: int | None = None
    sock: socket.socket | None = None
    out: bytearray = field(default_factory=bytearray)
    decoder: Decoder = field(default_factory=Decoder)
    asked_at: float = 0.0  # when its last byte was handed in (s)
    told_at: float = 0.0  # when anything was last told of it (s)
    slow: bool = False  # which was told


class Ears:
    """A connection to a Wyoming server that turns speech into text.

    ``dial`` opens one TCP connection; ``slow`` is called, in the receiver's thread, when an
    answer takes as long as it does to load a model.
    """

    def __init__(
        self, dial: Dial, cutter: Cutter, rate: int, clock: Clock, slow: Callable[[], None]
    ) -> None:
        self._dial, self._cutter, self._rate = dial, cutter, rate
        self._clock, self._slow = clock, slow
        self._lock = threading.Lock()
        self._wake = Wake()
        self._opening = b""
        self._position = self._count = 0  # packets handed in; utterances
        self._current: _Utterance | None = None  # the one being spoken
        self._open: deque[_Utterance] = deque()  # those without a transcript, in order
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
            ended = self._take(message)
        if ended:
            self._wake.set()  # there is time to connect for the next

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

    def _take(self, packet: bytes) -> bool:
        """One packet; whether it is the last of an utterance."""
        cut = self._cutter.feed(packet)
        self._position += 1
        if cut.begins:
            self._begin(self._position - 1 - cut.lead)
        current = self._current
        if current is None or not cut.data:
            return False
        current.out += audio_chunk(self._rate, cut.data).encode()
        if cut.ends:
            current.out += AUDIO_STOP.encode()
            current.end, current.asked_at = self._position, self._clock.now()
            self._current = None
        self._write(current)
        if len(current.out) > UNSENT_MOST:
            raise LinkError("the server takes no data", "stalled")
        return cut.ends

    def _begin(self, start: int) -> None:
        now = self._clock.now()
        self._current = _Utterance(self._count, start, now, told_at=now)
        self._current.out += self._opening + audio_start(self._rate).encode()
        self._count += 1
        self._open.append(self._current)
        if self._spare is not None:
            self._current.sock, self._spare = self._spare[0], None
        self._wake.set()

    def _write(self, utterance: _Utterance) -> None:
        try:
            while utterance.sock is not None and utterance.out:
                del utterance.out[: utterance.sock.send(utterance.out[:READ_SIZE])]
        except BlockingIOError:
            pass
        except OSError as error:
            raise self._gone(error) from error

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
            for each in self._open:
                if each.sock is None:
                    each.sock = sock
                    self._write(each)
                    return
            self._spare = (sock, self._clock.now())

    def _read(self) -> list[Message]:
        with self._lock:
            self._need_open()
            messages = [message for each in list(self._open) for message in self._mind(each)]
            self._look_at_spare()
            messages += self._alive()
            slow = any(self._is_slow(each) for each in list(self._open)[:1])
        if slow:
            self._slow()
        return messages

    def _mind(self, utterance: _Utterance) -> Iterable[Message]:
        """Sends what could not be sent, and hears the first: a server works on many at once and
        answers as it likes, but sentences keep their order."""
        self._write(utterance)
        return self._hear(utterance) if utterance is self._open[0] else ()

    def _hear(self, utterance: _Utterance) -> Iterable[Message]:
        """What the server says about ``utterance``."""
        data = self._bytes(utterance.sock)
        if data is None:
            self._doubt(utterance)
            return
        self.last_heard = utterance.told_at = self._clock.now()
        for event in utterance.decoder.feed(data):
            if isinstance(event, Garbage):
                if event.whole:
                    raise LinkError(f"what comes is no Wyoming ({event.kind})", "garbage")
                continue
            yield self._note(utterance, event)
            if event.type == "transcript":
                self._done(utterance)
                return
        if not data:
            raise LinkError("the server hung up without a transcript", "closed")

    def _doubt(self, utterance: _Utterance) -> None:
        """LinkError where nothing more is to be hoped for."""
        if utterance.end is not None and self._waited(utterance) > ANSWER_S:
            raise LinkError(f"no transcript for {ANSWER_S:g} s", "silent")
        used = self._clock.now() - utterance.begun_at >= UNHEARD_S
        if used and utterance.sock is not None and unheard(utterance.sock):
            raise LinkError(f"nothing heard for {UNHEARD_S:g} s", "silent")

    def _done(self, utterance: _Utterance) -> None:
        """It has its transcript; a server may have found its end before we did."""
        if self._current is utterance:
            self._current = None
            self._cutter.reset()
        self._open.remove(utterance)
        if utterance.sock is not None:
            utterance.sock.close()
        for each in self._open:
            each.asked_at = max(each.asked_at, self._clock.now())  # it was not its turn

    def _note(self, utterance: _Utterance, event: Event) -> str:
        end = self._position if utterance.end is None else utterance.end
        return note(event, utterance.number, utterance.start * PACKET_MS, end * PACKET_MS)

    def _alive(self) -> Iterable[Message]:
        """An utterance that goes on is heard, though nothing is said of it yet."""
        now, current = self._clock.now(), self._current
        for each in self._open:
            idle = now - each.told_at >= ALIVE_S
            if idle and each.sock is not None and (each is current or each.end is not None):
                each.told_at = now
                yield self._note(each, LISTENING)

    def _is_slow(self, utterance: _Utterance) -> bool:
        """Whether it is now, and was not told, that the answer takes long."""
        if utterance.slow or utterance.end is None or self._waited(utterance) < SLOW_S:
            return False
        utterance.slow = True
        return True

    def _waited(self, utterance: _Utterance) -> float:
        return self._clock.now() - utterance.asked_at

    def _look_at_spare(self) -> None:
        """A server may hang up what idles; one that does so at once is none."""
        if self._spare is None or self._bytes(self._spare[0]) != b"":
            return
        sock, since = self._spare
        self._spare = None
        sock.close()
        if self._clock.now() - since < LASTED_S:
            raise LinkError("the server hangs up", "closed")

    def _bytes(self, sock: socket.socket | None) -> bytes | None:
        """What has come; empty at the end, None when there is nothing yet."""
        try:
            return sock.recv(READ_SIZE) if sock is not None else None
        except BlockingIOError:
            return None
        except OSError as error:
            raise self._gone(error) from error

    def _wait(self, seconds: float) -> None:
        with self._lock:
            heard = [self._open[0].sock] if self._open else []
            heard += [self._spare[0]] if self._spare is not None else []
            readers = [sock.fileno() for sock in heard if sock is not None]
            writers = [each.sock.fileno() for each in self._open if each.out and each.sock]
        wake = self._wake.fileno()
        try:
            ready, _, _ = select.select([*readers, wake], writers, [], max(0.0, seconds))
        except (OSError, ValueError) as error:  # closed under us
            raise self._gone(error) from error
        if wake in ready:
            self._wake.wait(0)

    # --- both --------------------------------------------------------------------------------

    def _sockets(self) -> list[socket.socket]:
        socks = [each.sock for each in self._open if each.sock is not None]
        return [*socks, self._spare[0]] if self._spare is not None else socks

    def _need_open(self) -> None:
        if self._aborted:
            raise LinkError("the connection was dropped", "aborted")

    def _gone(self, error: Exception) -> LinkError:
        if self._aborted:
            return LinkError("the connection was dropped", "aborted")
        return LinkError(f"the connection to the server was lost ({error})", "reset")
