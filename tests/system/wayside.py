"""Between a device and a real broker: a proxy that reads MQTT packets and may harm them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Literal

from tests.patience import HANG_S

#: Packet types (MQTT 3.1.1, 2.2.1).
CONNECT, PUBLISH, PUBACK, SUBSCRIBE = 1, 3, 4, 8

#: What to do with a packet: pass it on, swallow it, or hang up instead.
Verdict = Literal["pass", "drop", "hang up"]

#: Looks at the first byte's type, its flags, and the rest of a packet.
Judge = Callable[[int, int, bytes], Verdict]


def everything(_kind: int, _flags: int, _body: bytes) -> Verdict:
    """Passes all on."""
    return "pass"


def topic_of(body: bytes) -> str:
    """Of a PUBLISH."""
    length = int.from_bytes(body[:2], "big")
    return body[2 : 2 + length].decode()


class Wayside:
    """A context manager; ``up`` and ``down`` judge what comes from the device and the broker."""

    def __init__(self, target: int) -> None:
        self.up: Judge = everything
        self.down: Judge = everything
        self.accepted = 0  #: connections so far
        self._target = target
        self._threads: list[threading.Thread] = []
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Wayside:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        for sock in (self._listener, *self._open):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(HANG_S)
        self._listener.close()

    def _start(self, call: Callable[..., None], *args: object) -> threading.Thread:
        thread = threading.Thread(target=call, args=args, daemon=True)
        thread.start()
        self._threads.append(thread)
        return thread

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                device, _ = self._listener.accept()
                self.accepted += 1
                self._start(self._serve, device)

    def _serve(self, device: socket.socket) -> None:
        target = ("127.0.0.1", self._target)
        with device, suppress(OSError), socket.create_connection(target) as broker:
            self._open |= {device, broker}
            back = self._start(self._pump, broker, device, "down")
            self._pump(device, broker, "up")
            back.join()
            self._open -= {device, broker}

    def _pump(self, end: socket.socket, other: socket.socket, way: str) -> None:
        with suppress(OSError), end.makefile("rb") as stream:
            while packet := _read(stream.read):
                head, length, body = packet
                judge: Judge = getattr(self, way)
                verdict = judge(head >> 4, head & 15, body)
                if verdict == "hang up":
                    break
                if verdict == "pass":
                    other.sendall(bytes([head]) + length + body)
        for sock in (end, other):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


def _read(read: Callable[[int], bytes]) -> tuple[int, bytes, bytes] | None:
    """A packet: its first byte, its length as it came, the rest; None at the end."""
    head = read(1)
    if not head:
        return None
    length, size, shift = b"", 0, 0
    while True:
        byte = read(1)
        if not byte:
            return None
        length += byte
        size |= (byte[0] & 127) << shift
        shift += 7
        if not byte[0] & 128:
            return head[0], length, read(size)
