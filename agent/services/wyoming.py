"""Wyoming: the protocol of Home Assistant's voice servers (rhasspy/wyoming, README "Format").

An event is a line of JSON with its ``type``, then ``data_length`` bytes of JSON (``data``; a
small one may stand in the line itself), then ``payload_length`` bytes of anything, here PCM.
Both directions have the same form.

* Speech to text: ``transcribe``, ``audio-start``, ``audio-chunk`` …, ``audio-stop`` are
  answered by ``transcript``, and by a server that can while it still listens by
  ``transcript-start``, ``transcript-chunk`` … (a part of the text each) and ``transcript-stop``.
* Text to speech: ``synthesize`` is answered by ``audio-start``, ``audio-chunk`` …, ``audio-stop``.
* ``describe`` is answered by ``info``; ``error`` (``text``, ``code``) may answer anything.

The README has one request on a connection; faster-whisper hangs up after its ``transcript``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.events import Failure, Garbage, Pair, Result, ServiceEvent
from agent.services import answers
from agent.services.base import Endpoint, Message, StreamProtocol
from agent.services.reading import Fields, Malformed, parse_object

DOCUMENT = "Wyoming protocol (rhasspy/wyoming)"
SCHEME = "wyoming"
WIDTH, CHANNELS = 2, 1  # of the sound sent: s16le mono

MAX_LINE = 256 * 1024  # bytes; small ``data`` stands in it
MAX_DATA = 2 * 1024 * 1024  # bytes: the ``info`` of a server with a thousand voices is 600 kB
MAX_PAYLOAD = 4 * 1024 * 1024  # bytes: 90 s of speech at 22050 Hz; servers send 1024 samples
MAX_TEXT = 100_000  # characters of one utterance


@dataclass(frozen=True, slots=True)
class Event:
    """One event, either way."""

    type: str
    data: Mapping[str, Any] = field(default_factory=dict)
    payload: bytes = b""

    def encode(self) -> bytes:
        """The event as it goes over the wire."""
        head: dict[str, Any] = {"type": self.type}
        data = _json(self.data) if self.data else b""
        if data:
            head["data_length"] = len(data)
        if self.payload:
            head["payload_length"] = len(self.payload)
        return b"".join((_json(head), b"\n", data, self.payload))


DESCRIBE = Event("describe")
AUDIO_STOP = Event("audio-stop")


def transcribe(language: str | None, model: str | None = None) -> Event:
    """Asks for the transcript of the sound that follows; None leaves a choice to the server."""
    given = {"name": model, "language": language}
    return Event("transcribe", {key: value for key, value in given.items() if value is not None})


def audio_start(rate: int) -> Event:
    """s16le mono at ``rate`` (Hz) follows."""
    return Event("audio-start", {"rate": rate, "width": WIDTH, "channels": CHANNELS})


def audio_chunk(rate: int, pcm: bytes) -> Event:
    """A piece of it."""
    return Event("audio-chunk", {"rate": rate, "width": WIDTH, "channels": CHANNELS}, pcm)


def synthesize(text: str, voice: str | None, language: str | None) -> Event:
    """Asks for ``text`` to be spoken; a voice's name comes before its language."""
    chosen = {"name": voice} if voice else {"language": language} if language else {}
    return Event("synthesize", {"text": text} | ({"voice": chosen} if chosen else {}))


# --- bytes to events -------------------------------------------------------------------------


class Decoder:
    """Events from bytes cut anywhere; what is held back is bounded.

    An event whose ``data`` is not an object becomes ``Garbage``.  Where nobody can tell any more
    where the next event begins (a line that is no JSON object, a length that is none or too
    large) the ``Garbage`` is ``whole``, and all that follows is passed over: :attr:`broken`.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._head: _Head | None = None
        self.broken = False

    def feed(self, data: bytes) -> list[Event | Garbage]:
        """The events that ``data`` completes."""
        if self.broken:
            return []
        self._buffer += data
        events: list[Event | Garbage] = []
        try:
            while (event := self._next()) is not None:
                events.append(event)
        except Malformed as error:
            self.broken = True
            self._buffer.clear()
            events.append(Garbage(error.kind, str(error)[:200], whole=True))
        return events

    def _next(self) -> Event | Garbage | None:
        if self._head is None:
            end = self._buffer.find(b"\n")
            if max(end, len(self._buffer) if end < 0 else 0) > MAX_LINE:
                raise Malformed("huge-line", f"over {MAX_LINE} bytes")
            if end < 0:
                return None
            self._head = _Head.read(bytes(self._buffer[:end]))
            del self._buffer[: end + 1]
        head = self._head
        size = head.data_length + head.payload_length
        if len(self._buffer) < size:
            return None
        data, payload = self._buffer[: head.data_length], self._buffer[head.data_length : size]
        event = head.event(bytes(data), bytes(payload))
        del self._buffer[:size]
        self._head = None
        return event


@dataclass(frozen=True, slots=True)
class _Head:
    """The line of an event."""

    type: object
    data: object
    data_length: int
    payload_length: int

    @classmethod
    def read(cls, line: bytes) -> _Head:
        fields = parse_object(line)
        return cls(
            fields.get("type"),
            fields.get("data"),
            _length(fields, "data_length", MAX_DATA),
            _length(fields, "payload_length", MAX_PAYLOAD),
        )

    def event(self, data: bytes, payload: bytes) -> Event | Garbage:
        """The whole event; ``data`` goes before what the line says."""
        if not isinstance(self.type, str):
            return Garbage("wrong-type", f"type: {type(self.type).__name__} for a text")
        fields = dict(self.data) if isinstance(self.data, dict) else {}
        if data:
            try:
                fields |= dict(parse_object(data))
            except Malformed as error:
                return Garbage(error.kind, f"data of {self.type[:40]}: {error}"[:200])
        return Event(self.type, fields, payload)


def _length(fields: Fields, key: str, most: int) -> int:
    value = fields.get(key)
    if value is None:
        return 0
    if type(value) is not int or not 0 <= value <= most:
        raise Malformed("bad-length", f"{key}: {str(value)[:40]}, expected 0 to {most}")
    return value


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


# --- speech to text --------------------------------------------------------------------------


def note(event: Event, utterance: int, start_ms: int, end_ms: int) -> str:
    """``event``, about ``utterance`` (from 0) that lies so in the audio, as one message."""
    place = {"utterance": utterance, "start_ms": start_ms, "end_ms": end_ms}
    return json.dumps({"type": event.type, "data": dict(event.data), **place})


LISTENING = Event("listening")
"""No event of the protocol: the link's own word that the server takes an utterance."""


class Listening(StreamProtocol):
    """Speech to text as a stream (see :class:`agent.services.base.StreamProtocol`).

    Its messages are what :func:`note` makes of events: one connection has many utterances, each
    on a line of its own that the link minds (``agent.link.ears``).
    """

    ready = True

    def __init__(self, url: str, language: str | None, model: str | None = None) -> None:
        self._url, self._language, self._model = url, language, model
        self._texts: dict[int, str] = {}  # of utterances the server tells piece by piece

    def endpoint(self, unix: float) -> Endpoint:
        return Endpoint(self._url)

    def begin(self) -> Sequence[Message]:
        """What each utterance is opened with."""
        return [transcribe(self._language, self._model).encode().decode()]

    def ping(self, token: str) -> Message | None:
        return None

    def switch_tts(self, enabled: bool) -> Message | None:
        """Nothing is to be said to the ears."""
        return ""

    def switch_pair(self, pair: Pair) -> Message | None:
        return None

    def end(self) -> Sequence[Message]:
        return ()

    def flush(self) -> Sequence[ServiceEvent]:
        return ()

    def receive(self, message: Message) -> Sequence[ServiceEvent]:
        try:
            fields = parse_object(message)
            data = fields.get("data")
            return self._read(fields, Fields(data if isinstance(data, dict) else {}, []))
        except Malformed as error:
            return [Garbage(error.kind, str(error)[:200])]

    def _read(self, fields: Fields, data: Fields) -> list[ServiceEvent]:
        number, kind = fields.whole("utterance") or 0, fields.text("type")
        if kind == "error":
            return [failure(data)]
        if kind == "transcript":
            self._texts.pop(number, None)
            text = data.text("text", None, MAX_TEXT).strip()
            return [_result(fields, number, text, data.word("language"), final=True), *data.odd]
        if kind == "transcript-chunk":
            said = self._texts.get(number, "") + data.text("text", None, MAX_TEXT)
            self._texts[number] = said[:MAX_TEXT]
        elif kind != LISTENING.type:
            return []
        text = self._texts.get(number, "").strip()
        return [_result(fields, number, text, None, final=False), *data.odd]


def _result(fields: Fields, number: int, text: str, language: str | None, *, final: bool) -> Result:
    start, end = fields.whole("start_ms"), fields.whole("end_ms")
    return Result(number, text, None, final, start, end, language=language)


def failure(data: Fields) -> Failure:
    """What an ``error`` says: of this request, so another may go well."""
    text = data.text("text", "", answers.MAX_MESSAGE)
    return answers.failure(data.word("code") or "error", text, True)


# --- what there is ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Offer:
    """The models of one kind (``asr``, ``tts``) that a server has installed."""

    names: tuple[str, ...]
    languages: tuple[str, ...]
    streams: bool


def offer(info: Event, kind: str) -> Offer | None:
    """What an ``info`` says of ``kind``, None where the server has nothing of it."""
    programs = Fields(dict(info.data), []).objects(kind)
    models = [
        model
        for program in programs
        for model in program.objects("models" if kind == "asr" else "voices")
        if model.flag("installed")
    ]
    if not programs:
        return None
    key = "supports_transcript_streaming" if kind == "asr" else "supports_synthesize_streaming"
    languages = [code for model in models for code in model.texts("languages")]
    return Offer(
        tuple(name for model in models if (name := model.word("name"))),
        tuple(dict.fromkeys(languages)),
        any(program.flag(key) for program in programs),
    )
