"""A service that only measures: it notes when each packet of audio came in, as its own process.

    python -m tests.bench.sink [CERTIFICATE]

With a certificate (and its key, in one file) it takes callers that begin TLS too, on the same port.
It prints its port, then answers each line on standard input with one of JSON: ``state`` (how many
packets came and how old the newest was), ``outage SECONDS`` (tears all connections and refuses new
ones; answers like ``state``) and ``report`` (everything; it ends).

The time of a packet is that at which the kernel received it, not that at which this process got
around to reading it.  To a client that begins with a set-up message it answers as TWeTalk V2
does: a partial result each 320 ms of a sentence, a final one 480 ms into the pause after it.
"""

from __future__ import annotations

import gc
import json
import os
import select
import socket
import ssl
import struct
import sys
import time
from array import array
from contextlib import suppress

from tests.bench import marker
from tests.bench.frames import BINARY, CLOSE, TEXT, Frame, Peer, pack

SO_TIMESTAMPNS_NEW = 64
HANDSHAKE = b"\x16"  # what TLS begins with, and no request of HTTP
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER
PARTIAL_EVERY, FINAL_AFTER = 8, 12  # packets
SOUND = slice(200, 208)  # of a packet: beyond the marker


class Service:
    """What the cloud says to what it hears on one connection."""

    def __init__(self) -> None:
        self._index = self._length = self._quiet = 0  # of the sentence; packets of it

    def hear(self, packet: bytes) -> bytes:
        """The message that follows ``packet``, or nothing."""
        self._quiet = 0 if any(packet[SOUND]) else self._quiet + 1
        if self._quiet and not self._length:
            return b""
        self._length += 1
        if self._quiet < FINAL_AFTER:
            return b"" if self._length % PARTIAL_EVERY else self._result(1)
        final = self._result(2)
        self._index, self._length = self._index + 1, 0
        return final

    def _result(self, kind: int) -> bytes:
        text = f"sentence {self._index}, {self._length} packets long"
        detail = {"slice_type": kind, "index": self._index, "voice_text_str": text}
        message = {"msg": "success", "translation": "Satz", "original_detail": detail}
        return pack(TEXT, json.dumps(message).encode())


class Client:
    """One connection."""

    def __init__(self, sock: socket.socket, number: int, tls: ssl.SSLContext | None) -> None:
        self.sock, self.number = sock, number
        self._tls = tls
        self._secure: ssl.SSLObject | None = None
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._begun = self._shaken = False
        self.peer = Peer()
        self.service: Service | None = None
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS_NEW, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def receive(self) -> tuple[bytes, int]:
        """Bytes, and when the kernel got the last of them (ns of CLOCK_MONOTONIC)."""
        data, extra, _, _ = self.sock.recvmsg(65536, 64)
        now, wall = time.monotonic_ns(), time.time_ns()
        for level, kind, value in extra:
            if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS_NEW):
                seconds, nanoseconds = struct.unpack("qq", value)
                return data, now - (wall - seconds * marker.SECOND - nanoseconds)
        return data, now

    def plain(self, data: bytes) -> bytes:
        """What the bytes mean that came: the same, or what TLS makes of them."""
        if not self._begun:
            self._begun = True
            if self._tls is not None and data[:1] == HANDSHAKE:
                self._secure = self._tls.wrap_bio(self._in, self._out, server_side=True)
        if self._secure is None:
            return data
        self._in.write(data)
        plain = b""
        with suppress(ssl.SSLWantReadError):
            if not self._shaken:
                self._secure.do_handshake()
                self._shaken = True
            while piece := self._secure.read(65536):
                plain += piece
        self._push()
        return plain

    def send(self, data: bytes) -> None:
        """Say ``data``, which the socket is taken to have room for."""
        if self._secure is None:
            self.sock.send(data)
        else:
            self._secure.write(data)
            self._push()

    def _push(self) -> None:
        if self._out.pending:
            self.sock.send(self._out.read())


class Sink:
    """The loop; :attr:`arrivals` has five columns a packet, see :class:`Arrival`."""

    def __init__(self, certificate: str | None = None) -> None:
        self._tls: ssl.SSLContext | None = None
        if certificate is not None:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(certificate)
        self._epoll = select.epoll()
        self._epoll.register(sys.stdin.fileno(), select.EPOLLIN)
        self._clients: dict[int, Client] = {}
        self._connections = 0
        self._port = 0
        self._listen()
        self._back_at: float | None = None  # when an outage ends
        self.arrivals = array("q")
        self.unmarked = 0
        self.outages: list[tuple[int, int]] = []
        self.opened: list[int] = []

    def run(self) -> None:
        print(self._port, flush=True)
        while True:
            wait = -1.0 if self._back_at is None else max(0.0, self._back_at - time.monotonic())
            for fd, _ in self._epoll.poll(wait):
                if fd == sys.stdin.fileno():
                    if not self._obey(sys.stdin.readline().split()):
                        return
                elif fd in self._clients:
                    self._read(self._clients[fd])
                else:
                    self._accept()
            if self._back_at is not None and time.monotonic() >= self._back_at:
                self._return()

    def _obey(self, words: list[str]) -> bool:
        if not words or words[0] == "report":
            report = {
                "arrivals": list(self.arrivals),
                "unmarked": self.unmarked,
                "outages": self.outages,
                "opened": self.opened,
            }
            print(json.dumps(report), flush=True)
            return False
        if words[0] == "outage":
            self._leave(float(words[1]))
        print(json.dumps(self._state()), flush=True)
        return True

    def _state(self) -> dict[str, float]:
        *_, at, captured = self.arrivals[-5:] if self.arrivals else (0, 0)
        return {"packets": len(self.arrivals) // 5, "newest": at, "lag_s": (at - captured) / 1e9}

    def _listen(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self._port), backlog=64)
        self._port = self._listener.getsockname()[1]
        self._epoll.register(self._listener.fileno(), select.EPOLLIN)

    def _leave(self, seconds: float) -> None:
        """Be away: connections are reset, new ones refused."""
        self._epoll.unregister(self._listener.fileno())
        self._listener.close()
        for client in [*self._clients.values()]:
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            self._drop(client)
        self._back_at = time.monotonic() + seconds
        self._left_at = time.monotonic_ns()

    def _return(self) -> None:
        self._back_at = None
        self._listen()
        self.outages.append((self._left_at, time.monotonic_ns()))

    def _accept(self) -> None:
        sock, _ = self._listener.accept()
        self.opened.append(time.monotonic_ns())
        self._clients[sock.fileno()] = Client(sock, self._connections, self._tls)
        self._connections += 1
        self._epoll.register(sock.fileno(), select.EPOLLIN)

    def _drop(self, client: Client) -> None:
        self._epoll.unregister(client.sock.fileno())
        del self._clients[client.sock.fileno()]
        client.sock.close()

    def _read(self, client: Client) -> None:
        try:
            data, at = client.receive()
            frames, answer = client.peer.feed(client.plain(data))
            for frame in frames:
                answer += self._take(client, frame, at)
            if answer:
                client.send(answer)
        except OSError:
            data = b""
        if not data:
            self._drop(client)

    def _take(self, client: Client, frame: Frame, at: int) -> bytes:
        if frame.opcode == BINARY:
            return self._hear(client, frame.payload, at)
        if frame.opcode == CLOSE:
            return pack(CLOSE, frame.payload[:2])
        if frame.opcode != TEXT:
            return b""
        fields = json.loads(frame.payload)
        if "ping" in fields:
            return pack(TEXT, json.dumps({"pong": fields["ping"]}).encode())
        if "request_id" in fields:
            client.service = Service()
        return b""

    def _hear(self, client: Client, packet: bytes, at: int) -> bytes:
        mark = marker.read(packet)
        if mark is None:
            self.unmarked += 1
        else:
            row = (client.number, mark.epoch, mark.number, at, mark.captured)
            self.arrivals.extend(row)
        return client.service.hear(packet) if client.service else b""


def main() -> None:
    # Packets that wait to be read are merged by the kernel and get one time: read them at once.
    with suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    gc.disable()
    Sink(*sys.argv[1:2]).run()


if __name__ == "__main__":
    main()
