"""TWeTalk simultaneous translation V1 (Tencent IoT, "服务端接口文档", 同传翻译 V1).

One WebSocket to ``/ws-voice-translate``: the JSON set-up, then binary PCM, s16le mono,
at most 1:1 real time and never more than 6 s apart.  Originals and translations come
in messages of their own, joined by ``index`` (see :class:`Joiner`); synthesised speech
comes as binary PCM, 16 kHz s16le mono.

The set-up is the only text message V1 takes: its section has three steps and no control
message, and the JSON heartbeat (心跳发送与接收) stands after the control message of V2.
So V1 is sent none - a server that does not know it might refuse the connection - and is
kept alive by the ping of RFC 6455.  A ``pong`` that comes all the same is understood.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from agent.events import Garbage, Pair, Result, ServiceEvent, Speech
from agent.services import twetalk
from agent.services.base import Endpoint, Message, at
from agent.services.reading import Fields
from agent.services.twetalk import HOST as HOST
from agent.services.twetalk import LANGUAGES as LANGUAGES
from agent.services.twetalk import Setup as Setup

PATH = "/ws-voice-translate"

MAX_OPEN = 64  # sentences that wait for a half; more are a bug of the server
MAX_DONE = 1024  # finished sentences remembered, to know a repetition


class TwetalkV1:
    """One connection of TWeTalk V1; ``host`` is scheme, host and port."""

    ready = True  # the document has no answer to the set-up: audio may follow at once

    def __init__(self, setup: Setup, host: str = HOST) -> None:
        self._setup = setup
        self._host = host
        self._joiner = Joiner(translated=setup.source != setup.target)

    def endpoint(self, unix: float) -> Endpoint:
        return Endpoint(at(self._host, PATH, "ws"))

    def begin(self) -> Sequence[Message]:
        setup = self._setup
        return [
            json.dumps(
                {
                    "is_tts_stream": setup.tts_stream,
                    "disable_tts": not setup.tts,
                    "lang_source": setup.source,
                    "lang_target": setup.target,
                    "request_id": setup.request_id,
                    "token": setup.token,
                }
            )
        ]

    def ping(self, token: str) -> Message | None:
        return None

    def switch_tts(self, enabled: bool) -> Message | None:
        return None

    def switch_pair(self, pair: Pair) -> Message | None:
        return None

    def end(self) -> Sequence[Message]:
        return []

    def receive(self, message: Message) -> Sequence[ServiceEvent]:
        if isinstance(message, bytes):
            return [Speech(message)] if message else []
        return twetalk.read(message, self._meaning)

    def flush(self) -> Sequence[ServiceEvent]:
        """Settled sentences whose translation will not come any more (the connection ends)."""
        return self._joiner.flush()

    def _meaning(self, data: Fields) -> Sequence[ServiceEvent]:
        if data.get("original_detail") is not None:
            return self._joiner.original(twetalk.sentence(data, "original_detail"))
        text, index = data.text("translation", None), data.whole("index")
        if index is None:
            data.note("no-index", "translation")
        return self._joiner.translation(self._joiner.oldest if index is None else index, text)


@dataclass(slots=True)
class _Sentence:
    """What has come of one sentence; an empty translation is one, None is none."""

    text: str = ""
    settled: bool = False
    translation: str | None = None

    @property
    def waits(self) -> bool:
        return self.settled or self.translation is not None


class Joiner:
    """Joins originals and translations: partial Results at once, one final for each index.

    A sentence is final when its original is settled and its translation is there, in
    either order; at once if it is empty or ``translated`` is false (one language only).
    The newest translation counts.  One that never comes is waited for until a later
    sentence settles or is translated, or the next but one begins: by then the service
    has gone on.  (That the next one *grows* says nothing: translating takes time.)
    Repetitions say nothing; a translation that comes too late is ``Garbage``.
    """

    def __init__(self, translated: bool) -> None:
        self._translated = translated
        self._open: dict[int, _Sentence] = {}
        self._done: dict[int, bool] = {}  # index -> whether its translation is missed

    @property
    def oldest(self) -> int:
        """The sentence a translation without a number may be meant for."""
        return min((i for i, s in self._open.items() if s.translation is None), default=-1)

    def original(self, said: Result) -> Sequence[ServiceEvent]:
        """A growing or settled original; one without a number has nothing to be joined with."""
        if said.index < 0:
            return [said]
        if said.index in self._done:
            return []
        events = self._overtaken(said.index, said.index if said.final else said.index - 1)
        sentence = self._open.setdefault(said.index, _Sentence())
        if sentence.settled:
            return events  # "does not change any more": repeated, or a partial come late
        sentence.text, sentence.settled = said.text, said.final
        return [*events, self._result(said.index)]

    def translation(self, index: int, text: str) -> Sequence[ServiceEvent]:
        """The translation of sentence ``index``; -1 where nobody knows of which."""
        if index < 0:
            return [Result(-1, "", text, final=True)] if text else []
        if index in self._done:
            missed, self._done[index] = self._done[index], False
            return [Garbage("late-translation", f"index {index}")] if missed else []
        events = self._overtaken(index, index)
        self._open.setdefault(index, _Sentence()).translation = text
        return [*events, self._result(index)]

    def flush(self) -> Sequence[ServiceEvent]:
        """Make everything final that waits for its other half."""
        waiting = sorted(index for index, sentence in self._open.items() if sentence.waits)
        return [self._close(index) for index in waiting]

    def _overtaken(self, index: int, below: int) -> list[ServiceEvent]:
        """Finals of what waits before ``below``; of the oldest when too many are open."""
        waiting = [i for i, sentence in self._open.items() if i < below and sentence.waits]
        if not waiting and index not in self._open and len(self._open) >= MAX_OPEN:
            waiting = [next(iter(self._open))]
        return [self._close(i) for i in sorted(waiting)]

    def _result(self, index: int) -> Result:
        sentence = self._open[index]
        complete = sentence.translation is not None or not self._translated or not sentence.text
        if sentence.settled and complete:
            return self._close(index)
        return Result(index, sentence.text, sentence.translation or None)

    def _close(self, index: int) -> Result:
        sentence = self._open.pop(index)
        if len(self._done) >= MAX_DONE:
            del self._done[next(iter(self._done))]
        self._done[index] = self._translated and sentence.translation is None
        return Result(index, sentence.text, sentence.translation or None, final=True)
