"""A Wyoming server with ears and a voice, after the README of rhasspy/wyoming.

As faster-whisper does, it hangs up after a transcript; as piper does, it speaks at 22050 Hz in
pieces of 1024 samples. While it listens it sends its text piece by piece. `connection` in a plan
of faults counts what was begun on a connection, not connections that wait.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
import soxr

from agent.emulator.engines import SPEECH_RATE, Engine, EngineFailed, Heard, Unsupported
from agent.emulator.faults import Armed
from agent.emulator.garbage import garbage
from agent.emulator.hearing import joined
from agent.emulator.journal import Connection, Kind, Sent
from agent.emulator.own.events import Event, Wrong, read_event
from agent.emulator.own.names import CODES
from agent.emulator.peer import Ended, linger_none
from agent.emulator.site import Site

log = logging.getLogger(__name__)
T = TypeVar("T")

VOICE_RATE = 22_050
PIECE = 1024
_RATES = (8_000, 16_000)
_ATTRIBUTION = {"name": "dragoman", "url": "https://example.org"}


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, site: Site) -> None:
    """Answer one client until it or we hang up."""
    visit = _Visit(reader, writer, site)
    site.live.add(visit)
    try:
        await visit.run()
    finally:
        site.live.discard(visit)
        writer.close()


class _Visit:
    """One connection."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, site: Site
    ) -> None:
        self._reader, self._writer, self._site = reader, writer, site
        self._engine: Engine = site.engine
        self._page: Connection | None = None
        self._faults = Armed((), 0)
        self._began_s = 0.0
        self._language = ""
        self._ear: _Ear | None = None
        self._task = asyncio.current_task()

    def stop(self) -> None:
        """See `site.Live`."""
        if self._task is not None:
            self._task.cancel()

    async def run(self) -> None:
        how = "gone"
        try:
            while (event := await read_event(self._reader)) is not None:
                await self._take(event)
        except Ended as ended:
            how = ended.how
        except Wrong as wrong:
            how = "refused"
            await self._refuse(wrong.code, str(wrong))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        except asyncio.CancelledError:
            how = "stopped"
            raise
        finally:
            if self._page is not None:
                self._page.note_end(how)

    async def _take(self, event: Event) -> None:
        if event.type == "describe":
            await self._send(Event("info", _info(self._engine)), "handshake")
        elif event.type == "transcribe":
            self._language = str(event.data.get("language") or "en")
        elif event.type == "audio-start":
            self._open("wyoming-asr")
            await self._strike()
            self._ear = await self._listen(event.data)
        elif event.type == "audio-chunk":
            await self._hear(event)
        elif event.type == "audio-stop":
            await self._finish()
        elif event.type == "synthesize":
            self._open("wyoming-tts")
            await self._strike()
            await self._speak(event.data)

    # --- speech to text ----------------------------------------------------------------------

    async def _listen(self, form: Mapping[str, Any]) -> _Ear:
        rate = _form(form)
        try:
            self._engine.require(self._language, None)
        except Unsupported as unsupported:
            raise Wrong("unsupported-language", str(unsupported)) from None
        assert self._page is not None
        self._page.setup = {"language": self._language, "rate": rate}
        self._page.rate = rate
        recognizer = await self._work(self._engine.recognizer, self._language, rate)
        return _Ear(recognizer.feed, recognizer.finish)

    async def _hear(self, event: Event) -> None:
        if self._ear is None or self._page is None:
            raise Wrong("no-start", "audio-chunk before audio-start")
        if _form(event.data) != self._page.rate or len(event.payload) % 2:
            raise Wrong("bad-audio", "audio-chunk is not of the form audio-start says")
        self._page.note_received(event.payload, self._now_ms())
        await self._strike()
        for text in self._ear.grown(await self._work(self._ear.feed, event.payload)):
            if not self._ear.begun:
                self._ear.begun = True
                await self._send(Event("transcript-start", {"language": self._language}), "result")
            await self._send(Event("transcript-chunk", {"text": text}), "result")

    async def _finish(self) -> None:
        if self._ear is None:
            raise Wrong("no-start", "audio-stop before audio-start")
        self._ear.grown(await self._work(self._ear.finish))
        text = joined(self._ear.finals, self._language)
        log.info("wyoming: %s", text)
        await self._delay()
        await self._send(Event("transcript", {"text": text, "language": self._language}), "result")
        if self._ear.begun:
            await self._send(Event("transcript-stop"), "result")
        raise Ended("finished")

    # --- text to speech ----------------------------------------------------------------------

    async def _speak(self, data: Mapping[str, Any]) -> None:
        text, voice = data.get("text"), data.get("voice") or {}
        if not isinstance(text, str) or not isinstance(voice, dict):
            raise Wrong("bad-data", "synthesize has a text, and perhaps a voice")
        chosen = str(voice.get("name") or voice.get("language") or "en")
        found = re.match(r"([a-z]{2,3})([-_]|$)", chosen)
        if found is None:
            raise Wrong("unknown-voice", f"no voice {chosen[:40]!r} (have: en_US-…, es_ES-…)")
        assert self._page is not None
        self._page.setup = {"text": text, "voice": dict(voice)}
        spoken = await self._work(self._engine.speak, text, found[1])
        samples = np.frombuffer(spoken, "<i2").astype("float32")
        resampled = soxr.resample(samples, SPEECH_RATE, VOICE_RATE).clip(-32768, 32767)
        pcm = resampled.astype("<i2").tobytes()
        form = {"rate": VOICE_RATE, "width": 2, "channels": 1}
        await self._delay()
        await self._send(Event("audio-start", form), "speech")
        for at in range(0, len(pcm), 2 * PIECE):
            await self._send(Event("audio-chunk", form, pcm[at : at + 2 * PIECE]), "speech")
        await self._send(Event("audio-stop"), "speech")

    # --- the connection ----------------------------------------------------------------------

    def _open(self, provider: str) -> None:
        self._page = self._site.journal.open(provider, SPEECH_RATE)
        self._faults = Armed(self._site.faults, self._page.number)
        self._began_s = asyncio.get_running_loop().time()
        self._late_ms = 0

    def _now_ms(self) -> float:
        return (asyncio.get_running_loop().time() - self._began_s) * 1_000

    async def _strike(self) -> None:
        """Carry out the faults whose time has come."""
        page = self._page
        assert page is not None
        if self._faults.http is not None:
            raise Ended("refused")
        for fault in self._faults.take(self._now_ms(), page.audio_ms, page.messages):
            log.info("wyoming: fault %s", fault.do)
            if fault.do == "reset":
                linger_none(self._writer.get_extra_info("socket"))
                self._writer.transport.abort()
                raise Ended("reset")
            if fault.do == "close":
                raise Ended("closed")
            if fault.do == "freeze":
                await asyncio.sleep(10**6 if fault.for_ms is None else fault.for_ms / 1_000)
            elif fault.do == "slow":
                self._late_ms = fault.delay_ms
            elif fault.do == "error":
                await self._refuse(str(fault.code or "fault"), fault.msg or "fault")
                raise Ended("refused")
            else:
                for message in garbage(fault.count, fault.seed):
                    data = message if isinstance(message, bytes) else message.encode()
                    self._writer.write(data + b"\n")

    async def _delay(self) -> None:
        """A slow server's answer; what has waited for its own time strikes before it."""
        await self._strike()
        await asyncio.sleep(self._late_ms / 1_000)

    async def _refuse(self, code: str, text: str) -> None:
        log.info("wyoming: refusing, %s: %s", code, text)
        if self._page is not None:
            self._page.refusal = {"code": code, "msg": text}
        await self._send(Event("error", {"text": text, "code": code}), "refusal")

    async def _send(self, event: Event, kind: Kind) -> None:
        data = event.encode()
        self._writer.write(data)
        await self._writer.drain()
        if self._page is not None:
            message: str | bytes = event.payload or json.dumps(dict(event.data))
            self._page.note_sent(Sent(self._now_ms(), kind, message))

    async def _work(self, call: Callable[..., T], *arguments: object) -> T:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._site.executor, call, *arguments)
        except EngineFailed as failed:
            raise Wrong("engine-failed", str(failed)) from None


class _Ear:
    """What was heard of one utterance."""

    def __init__(
        self, feed: Callable[[bytes], list[Heard]], finish: Callable[[], list[Heard]]
    ) -> None:
        self.feed, self.finish = feed, finish
        self.finals: list[str] = []
        self.begun = False

    def grown(self, heard: list[Heard]) -> list[str]:
        """What the sentences that ended now add to the text."""
        ended = [each.text for each in heard if each.kind == "final" and each.text]
        added = [f" {text}" if self.finals or n else text for n, text in enumerate(ended)]
        self.finals += ended
        return added


def _form(data: Mapping[str, Any]) -> int:
    """The rate of s16le mono; `Wrong` for any other form."""
    rate, width, channels = (data.get(key) for key in ("rate", "width", "channels"))
    if type(rate) is not int or rate not in _RATES or (width, channels) != (2, 1):
        raise Wrong("bad-audio", "expected s16le mono at 8000 or 16000 Hz")
    return rate


def _info(engine: Engine) -> dict[str, object]:
    """Which models and voices there are."""
    heard = [code for code in CODES.values() if _can(engine, code)]
    model = {"attribution": _ATTRIBUTION, "installed": True, "description": None, "version": "1"}
    ears = {"name": "emulator", "languages": heard, **model}
    voices = [{"name": f"{code}-emulator", "languages": [code], **model} for code in CODES.values()]
    program = {"name": "dragoman", **model}
    return {
        "asr": [{**program, "models": [ears], "supports_transcript_streaming": True}],
        "tts": [{**program, "voices": voices, "supports_synthesize_streaming": False}],
    }


def _can(engine: Engine, code: str) -> bool:
    try:
        engine.require(code, None)
    except Unsupported:
        return False
    return True
