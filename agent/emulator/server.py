"""The emulator: every provider on one port of this machine."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from aiohttp import web

from agent.emulator import maas, own, tencent, twetalk, youdao
from agent.emulator.engines import Engine
from agent.emulator.engines.scripted import ScriptedEngine
from agent.emulator.faults import Fault
from agent.emulator.journal import Connection, Exchange, Journal
from agent.emulator.own import wyoming
from agent.emulator.site import Site
from agent.emulator.stream import Rules
from agent.emulator.switch import Switch
from agent.errors import RunError

PROVIDERS: tuple[Callable[[Site], list[web.RouteDef]], ...] = (
    twetalk.routes, tencent.routes, maas.routes, youdao.routes, own.routes,
)  # fmt: skip
"""A provider registers its paths with one function."""

_STOP_TIMEOUT_S = 5.0


class Emulator:
    """Answers the providers' clients on `host`:`port` (0: any free port).

    `with Emulator() as emulator:` runs it in a thread, `serve` in the calling one.
    `record` is a folder for each connection's audio and messages and for all requests; `keep` is
    whether `connections` and `exchanges` hold them too, which takes memory. `RunError` when it
    cannot listen there or record.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        engine: Engine | None = None,
        faults: Sequence[Fault] = (),
        rules: Rules | None = None,
        record: Path | None = None,
        keep: bool = True,
    ) -> None:
        self._host, self._port = host, port
        self._site = Site(
            engine=engine or ScriptedEngine(),
            rules=rules or Rules(),
            faults=faults,
            journal=Journal(record, keep=keep),
            executor=ThreadPoolExecutor(16, thread_name_prefix="emulator-engine"),
        )
        self._stop: Callable[[], None] = lambda: None
        self._thread: threading.Thread | None = None
        self._server: asyncio.Server | None = None
        self._waiting: set[Switch] = set()  # clients that have said nothing yet
        self._closing = False

    @property
    def url(self) -> str:
        """Where it listens; the port is known once it does."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    @property
    def connections(self) -> list[Connection]:
        """Every connection since the start, in order."""
        return list(self._site.journal.connections)

    @property
    def exchanges(self) -> list[Exchange]:
        """Every HTTP request since the start, in order."""
        return list(self._site.journal.exchanges)

    def __enter__(self) -> Emulator:
        started: Future[None] = Future()
        self._thread = threading.Thread(
            target=self._run_in_thread, args=(started,), name="emulator", daemon=True
        )
        self._thread.start()
        started.result()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop and close every connection; does nothing the second time."""
        self._stop()
        if self._thread is not None:
            self._thread.join(_STOP_TIMEOUT_S)
            self._thread = None

    def serve(self, ready: Callable[[], None] = lambda: None) -> None:
        """Run until SIGINT, SIGTERM or `close`; `ready` is called once it listens."""
        asyncio.run(self._run(ready, _signals))

    def _run_in_thread(self, started: Future[None]) -> None:
        try:
            asyncio.run(self._run(lambda: started.set_result(None), nullcontext))
        except Exception as error:
            if started.done():  # before that, the thread that waits for the start gets it
                raise
            started.set_exception(error)

    async def _run(
        self,
        ready: Callable[[], None],
        listening_to: Callable[[asyncio.Event], AbstractContextManager[object]],
    ) -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=2.0)
        await runner.setup()
        try:
            await self._listen(runner)
            self._stop = _stopper(loop, stop)
            with listening_to(stop):
                ready()
                await stop.wait()
        finally:
            self._stop = lambda: None
            self._close()
            await runner.cleanup()
            self._site.executor.shutdown(wait=False, cancel_futures=True)

    async def _listen(self, runner: web.AppRunner) -> None:
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(self._switch(runner), self._host, self._port)
        except OSError as error:
            unknown_host = isinstance(error, socket.gaierror)
            # asyncio's own wording of other errors says the address a second time
            why = error.strerror if unknown_host else os.strerror(error.errno or 0)
            raise RunError(f"cannot listen on {self._host}:{self._port}: {why}") from None
        self._port = self._server.sockets[0].getsockname()[1]

    def _close(self) -> None:
        """Take no more, and nobody who has said nothing yet."""
        self._closing = True
        if self._server is not None:
            self._server.close()
        for each in tuple(self._waiting):
            each.stop()

    def _switch(self, runner: web.AppRunner) -> Callable[[], Switch]:
        """What each connection begins with: HTTP, or a Wyoming event."""
        http = runner.server
        assert http is not None

        async def events(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await wyoming.serve(reader, writer, self._site)

        return lambda: Switch(http, events, self._waiting, lambda: self._closing)

    def _application(self) -> web.Application:
        application = web.Application()
        routes = [route for provider in PROVIDERS for route in provider(self._site)]
        application.add_routes(routes)
        application.router.add_route("*", "/{path:.*}", _unknown(routes))
        application.on_shutdown.append(self._stop_all)
        return application

    async def _stop_all(self, _: web.Application) -> None:
        for connection in tuple(self._site.live):
            connection.stop()
        for task in tuple(self._site.tasks):
            task.cancel()


def _unknown(
    routes: Sequence[web.RouteDef],
) -> Callable[[web.Request], Awaitable[web.Response]]:
    """The handler of all that no provider takes."""
    methods = {route.path: route.method for route in routes}

    async def unknown(request: web.Request) -> web.Response:
        path = request.path[:100]
        if request.path in methods:
            text = f"{path} takes {methods[request.path]} only"
            headers = {"Allow": methods[request.path]}
            return web.Response(status=405, text=f"dragoman emulator: {text}\n", headers=headers)
        known = ", ".join(methods)
        return web.Response(
            status=404, text=f"dragoman emulator: nothing at {path} (have: {known})\n"
        )

    return unknown


def _stopper(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> Callable[[], None]:
    def stop_soon() -> None:
        loop.call_soon_threadsafe(stop.set)

    return stop_soon


@contextmanager
def _signals(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
