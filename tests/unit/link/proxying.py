"""A proxy as companies have them: CONNECT and forwarding, with a login if it is given one."""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.patience import HANG_S

DENIED = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
CONNECTED = b"HTTP/1.1 200 Connection established\r\nVia: 1.1 test\r\n\r\n"


class Proxy:
    """``port`` listens on loopback; whatever host is asked for, it leads to port ``target``."""

    def __init__(self, target: int, login: str | None = None, answer: bytes = CONNECTED) -> None:
        self.heads: list[bytes] = []  #: what it was asked
        self.target, self._answer = target, answer
        token = base64.b64encode(login.encode()) if login else b""
        self._login = b"Proxy-Authorization: Basic " + token if login else b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._run, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _run(self) -> None:
        with suppress(OSError):
            while True:
                caller, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(caller,), daemon=True).start()

    def _serve(self, caller: socket.socket) -> None:
        with caller, suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                head += caller.recv(4096)
            self.heads.append(head)
            if self._login and self._login not in head:
                caller.sendall(DENIED)
                return
            with socket.create_connection(("127.0.0.1", self.target), 5) as server:
                if head.startswith(b"CONNECT "):
                    caller.sendall(self._answer)
                else:
                    server.sendall(head)
                back = threading.Thread(target=_pump, args=(server, caller), daemon=True)
                back.start()
                _pump(caller, server)
                back.join(HANG_S)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@contextmanager
def proxy(target: int, login: str | None = None, answer: bytes = CONNECTED) -> Iterator[Proxy]:
    running = Proxy(target, login, answer)
    try:
        yield running
    finally:
        running.close()
