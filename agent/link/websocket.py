"""A WebSocket connection two threads can use: one sends, one receives.

The protocol is the sans-I/O core of ``websockets``; the socket is non-blocking and
every touch of the two happens under one lock that is never held while waiting.  (One
TLS object must not be read and written at the same moment, and a half-written frame
must not be followed by another, so the lock is what makes two threads safe.)
"""

from __future__ import annotations

import select
import socket
import ssl
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress

from websockets.client import ClientProtocol
from websockets.exceptions import WebSocketException
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State

from agent.clock import Clock
from agent.errors import LinkError
from agent.link.dial import Limits
from agent.link.frames import BINARY, TEXT, frame
from agent.link.pacing import TokenBucket
from agent.link.waiter import SLICE_S, Cancelled, never
from agent.services.base import Message

MAX_MESSAGE = 4 * 1024 * 1024  # bytes: two minutes of speech; nothing sane is larger
MAX_TEXT = 1024 * 1024  # bytes: of JSON Python makes up to twenty times as much
READ_SIZE = 2 * 1024  # bytes at a time: at most 1024 frames before the sender has its turn
UNREAD_MOST = 256 * 1024  # bytes that wait for a peer that reads nothing, and has us answer
TINY = 128  # bytes: a frame smaller than this carries no 10 ms of speech
TINY_BURST, TINY_PER_S = 1000, 200  # how many of those a peer may send: far more than any does


class WebSocket:
    """An open connection; made by :func:`agent.link.handshake.connect`."""

    def __init__(
        self, sock: socket.socket, protocol: ClientProtocol, limits: Limits, clock: Clock
    ) -> None:
        self._sock, self._protocol, self._limits, self._clock = sock, protocol, limits, clock
        self._lock = threading.Lock()
        self._out = bytearray()
        self._message = bytearray()
        self._text = False
        self._tiny = TokenBucket(1 / TINY_PER_S, TINY_BURST)
        self._pings: dict[bytes, float] = {}
        self._aborted = False
        self._broken: BaseException | None = None  # told after what came before it was read
        self.last_heard = clock.now()  #: when anything last came from the peer (s)
        self.round_trip_s: float | None = None  #: of the newest answered ping

    def send(self, message: Message, cancelled: Cancelled = never) -> None:
        """Send one text (``str``) or binary message.

        Waits while the connection takes nothing; LinkError ``stalled`` when that lasts for
        the silence limit, ``cancelled``, and others when the connection is gone.
        """
        with self._lock:
            if self._aborted or self._protocol.state is not State.OPEN:
                raise self._gone()
            data = _framed(message)
            taken = 0 if self._out else self._write(data)
            if taken == len(data):  # as it is nearly always
                return
            self._out += data[taken:]
        self._flush(cancelled)

    def ping(self, cancelled: Cancelled = never) -> None:
        """Send a WebSocket ping; its answer updates :attr:`round_trip_s`.  As :meth:`send`."""
        with self._lock:
            token = b"%d" % len(self._pings) + b"%f" % self._clock.now()
            self._pings[token] = self._clock.now()
            while len(self._pings) > 16:
                self._pings.pop(next(iter(self._pings)))
            self._need_open()
            self._protocol.send_ping(token)
            self._collect()
        self._flush(cancelled)

    def receive(self, until: float | None = None) -> list[Message]:
        """Wait for the next messages, at least one; at most ``until`` (s).

        Raises LinkError: ``silent`` when nothing at all came for the silence limit,
        ``closed`` after a close frame, ``reset`` and others when the connection is gone.
        """
        while True:
            with self._lock:
                messages = self._read_frames()
            if messages:
                return messages
            if until is not None and self._clock.now() >= until:
                raise LinkError("the service did not answer in time", "timeout")
            self._wait_readable(until)
            self._pump()

    def abort(self) -> None:
        """Tear the connection down from any thread; whoever waits on it gets a LinkError."""
        self._aborted = True
        with suppress(OSError):  # already gone, which is what was asked for
            # Not SSLSocket.shutdown: that forgets the TLS state while the other thread may
            # be about to write, and what it writes would go out in the clear.
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)

    def goodbye(self, last: Sequence[Message] = ()) -> None:
        """Send ``last`` and a close frame, if they leave at once, then :meth:`abort`."""
        with self._lock, suppress(LinkError):
            if self._protocol.state is State.OPEN and not self._aborted:
                for message in last:
                    self._out += _framed(message)
                self._protocol.send_close(1000)
                self._collect()
                self._write_some()
        self.abort()

    def close(self) -> None:
        """Free the socket; only for the thread that receives, when no other uses it any more."""
        with self._lock:
            self._aborted = True
            self._sock.close()

    def shake_hands(self, headers: Mapping[str, str], cancelled: Cancelled) -> None:
        """The WebSocket handshake; what is wrong with its answer is in ``handshake_exc``.

        Raises LinkError ``timeout`` or ``cancelled``.
        """
        protocol = self._protocol
        request = protocol.connect()
        request.headers.update(headers)
        protocol.send_request(request)
        self._collect()
        self._flush(cancelled)
        deadline = self._clock.now() + self._limits.connect
        while protocol.state is State.CONNECTING and protocol.handshake_exc is None:
            if cancelled():
                raise LinkError("connecting was cancelled", "cancelled")
            if self._broken or self._clock.now() > deadline:
                raise self._no_handshake()
            self._select([self._sock], [], SLICE_S)
            self._pump()
        # The answer itself is no message; frames that came with it stay queued.
        protocol.events = [e for e in protocol.events if not isinstance(e, Response)]

    def _no_handshake(self) -> LinkError:
        if self._broken:
            return self._gone(self._broken)
        return LinkError("the service did not answer the WebSocket handshake", "timeout")

    # --- under the lock ----------------------------------------------------------------------

    def _need_open(self) -> None:
        if self._aborted or self._protocol.state is not State.OPEN:
            raise self._gone()

    def _collect(self) -> None:
        for data in self._protocol.data_to_send():
            self._out += data

    def _write_some(self) -> bool:
        """Write what the socket takes now; true when nothing is left."""
        while self._out:
            taken = self._write(self._out)
            if not taken:
                return False
            del self._out[:taken]
        return True

    def _write(self, data: bytes | bytearray) -> int:
        """How many bytes the socket takes now."""
        try:
            return self._sock.send(data)
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            return 0
        except (OSError, ValueError) as error:
            raise self._gone(error) from error

    def _read_frames(self) -> list[Message]:
        messages: list[Message] = []
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                message = self._read_frame(event)
                if message is not None:
                    messages.append(message)
        if not messages and (self._broken or self._protocol.state is not State.OPEN):
            raise self._gone(self._broken)
        return messages

    def _read_frame(self, frame: Frame) -> Message | None:
        if len(frame.data) < TINY and not self._broken:
            self._count_tiny(self._clock.now())
        if frame.opcode is Opcode.PONG:
            sent = self._pings.pop(bytes(frame.data), None)
            if sent is not None:
                self.round_trip_s = self._clock.now() - sent
        if frame.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            return None
        if frame.opcode is not Opcode.CONT:
            self._text = frame.opcode is Opcode.TEXT
        if frame.fin and not self._message:
            return self._whole(frame.data)
        self._message += frame.data
        if not frame.fin:
            return None
        whole, self._message = self._message, bytearray()
        return self._whole(whole)

    def _count_tiny(self, now: float) -> None:
        if self._tiny.ready_at > now:
            self._broken = LinkError("the service floods us with tiny frames", "flood")
        self._tiny.take(now)

    def _whole(self, data: bytes | bytearray | memoryview) -> Message:
        # Broken UTF-8 and what is cut become text that is no JSON: reported as garbage, not fatal.
        return str(data[:MAX_TEXT], errors="replace") if self._text else bytes(data)

    # --- outside the lock --------------------------------------------------------------------

    def _flush(self, cancelled: Cancelled) -> None:
        deadline = self._clock.now() + self._limits.silence
        while True:
            with self._lock:
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
        if self._tls_pending():
            return
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
            raise self._gone(error) from error

    def _pump(self) -> None:
        """Read what is there into the protocol and send what it answers (pong, close).

        Only a little at a time: a server that floods must not keep the sender from the lock.
        """
        with self._lock:
            try:
                self._read_some()
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                pass
            except EOFError:  # data after the end: the close is in the events
                pass
            except (OSError, ValueError) as error:
                self._broken = error
            self._collect()
            if self._protocol.state is State.OPEN and self._broken is None:
                self._answer()

    def _read_some(self) -> None:
        data = self._sock.recv(READ_SIZE)
        self.last_heard = self._clock.now()
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()

    def _answer(self) -> None:
        """Write pongs; a peer that reads none of them is not kept in them for ever."""
        self._write_some()
        if len(self._out) > UNREAD_MOST:
            self._broken = LinkError("the service has us answer and reads nothing", "stalled")

    def _tls_pending(self) -> bool:
        """Whether TLS holds bytes that no select will tell of."""
        return isinstance(self._sock, ssl.SSLSocket) and self._sock.pending() > 0

    def _gone(self, error: BaseException | None = None) -> LinkError:
        if self._aborted:
            return LinkError("the connection was dropped", "aborted")
        if isinstance(error, LinkError):
            return error
        received = self._protocol.close_rcvd
        if received is not None:
            reason = f": {received.reason}" if received.reason else ""
            return LinkError(
                f"the service closed the connection ({received.code}{reason})", "closed"
            )
        failure = self._protocol.parser_exc
        if isinstance(failure, WebSocketException):
            return LinkError(f"the service broke the WebSocket protocol: {failure}", "garbage")
        detail = f" ({error})" if error else ""
        return LinkError(f"the connection was lost{detail}", "reset")


def _framed(message: Message) -> bytes:
    if isinstance(message, bytes):
        return frame(BINARY, message)
    return frame(TEXT, message.encode())
