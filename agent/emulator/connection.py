"""Runs one streaming connection: carries out what its session decides.

Reading, recognising, translating, speaking and writing are tasks of their own, joined by queues:
each keeps the order of what it takes and none waits for another's work. When the first of them
ends, all end.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import NoReturn, TypeVar

from aiohttp import WSMsgType, web

from agent.emulator.ear import Ear
from agent.emulator.engines import EngineFailed, Heard
from agent.emulator.faults import Armed
from agent.emulator.journal import Connection
from agent.emulator.peer import Ended, Peer
from agent.emulator.site import Site
from agent.emulator.speech import early_ms, slices
from agent.emulator.stream import (
    Action,
    Code,
    Finish,
    Hear,
    Listen,
    Refuse,
    Say,
    Send,
    StreamSession,
)

log = logging.getLogger(__name__)
T = TypeVar("T")


async def serve_stream(
    request: web.Request,
    site: Site,
    provider: str,
    new_session: Callable[[float], StreamSession],
) -> web.StreamResponse:
    """Answer this request as a WebSocket connection; `new_session` is given the time in ms."""
    page = site.journal.open(provider, site.rules.rate)
    faults = Armed(site.faults, page.number)
    if faults.http is not None:
        page.refusal = {"status": faults.http.status}
        page.note_end("refused")
        fault = faults.http
        return web.Response(status=fault.status, text=fault.body, headers=fault.headers)
    peer = Peer(request, page)
    try:
        await peer.accept()
        await _Stream(peer, page, site, faults, new_session(peer.now_ms())).run()
    finally:
        page.note_end("gone")
    return peer.response


class _Stream:
    """One connection at work."""

    def __init__(
        self, peer: Peer, page: Connection, site: Site, faults: Armed, session: StreamSession
    ) -> None:
        self._peer, self._page, self._site = peer, page, site
        self._faults, self._session = faults, session
        self._listening: asyncio.Future[Listen] = asyncio.get_running_loop().create_future()
        # A `Listen` changes the language of what follows; None: no more comes.
        self._audio: asyncio.Queue[bytes | Listen | None] = asyncio.Queue()
        self._waiting: list[Listen | None] = []  # taken from there too early; one at most
        self._heard: asyncio.Queue[tuple[Heard, Listen] | None] = asyncio.Queue()
        self._speech: asyncio.Queue[Say] = asyncio.Queue()
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        """See `site.Live`."""
        self._stopped.set()

    async def run(self) -> None:
        """Work until the connection ends, whichever side ends it."""
        works = (
            self._read, self._recognise, self._translate, self._speak, self._peer.write,
            self._strike, self._wait_stop,
        )  # fmt: skip
        tasks = [asyncio.create_task(work()) for work in works]
        self._site.live.add(self)
        log.info("%s: connected", self._name)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._site.live.discard(self)
            for task in tasks:
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        ended = self._verdict(outcomes)
        self._page.note_end(ended.how)
        log.info("%s: %s", self._name, ended.how)
        await self._peer.end(ended)

    def _verdict(self, outcomes: Sequence[object]) -> Ended:
        """Why the first task ended. Anything but `Ended` is a mistake in the emulator."""
        for outcome in outcomes:
            if isinstance(outcome, Exception) and not isinstance(outcome, Ended):
                log.error("%s: a bug of the emulator", self._name, exc_info=outcome)
                return Ended("bug", 1011, "internal error")
        return next(outcome for outcome in outcomes if isinstance(outcome, Ended))

    @property
    def _name(self) -> str:
        return f"{self._page.provider} #{self._page.number}"

    async def _wait_stop(self) -> None:
        await self._stopped.wait()
        raise Ended("stopped", 1001, "the emulator stops")

    async def _read(self) -> None:
        await self._carry_out(self._session.opened(self._peer.now_ms()))
        while True:
            try:
                message = await self._peer.receive(self._session.deadline)
            except TimeoutError:
                await self._carry_out(self._session.expired(self._peer.now_ms()))
                continue
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                raise Ended("gone")
            await self._take(message.data)
            await self._strike_due()

    async def _take(self, message: str | bytes) -> None:
        now = self._peer.now_ms()
        self._page.note_received(message, now)
        if isinstance(message, bytes):
            await self._carry_out(self._session.audio(message, now))
        else:
            await self._carry_out(self._session.text(message, now))

    async def _carry_out(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Send():
                    self._peer.post(action.text, action.kind)
                case Hear():
                    self._audio.put_nowait(action.pcm)
                case Finish():
                    self._audio.put_nowait(None)
                case Say():
                    self._speech.put_nowait(action)
                case Listen():
                    self._listen(action)
                case Refuse():
                    await self._refuse(action)

    def _listen(self, listen: Listen) -> None:
        self._page.setup = listen.setup
        if self._listening.done():
            self._audio.put_nowait(listen)
        else:
            self._listening.set_result(listen)

    async def _refuse(self, refuse: Refuse) -> NoReturn:
        log.info("%s: refusing, %d: %s", self._name, refuse.code, refuse.msg)
        self._page.refusal = {"code": refuse.code, "msg": refuse.msg}
        self._peer.post(refuse.text, "refusal")
        await self._peer.flush()
        raise Ended("refused")

    async def _recognise(self) -> None:
        listen, rate = await self._listening, self._site.rules.rate
        ear = await self._work(Ear, self._site.engine, rate, listen)
        while (audio := await self._next_audio()) is not None:
            hear = ear.turn if isinstance(audio, Listen) else ear.feed
            for heard in await self._work(hear, audio):
                self._heard.put_nowait(heard)
        for heard in await self._work(ear.finish):
            self._heard.put_nowait(heard)
        self._heard.put_nowait(None)
        await asyncio.Event().wait()  # the connection ends when all of it was told

    async def _next_audio(self) -> bytes | Listen | None:
        """All audio that waits to be recognised, or what interrupts it; None at its end."""
        audio = self._waiting.pop() if self._waiting else await self._audio.get()
        if not isinstance(audio, bytes):
            return audio
        while not self._audio.empty():
            more = self._audio.get_nowait()
            if not isinstance(more, bytes):
                self._waiting.append(more)
                break
            audio += more
        return audio

    async def _translate(self) -> None:
        while (told := await self._heard.get()) is not None:
            heard, listen = told
            translation = ""
            if listen.target is not None and heard.text:
                translation = await self._work(
                    self._site.engine.translate, heard.text, listen.source, listen.target
                )
            if heard.kind == "final":
                log.info("%s: %s → %s", self._name, heard.text, translation)
            await self._carry_out(self._session.heard(heard, translation))
        await self._carry_out(self._session.finished())
        await self._speech.join()
        await self._carry_out(self._session.spoken())
        await self._peer.flush()
        raise Ended("finished")

    async def _speak(self) -> None:
        spoken = 0
        while True:
            say = await self._speech.get()
            pcm = await self._work(self._site.engine.speak, say.text, say.language)
            spoken += 1
            if say.streamed:
                await self._stream(pcm, seed=spoken)
            elif pcm and self._session.speaking:
                self._peer.post(pcm, "speech")
            self._speech.task_done()

    async def _stream(self, pcm: bytes, seed: int) -> None:
        began, sent = self._peer.now_ms(), 0
        for piece in slices(pcm, seed):
            await asyncio.sleep(early_ms(sent, self._peer.now_ms() - began) / 1000)
            if not self._session.speaking:
                return
            self._peer.post(piece, "speech")
            sent += len(piece)

    async def _work(self, call: Callable[..., T], *arguments: object) -> T:
        """An engine's work, in a thread; a failure of the engine is the client's to see."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._site.executor, call, *arguments)
        except EngineFailed as failed:
            log.warning("%s: %s", self._name, failed)
            await self._refuse(self._session.refuse(Code.ENGINE, str(failed)))

    async def _strike(self) -> None:
        """Carry out the faults that wait for a time; those that wait for messages strike there."""
        while True:
            wait_ms = self._faults.next_ms - self._peer.now_ms()
            if wait_ms == float("inf"):
                await asyncio.Event().wait()
            await asyncio.sleep(max(0.0, wait_ms) / 1000)
            await self._strike_due()

    async def _strike_due(self) -> None:
        page = self._page
        for fault in self._faults.take(self._peer.now_ms(), page.audio_ms, page.messages):
            log.info("%s: fault %s", self._name, fault.do)
            if fault.do == "error":
                await self._refuse(
                    self._session.refuse(int(fault.code or -1), fault.msg or "fault")
                )
            self._peer.suffer(fault, self._session.thaw)
