"""TCP connections to Wyoming servers: dialled, looked after, and asked one thing at a time."""

from __future__ import annotations

import socket
import struct
from collections.abc import Generator, Iterator, Mapping

from msgspec.structs import replace

from agent.clock import Clock
from agent.config.schema import Network
from agent.errors import LinkError
from agent.events import Garbage
from agent.link.dial import Dialer, Limits, Target
from agent.link.waiter import Cancelled, Waiter, never
from agent.services.wyoming import SCHEME, Decoder, Event

CONNECT_S = 5.0
UNHEARD_S = 10.0  # data on its way that nobody acknowledges for so long: the network is dead
READ_SIZE = 16 * 1024

_UNACKED, _LAST_ACK = 24, 56  # of struct tcp_info (linux/tcp.h), in bytes
_NOWHERE: Mapping[str, str] = {}


class Servers:
    """The way to Wyoming servers: they are in one's own network, so no proxy leads there."""

    def __init__(self, network: Network, clock: Clock) -> None:
        self._dialer = Dialer(replace(network, proxy=None), clock, _NOWHERE)
        self.clock = clock

    def dial(self, url: str, cancelled: Cancelled = never) -> socket.socket:
        """A connection to ``wyoming://HOST:PORT``, non-blocking; LinkError."""
        target = Target.of(url)
        sock = self._dialer.open(target, Limits(connect=CONNECT_S), cancelled)
        try:
            # A server that loads its model may take nothing for a minute, and is not dead.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 0)
        except OSError as error:
            sock.close()
            raise LinkError(f"{target} hung up at once ({error})", "reset") from error
        return sock

    def ask(
        self, url: str, event: Event, silence_s: float, cancelled: Cancelled = never
    ) -> Generator[Event, None, None]:
        """Send ``event`` to a server and give its answers as they come, for as long as wanted.

        LinkError: ``timeout`` where nothing comes for ``silence_s``, ``closed`` when it hangs up,
        ``garbage`` for what is no Wyoming, and those of dialling.
        """
        where = f"{Target.of(url)}"
        sock = self.dial(url, cancelled)
        try:
            yield from self._answers(sock, event.encode(), where, silence_s, cancelled)
        except (OSError, ValueError) as error:
            raise LinkError(f"the connection to {where} was lost ({error})", "reset") from error
        finally:
            sock.close()

    def _answers(
        self, sock: socket.socket, data: bytes, where: str, silence_s: float, cancelled: Cancelled
    ) -> Iterator[Event]:
        decoder = Decoder()
        wait = Waiter(where, self.clock, self.clock.now() + silence_s, cancelled)
        while data:
            wait.until_ready(sock, write=True)
            data = data[sock.send(data) :]
        while True:
            wait = Waiter(where, self.clock, self.clock.now() + silence_s, cancelled)
            wait.until_ready(sock, write=False)
            piece = sock.recv(READ_SIZE)
            if not piece:
                raise LinkError(f"{where} hung up in its answer", "closed")
            for event in decoder.feed(piece):
                if not isinstance(event, Garbage):
                    yield event
                elif event.whole:
                    raise LinkError(f"what {where} sends is no {SCHEME} ({event.kind})", "garbage")


def unheard(sock: socket.socket) -> bool:
    """Whether data is on its way and the other side has acknowledged nothing for ``UNHEARD_S``.

    Only for a connection that has been in use for as long: what an idle one was sent a moment
    ago is not acknowledged yet.  A server that reads nothing acknowledges all the same; a network
    that is gone does not.
    """
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LAST_ACK + 4)
    if len(info) < _LAST_ACK + 4:  # a kernel that is emulated tells less
        return False
    unacked: int = struct.unpack_from("@I", info, _UNACKED)[0]
    silent_ms: int = struct.unpack_from("@I", info, _LAST_ACK)[0]
    return unacked > 0 and silent_ms >= UNHEARD_S * 1000
