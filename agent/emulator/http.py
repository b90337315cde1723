"""The socket side of providers over HTTP: reads a request, has it answered, suffers the faults."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from agent.emulator.call import Call, Codes, Declined, HttpProvider, Reply
from agent.emulator.engines import EngineFailed
from agent.emulator.faults import Fault, for_request
from agent.emulator.garbage import garbage_body
from agent.emulator.journal import Exchange
from agent.emulator.peer import abort
from agent.emulator.site import Site

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

EVENT_S = 0.01
"""The pause between two events of a stream, so that they are packets of their own."""


def handler(site: Site, provider: HttpProvider) -> Handler:
    """What answers this provider's paths."""

    async def handle(request: web.Request) -> web.StreamResponse:
        page = site.journal.exchange(provider.name, request.method, request.path)
        task = asyncio.current_task()
        assert task is not None
        site.tasks.add(task)
        try:
            return await _Visit(request, site, provider, page).run()
        except (ConnectionError, web.RequestPayloadError):  # gone, or garbled, in mid-request
            page.note_end("gone", None, b"", 0)
            return web.Response(status=400)
        finally:
            site.tasks.discard(task)
            if page.ended == "":
                page.note_end("stopped", None, b"", 0)

    return handle


class _Visit:
    """One request and its answer."""

    def __init__(
        self, request: web.Request, site: Site, provider: HttpProvider, page: Exchange
    ) -> None:
        self._request, self._site, self._provider, self._page = request, site, provider, page
        self._began_s = time.monotonic()

    async def run(self) -> web.StreamResponse:
        """Have the request answered, or what the plan of faults has for it instead."""
        faults = for_request(self._site.faults, self._page.number)
        self._page.fault = " ".join(fault.do for fault in faults)
        reply = worked = await self._reply(faults)
        for fault in faults:
            reply = await self._suffer(fault, reply)
        response = await self._deliver(reply, {fault.do for fault in faults})
        if worked.then is not None:
            self._site.start(worked.then())
        return response

    async def _deliver(self, reply: Reply, kinds: set[str]) -> web.StreamResponse:
        if "reset" in kinds:
            abort(self._request)
            self._end("reset", None, b"")
            return web.Response()
        return await self._send(reply, cut="close" in kinds)

    async def _reply(self, faults: list[Fault]) -> Reply:
        """The answer; faults that stand for it keep the provider from working at all."""
        body = await self._body()
        for fault in faults:
            if fault.do == "http":
                return Reply(fault.body.encode(), fault.status, "text/plain", headers=fault.headers)
            if fault.do == "error":
                code = self._provider.codes.fault if fault.code is None else fault.code
                return self._refuse(Declined(code, fault.msg or "fault"))
        codes = self._provider.codes
        if body is None:
            most = f"the request is longer than {self._provider.max_body} bytes"
            return self._refuse(Declined(codes.too_large, most, 413))
        return await self._work(self._call(body), codes)

    async def _work(self, call: Call, codes: Codes) -> Reply:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._site.executor, self._provider.answer, call)
        except Declined as declined:
            return self._refuse(declined)
        except EngineFailed as failed:
            log.warning("%s: %s", self._name, failed)
            return self._refuse(Declined(codes.engine, str(failed), 500))
        except Exception:  # a mistake in the emulator must not look like the provider's answer
            log.exception("%s: a bug of the emulator", self._name)
            self._page.ended = "bug"
            return Reply(b"dragoman emulator: internal error\n", 500, "text/plain")

    def _refuse(self, declined: Declined) -> Reply:
        self._page.refusal = f"{declined.code}: {declined.msg}"
        log.info("%s: refusing, %s", self._name, self._page.refusal)
        return self._provider.refusal(declined)

    async def _body(self) -> bytes | None:
        """The body; None when it is longer than the provider takes."""
        body = bytearray()
        async for piece in self._request.content.iter_any():
            body += piece
            if len(body) > self._provider.max_body:
                self._page.size = len(body)
                return None
        self._page.size = len(body)
        return bytes(body)

    def _call(self, body: bytes) -> Call:
        request = self._request
        return Call(
            method=request.method,
            path=request.path,
            body=body,
            headers={name.lower(): value for name, value in request.headers.items()},
            now_ms=time.monotonic() * 1_000,
            unix_s=time.time(),
            query=dict(request.query),
            raw_query=request.rel_url.raw_query_string,
            parameters=dict(request.match_info),
            origin=f"http://{request.host}",
            remote=request.remote or "",
            page=self._page,
        )

    async def _suffer(self, fault: Fault, reply: Reply) -> Reply:
        if fault.do == "slow":
            await asyncio.sleep(fault.delay_ms / 1_000)
        elif fault.do == "freeze":
            await self._freeze(fault.for_ms)
        elif fault.do == "garbage":
            return Reply(garbage_body(fault.seed), content_type=reply.content_type)
        return reply

    async def _freeze(self, for_ms: int | None) -> None:
        """Say nothing for this long, or until the client gives up."""
        until_s = float("inf") if for_ms is None else time.monotonic() + for_ms / 1_000
        while time.monotonic() < until_s and self._request.transport is not None:
            await asyncio.sleep(0.02)

    async def _send(self, reply: Reply, *, cut: bool) -> web.StreamResponse:
        """Send the answer; `cut`: half of it, and close in the middle."""
        response = web.StreamResponse(
            status=reply.status, headers={"Content-Type": reply.content_type, **reply.headers}
        )
        pieces = list(reply.events) or [reply.body]
        if not reply.events:
            response.content_length = len(reply.body)
        try:
            await response.prepare(self._request)
            await self._write(response, pieces, cut)
        except ConnectionError:
            self._end("gone", reply.status, b"")
            return response
        how = "cut" if cut else (self._page.ended or "answered")
        self._end(how, reply.status, b"".join(pieces))
        return response

    async def _write(self, response: web.StreamResponse, pieces: list[bytes], cut: bool) -> None:
        if cut:
            if len(pieces) > 1:
                pieces = pieces[: len(pieces) // 2]
            else:
                pieces = [pieces[0][: len(pieces[0]) // 2]]
        for number, piece in enumerate(pieces):
            if number:
                await asyncio.sleep(EVENT_S)
            await response.write(piece)
        if cut and self._request.transport is not None:
            self._request.transport.close()
        else:
            await response.write_eof()

    def _end(self, how: str, status: int | None, answer: bytes) -> None:
        took_ms = (time.monotonic() - self._began_s) * 1_000
        self._page.note_end(how, status, answer, round(took_ms, 1))
        log.info("%s: %s%s", self._name, how, f" with status {status}" if status else "")

    @property
    def _name(self) -> str:
        return f"{self._page.provider} request {self._page.number}"
