"""The thread that talks to browsers: one asyncio loop with a small HTTP and WebSocket server."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Protocol

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from agent.clock import Clock
from agent.config.schema import Web
from agent.errors import RunError
from agent.threads import Worker
from agent.web import conversation, files, messages
from agent.web.connections import bounded
from agent.web.conversation import Reception
from agent.web.door import Door
from agent.web.guard import Guard

LIVE = "/live"  #: the path of the WebSocket

CONNECTIONS = 96  # 32 viewers, those who wait, and files being fetched
SEND_BUFFER = 128 * 1024  # bytes in the kernel for each; left alone they grow to megabytes
METER_S = 0.1
TELEMETRY_TICKS = 10
OPEN_S = 5.0  # to send a request
PING_S, PONG_S = 3.0, 5.0  # a page that holds the button and falls silent is soon noticed
CLOSE_S = 0.5

# Scanners and cut connections are no news; what matters is logged by us.
_quiet = logging.getLogger(f"{__name__}.websockets")
_quiet.setLevel(logging.CRITICAL)


class Device(conversation.Device, Protocol):
    """What the server asks of the device beside; in its own thread."""

    def meter(self) -> bytes:
        """The message ``meter`` of this moment."""

    def telemetry(self) -> bytes:
        """The message ``telemetry`` of this moment."""


class Server(Worker):
    """Serves the page and talks to those who have it open.

    Args:
        settings: the section ``web``; ``listen`` must not be null.
        device: what is shown and controlled.
    """

    name = "web"

    def __init__(self, settings: Web, device: Device, clock: Clock) -> None:
        super().__init__(clock)
        assert settings.listen is not None
        self._listen = settings.listen
        host, _, port = settings.listen.rpartition(":")
        self._host, self._port = host.strip("[]"), int(port)
        self._device = device
        self._door = Door(self._host, socket.gethostname())
        self._files = files.load()
        self._reception = Reception(device, Guard(settings.password), clock, self.soon)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._socket: socket.socket | None = None
        self._stop = asyncio.Event()

    # --- for the main thread -----------------------------------------------------------------

    def bind(self) -> None:
        """Take the address; RunError where it cannot be had."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        try:
            self._socket = socket.create_server((self._host, self._port), family=family)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        except OSError as error:
            unknown = isinstance(error, socket.gaierror)  # its numbers are its own
            why = error.strerror if unknown else os.strerror(error.errno or 0)
            raise RunError(
                f"web.listen: cannot listen on {self._listen}: {why}; "
                "expected an address of this machine and a port nobody uses"
            ) from None
        self._port = self._socket.getsockname()[1]

    @property
    def url(self) -> str:
        """Where a browser finds the page."""
        anywhere = self._host in ("0.0.0.0", "::")
        host = socket.gethostname() if anywhere else self._host
        return f"http://[{host}]:{self._port}/" if ":" in host else f"http://{host}:{self._port}/"

    @property
    def watched(self) -> bool:
        """Whether anybody would see a message; from any thread."""
        return self._reception.watched

    def tell(self, message: bytes) -> None:
        """Send to every page that is open; from any thread, never waits."""
        self.soon(self._reception.audience.tell, message)

    def soon(self, call: Callable[..., None], *values: object) -> None:
        """Have ``call`` called in the loop; from any thread, and for nothing when it has ended."""
        if self._loop is not None:
            with suppress(RuntimeError):  # closed
                self._loop.call_soon_threadsafe(call, *values)

    def wake(self) -> None:
        self.soon(self._stop.set)

    # --- the thread --------------------------------------------------------------------------

    def run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        async with serve(
            self._reception.receive,
            sock=self._socket,
            process_request=self._answer,
            create_connection=bounded(CONNECTIONS),
            compression=None,  # it would cost each viewer memory, and each message its own work
            server_header=None,
            open_timeout=OPEN_S,
            ping_interval=PING_S,
            ping_timeout=PONG_S,
            close_timeout=CLOSE_S,
            max_size=messages.MAX_MESSAGE,
            logger=_quiet,
        ):
            ticking = asyncio.create_task(self._tick())
            stopped = asyncio.create_task(self._stop.wait())
            if self.stopping:  # before there was a loop to be woken
                self._stop.set()
            done, _ = await asyncio.wait({ticking, stopped}, return_when=asyncio.FIRST_COMPLETED)
            ticking.cancel()
            if ticking in done:
                ticking.result()  # a fault in it ends this thread, and is reported

    async def _tick(self) -> None:
        """Meter and telemetry, while somebody looks."""
        audience, ticks = self._reception.audience, 0
        while True:
            await audience.present.wait()
            audience.show(self._device.meter())
            if ticks % TELEMETRY_TICKS == 0:
                audience.tell(self._device.telemetry())
            ticks += 1
            self.beat()
            await asyncio.sleep(METER_S)

    # --- requests ----------------------------------------------------------------------------

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """The answer to a request; None to go on with a WebSocket."""
        hosts = request.headers.get_all("Host")
        if len(hosts) != 1 or not self._door.knows(hosts[0]):
            return _refusal(HTTPStatus.FORBIDDEN, f"not under this name; open {self.url}")
        host, path = hosts[0], request.path.partition("?")[0]
        if getattr(request, "method", "GET") != "GET":
            return _refusal(HTTPStatus.METHOD_NOT_ALLOWED, "only GET")
        if path == LIVE:
            return self._answer_live(request, host)
        file = self._files.get(path)
        if file is None:
            return _refusal(HTTPStatus.NOT_FOUND, "no such page")
        return _response(HTTPStatus.OK, file.kind, file.body, host)

    def _answer_live(self, request: Request, host: str) -> Response | None:
        origins = request.headers.get_all("Origin")
        if len(origins) > 1 or not self._door.is_ours(origins[0] if origins else None, host):
            return _refusal(HTTPStatus.FORBIDDEN, "not from another page")
        return None


def _refusal(status: HTTPStatus, words: str) -> Response:
    return _response(status, "text/plain; charset=utf-8", f"dragoman: {words}\n".encode())


def _response(status: HTTPStatus, kind: str, body: bytes, host: str | None = None) -> Response:
    headers = Headers(files.headers(host))
    headers["Content-Type"] = kind
    headers["Content-Length"] = str(len(body))
    headers["Connection"] = "close"
    return Response(status.value, status.phrase, headers, body)
