"""An OpenAI-compatible server, after OpenAI's API reference.

A server of one's own has the models its owner put there, so any name of a model will do; the key
is `demo`. Fields the reference does not name are refused.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Collection, Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
import soxr

from agent.emulator.call import JSON, Call, Codes, Declined, Reply
from agent.emulator.engines import SPEECH_RATE, Engine, Heard, Unsupported
from agent.emulator.forms import BadForm, Part, read_multipart
from agent.emulator.hearing import first_heard, joined, listen, words
from agent.emulator.own.names import languages_in
from agent.emulator.sound import NoSound, Sound, read_sound
from agent.emulator.stream import DEMO, Refused, parse_object

LARGEST = 25 * 1024 * 1024
PCM_RATE = 24_000
VOICES = ("alloy", "echo", "fable", "nova", "onyx", "shimmer")
_STATUS = {"invalid_api_key": 401, "model_not_found": 404, "engine_failed": 500, "fault": 500}
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_PIECE = re.compile(r"\s*\S{1,6}")


class _Server:
    """What its paths have in common."""

    name: str = "openai"
    max_body: int = LARGEST + 1_000_000
    codes = Codes("engine_failed", "fault", "file_too_large")

    def answer(self, call: Call) -> Reply:
        """See `HttpProvider.answer`."""
        if call.bearer != DEMO:
            raise Declined("invalid_api_key", "Incorrect API key provided", 401)
        return self.work(call)

    def work(self, call: Call) -> Reply:
        """The answer to a request that was let in."""
        raise NotImplementedError

    def refusal(self, declined: Declined) -> Reply:
        """See `HttpProvider.refusal`. A numeric code of a fault plan is a status."""
        code = declined.code
        if isinstance(code, int):
            status = code if 400 <= code < 600 else 500
        else:
            status = 413 if code == "file_too_large" else _STATUS.get(code, 400)
        kind = "server_error" if status >= 500 else "invalid_request_error"
        error = {"message": declined.msg, "type": kind, "param": None, "code": str(code)}
        return _json({"error": error}, status)


class Models(_Server):
    """`GET /v1/models`."""

    name = "openai-models"

    def work(self, call: Call) -> Reply:
        names = ("whisper-1", "tts-1", "emulator-chat")
        made = {"object": "model", "created": 0, "owned_by": "dragoman"}
        return _json({"object": "list", "data": [{"id": name, **made} for name in names]})


class Transcription(_Server):
    """`/v1/audio/transcriptions`, or `/v1/audio/translations` into `english`."""

    _FIELDS: ClassVar = ("model", "prompt", "response_format", "temperature")
    _GRANULARITIES: ClassVar = {"word", "segment"}

    def __init__(self, engine: Engine, *, english: bool = False) -> None:
        self._engine, self._english = engine, english
        self.name = "openai-translation" if english else "openai-transcription"
        more = () if english else ("language", "timestamp_granularities[]")
        self._known = (*self._FIELDS, *more)

    def work(self, call: Call) -> Reply:
        fields, sound = self._form(call)
        verbose, granularities = self._options(fields)
        language = self._language(fields.get("language", ""))
        heard = listen(self._engine, sound.mono, language)
        if self._english and language != "en":
            heard = [self._in_english(each, language) for each in heard]
        spoken = "en" if self._english else language
        answer: dict[str, object] = {"text": joined((each.text for each in heard), spoken)}
        if verbose:
            task = "translate" if self._english else "transcribe"
            answer |= {"task": task, "language": spoken, "duration": sound.ms / 1_000}
            answer["segments"] = [_segment(n, each) for n, each in enumerate(heard)]
            if "word" in granularities:
                answer["words"] = [word for each in heard for word in _words(each)]
        return _json(answer)

    def _form(self, call: Call) -> tuple[Mapping[str, str], Sound]:
        try:
            parts = read_multipart(
                call.headers.get("content-type", ""), call.body, ("timestamp_granularities[]",)
            )
            fields = {name: part.text for name, part in parts.items() if name != "file"}
        except BadForm as bad:
            raise _invalid(str(bad)) from None
        file = parts.get("file")
        call.page.note_fields({**fields, **({"file": file.data} if file else {})})
        for name in fields.keys() - set(self._known):
            raise _invalid(f"unknown field {name[:40]!r}")
        if not fields.get("model"):
            raise _invalid("you must provide a model parameter")
        sound = _sound(file)
        call.page.note_audio(sound.mono)
        return fields, sound

    def _options(self, fields: Mapping[str, str]) -> tuple[bool, Collection[str]]:
        wanted = fields.get("response_format", "json")
        if wanted not in ("json", "verbose_json"):
            raise _invalid("response_format must be json or verbose_json")
        given = {each for each in fields.get("timestamp_granularities[]", "").split(",") if each}
        if given - self._GRANULARITIES or (given and wanted != "verbose_json"):
            raise _invalid("timestamp_granularities[] are word or segment, for verbose_json")
        if not re.fullmatch(r"0(\.[0-9]+)?|1(\.0+)?", fields.get("temperature", "0")):
            raise _invalid("temperature must be between 0 and 1")
        return wanted == "verbose_json", given

    def _language(self, given: str) -> str:
        if given and not _LANGUAGE.fullmatch(given):
            raise _invalid(f"invalid language {given[:20]!r}: expected ISO-639-1")
        try:
            target = "en" if self._english else None
            return first_heard(self._engine, [given] if given else ["en", "zh"], target)
        except Unsupported as unsupported:
            raise _invalid(str(unsupported)) from None

    def _in_english(self, heard: Heard, language: str) -> Heard:
        text = self._engine.translate(heard.text, language, "en")
        return Heard(heard.kind, heard.index, text, heard.start_ms, heard.end_ms)


class Speech(_Server):
    """`/v1/audio/speech` in WAV or PCM."""

    name = "openai-speech"
    max_body = 100_000
    _KEYS: ClassVar = {"model", "input", "voice", "response_format", "speed", "instructions"}

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def work(self, call: Call) -> Reply:
        fields = _object(call, self._KEYS)
        for key in ("model", "input", "voice"):
            if not isinstance(fields.get(key), str) or not fields[key]:
                raise _invalid(f"{key} is required")
        wanted = fields.get("response_format", "mp3")
        if wanted not in ("wav", "pcm"):
            raise _invalid("this server speaks response_format wav and pcm")
        text, voice = str(fields["input"]), str(fields["voice"])
        if len(text) > 4096:
            raise _invalid("input is longer than 4096 characters")
        spoken = self._engine.speak(text, _voice_language(voice))
        samples = np.frombuffer(spoken, "<i2").astype("float32")
        pcm = soxr.resample(samples, SPEECH_RATE, PCM_RATE).clip(-32768, 32767).astype("<i2")
        if wanted == "pcm":
            return Reply(pcm.tobytes(), content_type="audio/pcm")
        return Reply(_streamed_wav(pcm.tobytes()), content_type="audio/wav")


class Chat(_Server):
    """`/v1/chat/completions`: translates or summarises, as its system prompt says."""

    name = "openai-chat"
    max_body = 1_000_000
    _KEYS: ClassVar = {"model", "messages", "stream", "temperature", "max_tokens", "stream_options"}

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def work(self, call: Call) -> Reply:
        fields = _object(call, self._KEYS)
        prompt, text = _messages(fields.get("messages"))
        said = self._work(prompt, text)
        model = str(fields.get("model") or "emulator-chat")
        made = {"id": "chatcmpl-1", "created": int(call.unix_s), "model": model}
        if fields.get("stream"):
            return Reply(content_type="text/event-stream", events=list(_events(made, said)))
        message = {"role": "assistant", "content": said}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return _json({**made, "object": "chat.completion", "choices": [choice]})

    def _work(self, prompt: str, text: str) -> str:
        if "ummari" in prompt:
            return self._engine.summarise(text)
        named = languages_in(prompt)
        if len(named) < 2:
            return text
        source, target = named[0], named[1]
        try:
            self._engine.require_pair(source, target)
        except Unsupported as unsupported:
            raise _invalid(str(unsupported)) from None
        return self._engine.translate(text, source, target)


def _messages(value: object) -> tuple[str, str]:
    """The system prompt and what the user said last."""
    if not isinstance(value, list) or not value:
        raise _invalid("messages: expected a list that is not empty")
    prompt = text = ""
    for each in value:
        if not isinstance(each, dict) or not isinstance(each.get("content"), str):
            raise _invalid("messages: expected objects with role and content")
        if each.get("role") == "system":
            prompt = each["content"]
        elif each.get("role") == "user":
            text = each["content"]
        elif each.get("role") != "assistant":
            raise _invalid("messages: a role is system, user or assistant")
    return prompt, text


def _events(made: Mapping[str, object], text: str) -> Iterator[bytes]:
    deltas: list[tuple[dict[str, str], str | None]] = [({"role": "assistant", "content": ""}, None)]
    deltas += [({"content": piece}, None) for piece in _PIECE.findall(text)]
    for delta, reason in [*deltas, ({}, "stop")]:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        chunk = {**made, "object": "chat.completion.chunk", "choices": [choice]}
        yield f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n".encode()
    yield b"data: [DONE]\n\n"


def _object(call: Call, known: Collection[str]) -> dict[str, Any]:
    if call.media_type != JSON:
        raise _invalid(f"Content-Type must be {JSON}")
    try:
        fields = parse_object(call.body.decode())
    except (UnicodeError, Refused):
        raise _invalid("the body is no JSON object") from None
    call.page.note_fields(fields)
    for name in fields.keys() - set(known):
        raise _invalid(f"unknown field {name[:40]!r}")
    return fields


def _sound(file: Part | None) -> Sound:
    if file is None or not file.data or file.filename is None:
        raise _invalid("file is missing or empty")
    if len(file.data) > LARGEST:
        raise Declined("file_too_large", "maximum content size limit (26214400) exceeded", 413)
    try:
        return read_sound(file.data)
    except NoSound as none:
        raise _invalid(f"invalid file: {none}") from None


def _segment(number: int, heard: Heard) -> dict[str, object]:
    return {
        "id": number,
        "seek": 0,
        "start": heard.start_ms / 1_000,
        "end": heard.end_ms / 1_000,
        "text": f" {heard.text}",
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": -0.2,
        "compression_ratio": 1.0,
        "no_speech_prob": 0.01,
    }


def _words(heard: Heard) -> Iterator[dict[str, object]]:
    for word in words(heard):
        yield {"word": word.text, "start": word.start_ms / 1_000, "end": word.end_ms / 1_000}


def _voice_language(voice: str) -> str:
    """`en` for OpenAI's own voices, else by the name's beginning (`es-…`); `Declined`."""
    if voice in VOICES:
        return "en"
    found = re.match(r"([a-z]{2,3})([-_]|$)", voice)
    if found is None:
        raise _invalid(f"unknown voice {voice[:40]!r} (have: {', '.join(VOICES)}, or es-…)")
    return found[1]


def _streamed_wav(pcm: bytes) -> bytes:
    """A WAV file as a server writes it that does not know yet how long it gets."""
    form = struct.pack("<IHHIIHH", 16, 1, 1, PCM_RATE, 2 * PCM_RATE, 2, 16)
    most = struct.pack("<I", 0xFFFFFFFF)
    return b"".join((b"RIFF", most, b"WAVEfmt ", form, b"data", most, pcm))


def _json(value: Mapping[str, object], status: int = 200) -> Reply:
    return Reply(json.dumps(value, ensure_ascii=False).encode(), status)


def _invalid(msg: str) -> Declined:
    return Declined("invalid_request", msg, 400)
