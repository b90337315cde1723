"""A WebSocket connection two threads can use: one sends, one receives.

The socket is non-blocking and every touch of it happens under one lock that is never held
while waiting.  (One TLS object must not be read and written at the same moment, and a
half-written frame must not be followed by another, so the lock is what makes two threads
safe.)  What was read belongs to the receiving thread alone, so it is taken apart outside.
"""

from __future__ import annotations

import select
import socket
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

from agent.clock import Clock
from agent.errors import LinkError
from agent.link.dial import Limits
from agent.link.frames import BINARY, CLOSE, CONT, PING, PONG, TEXT, Frame, Frames, frame
from agent.link.pacing import TokenBucket
from agent.link.waiter import SLICE_S, Cancelled, blocked, never
from agent.services.base import Message

MAX_TEXT = 1024 * 1024  # bytes: of JSON Python makes up to twenty times as much
READ_SIZE = 2 * 1024  # bytes at a time: at most 1024 frames before the sender has its turn
UNREAD_MOST = 256 * 1024  # bytes that wait for a peer that reads nothing, and has us answer
TINY = 128  # bytes: a frame smaller than this carries no 10 ms of speech
TINY_BURST, TINY_PER_S = 1000, 200  # how many of those a peer may send: far more than any does
PINGS = 16  # whose answers are waited for
NORMAL, PROTOCOL_ERROR = b"\x03\xe8", b"\x03\xea"  # 1000, 1002 (RFC 6455, 7.4.1)


class WebSocket:
    """An open connection (a :class:`~agent.link.channel.Channel`).

    Made by :func:`agent.link.handshake.connect`; ``first`` are the bytes that came with the
    answer to the handshake.
    """

    def __init__(
        self, sock: socket.socket, limits: Limits, clock: Clock, first: bytes = b""
    ) -> None:
        self._sock, self._limits, self._clock = sock, limits, clock
        self._pending: Callable[[], int] | None = getattr(sock, "pending", None)  # TLS has it
        self._lock = threading.Lock()
        self._out = bytearray()
        self._gone: LinkError | None = None  # why nothing can be sent any more
        self._pings: dict[bytes, float] = {}
        self.round_trip_s: float | None = None
        # The receiver's own:
        self._frames, self._first = Frames(), first
        self._messages: deque[Message] = deque()
        self._pieces = bytearray()
        self._text = False
        self._tiny = TokenBucket(1 / TINY_PER_S, TINY_BURST)
        self._end: LinkError | None = None  # told after what came before it was read
        self.last_heard = clock.now()  #: when anything last came from the peer (s)

    # --- sending -----------------------------------------------------------------------------

    def send(self, message: Message, cancelled: Cancelled = never) -> None:
        """See :meth:`Channel.send`."""
        data = frame(*_content(message))
        with self._lock:
            if self._gone is not None:
                raise self._gone
            taken = 0 if self._out else self._write(data)
            if taken == len(data):  # as it is nearly always
                return
            self._out += data[taken:]
        self._flush(cancelled)

    def ping(self, cancelled: Cancelled = never) -> None:
        """See :meth:`Channel.ping`."""
        now = self._clock.now()
        token = b"%f" % now
        self._pings[token] = now
        while len(self._pings) > PINGS:
            self._pings.pop(next(iter(self._pings)))
        self._queue(PING, token)
        self._flush(cancelled)

    def abort(self) -> None:
        """See :meth:`Channel.abort`."""
        self._gone = self._end = LinkError("the connection was dropped", "aborted")
        with suppress(OSError):  # already gone, which is what was asked for
            # Not SSLSocket.shutdown: that forgets the TLS state while the other thread may
            # be about to write, and what it writes would go out in the clear.
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)

    def goodbye(self, last: Sequence[Message] = ()) -> None:
        """See :meth:`Channel.goodbye`."""
        with suppress(LinkError):
            for message in last:
                self._queue(*_content(message))
        self._say_close(NORMAL)
        self.abort()

    # --- receiving ---------------------------------------------------------------------------

    def receive(self, until: float | None = None) -> list[Message]:
        """See :meth:`Channel.receive`."""
        while True:
            if self._first:
                first, self._first = self._first, b""
                self._understand(first)
            if self._messages:
                messages = [*self._messages]
                self._messages.clear()
                return messages
            if self._end is not None:
                raise self._end
            if until is not None and self._clock.now() >= until:
                raise LinkError("the service did not answer in time", "timeout")
            self._wait_readable(until)
            self._read()

    def close(self) -> None:
        """See :meth:`Channel.close`."""
        with self._lock:
            self._gone = self._gone or LinkError("the connection was dropped", "aborted")
            self._sock.close()

    def _read(self) -> None:
        """Read what is there, at most a little: a flood must not keep the sender from the lock."""
        try:
            with self._lock:
                data = self._sock.recv(READ_SIZE)
        except (OSError, ValueError) as error:
            if not (isinstance(error, OSError) and blocked(error)):
                self._ends(_lost(error))
            return
        self.last_heard = self._clock.now()
        if data:
            self._understand(data)
        else:
            self._ends(_lost(None))

    def _understand(self, data: bytes) -> None:
        try:
            for found in self._frames.feed(data):
                self._take(found)
        except LinkError as error:
            if error.kind == "garbage":
                self._say_close(PROTOCOL_ERROR)
            self._ends(error)
        self._answer()

    def _take(self, found: Frame) -> None:
        if len(found.data) < TINY:
            self._count_tiny(self._clock.now())
        if found.opcode in (CONT, TEXT, BINARY):
            self._take_piece(found)
        elif found.opcode == PING:
            self._queue(PONG, found.data)
        elif found.opcode == PONG:
            sent = self._pings.pop(found.data, None)
            if sent is not None:
                self.round_trip_s = self._clock.now() - sent
        else:
            self._closed(found.data)

    def _take_piece(self, found: Frame) -> None:
        if found.opcode != CONT:
            self._text = found.opcode == TEXT
        if found.fin and not self._pieces:
            self._messages.append(self._whole(found.data))
            return
        self._pieces += found.data
        if found.fin:
            whole, self._pieces = self._pieces, bytearray()
            self._messages.append(self._whole(whole))

    def _whole(self, data: bytes | bytearray) -> Message:
        # Broken UTF-8 and what is cut become text that is no JSON: reported as garbage, not fatal.
        return str(data[:MAX_TEXT], errors="replace") if self._text else bytes(data)

    def _closed(self, data: bytes) -> None:
        code = int.from_bytes(data[:2], "big") if data else 1005  # RFC 6455, 7.1.5: none was given
        reason = f": {data[2:].decode(errors='replace')}" if data[2:] else ""
        self._say_close(data[:2])
        raise LinkError(f"the service closed the connection ({code}{reason})", "closed")

    def _count_tiny(self, now: float) -> None:
        if self._tiny.ready_at > now:
            raise LinkError("the service floods us with tiny frames", "flood")
        self._tiny.take(now)

    def _ends(self, error: LinkError) -> None:
        """Nothing more comes; what has come is handed out first."""
        self._end = self._end or error
        self._gone = self._gone or error

    def _answer(self) -> None:
        """Write pongs; a peer that reads none of them is not kept in them for ever."""
        if not self._out:
            return
        try:
            with self._lock:
                if self._gone is None:
                    self._write_some()
        except LinkError as error:
            self._ends(error)
        if len(self._out) > UNREAD_MOST:
            self._ends(LinkError("the service has us answer and reads nothing", "stalled"))

    def _say_close(self, code: bytes) -> None:
        """Send a close frame, if it leaves at once."""
        with suppress(LinkError):
            self._queue(CLOSE, code)
            with self._lock:
                self._write_some()

    # --- the socket --------------------------------------------------------------------------

    def _queue(self, opcode: int, payload: bytes) -> None:
        with self._lock:
            if self._gone is not None:
                raise self._gone
            self._out += frame(opcode, payload)

    def _write_some(self) -> bool:
        """Write what the socket takes now; true when nothing is left.  Under the lock."""
        while self._out:
            taken = self._write(self._out)
            if not taken:
                return False
            del self._out[:taken]
        return True

    def _write(self, data: bytes | bytearray) -> int:
        """How many bytes the socket takes now.  Under the lock."""
        try:
            return self._sock.send(data)
        except (OSError, ValueError) as error:
            if isinstance(error, OSError) and blocked(error):
                return 0
            self._gone = self._gone or _lost(error)
            raise self._gone from error

    def _flush(self, cancelled: Cancelled) -> None:
        deadline = self._clock.now() + self._limits.silence
        while True:
            with self._lock:
                if self._gone is not None:
                    raise self._gone
                if self._write_some():
                    return
            left = deadline - self._clock.now()
            if left <= 0:
                raise LinkError(
                    f"the connection took no data for {self._limits.silence:g} s", "stalled"
                )
            if cancelled():
                raise LinkError("sending was cancelled", "cancelled")
            self._select([], [self._sock], min(left, SLICE_S))

    def _wait_readable(self, until: float | None) -> None:
        if self._pending is not None and self._pending() > 0:
            return  # TLS holds bytes that no select will tell of
        left = self.last_heard + self._limits.silence - self._clock.now()
        if left <= 0:
            raise LinkError(f"nothing heard for {self._limits.silence:g} s", "silent")
        if until is not None:
            left = min(left, max(0.0, until - self._clock.now()))
        self._select([self._sock], [], left)

    def _select(
        self, readers: list[socket.socket], writers: list[socket.socket], left: float
    ) -> None:
        try:
            select.select(readers, writers, [], left)
        except (OSError, ValueError) as error:  # closed under us
            raise self._gone or _lost(error) from error


def _lost(error: BaseException | None) -> LinkError:
    detail = f" ({error})" if error else ""
    return LinkError(f"the connection was lost{detail}", "reset")


def _content(message: Message) -> tuple[int, bytes]:
    return (BINARY, message) if isinstance(message, bytes) else (TEXT, message.encode())
