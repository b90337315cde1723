"""Tencent TSI: `TongChuanSync` takes speech in chunks and answers with what it heard so far.

After the TSI quick start document and its sample code; what that leaves open (languages, the
answer's fields, error codes) is as Tencent's own SDK for `tsi` 2021-03-25 documents it. The
sample sends each chunk as a WAV file under `AudioFormat` 1 (pcm): both are taken, and measured
by their samples. `TranslateTime` is 0 (no translation), 2 (sentence by sentence), or 1 as in the
sample, which is taken for 2. With `TTS` a settled translation is spoken in `Audio`.
"""

from __future__ import annotations

import base64
import binascii
import json
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from agent.emulator.call import JSON, Call, Codes, Declined, Reply
from agent.emulator.engines import Engine, EngineFailed, Unsupported
from agent.emulator.limits import RateLimit
from agent.emulator.sound import NoSound, kind_of, read_sound
from agent.emulator.stream import Refused, Rules, parse_object
from agent.emulator.tencent.sentences import Chunk, Sentence, Session
from agent.emulator.tencent.tc3 import verify
from agent.emulator.tencent.voice import Voice, read_voice

ACTION, VERSION, SERVICE = "TongChuanSync", "2021-03-25", "tsi"
TYPES: dict[str, type] = {
    "SessionUuid": str, "Source": str, "Target": str, "AudioFormat": int, "Seq": int,
    "Utc": int, "IsEnd": int, "TranslateTime": int, "Data": str,
}  # fmt: skip
TARGETS = {
    "zh": ("en", "ja", "ko", "yue"),
    "en": ("zh",), "ja": ("zh",), "ko": ("zh",), "yue": ("zh",),
}  # fmt: skip
SHORTEST_MS, LONGEST_MS = 200, 500
_IDLE_MS = 60_000
"""The document has no such limit; an abandoned session must end some time."""


@dataclass(frozen=True)
class Wish:
    """What a request asks for."""

    session: str
    source: str
    target: str | None
    chunk: Chunk
    voice: Voice | None = None

    @property
    def languages(self) -> tuple[str, str | None]:
        """From which and into which, if into any."""
        return self.source, self.target


class TsiProvider:
    """Keeps the sessions and what all of them may send."""

    name = "tencent-tsi"
    max_body = 1_000_000
    codes = Codes("InternalError", "InternalError", "RequestSizeLimitExceeded")

    def __init__(self, engine: Engine, rules: Rules) -> None:
        self._engine, self._rules = engine, rules
        self._rate = RateLimit(rules.chunks_per_s)
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()

    def answer(self, call: Call) -> Reply:
        """See `HttpProvider.answer`."""
        _check_action(call)
        verify(call, SERVICE)
        if not self._rate.take(call.now_ms):
            most = f"The request limit of {self._rate.count} per second is exceeded."
            raise Declined("RequestLimitExceeded", most)
        wish = read_wish(call)
        session = self._session(wish, call.now_ms)
        with session.lock:
            return Reply(session.answered(wish.chunk) or self._hear(session, wish, call))

    def refusal(self, declined: Declined) -> Reply:
        """See `HttpProvider.refusal`; a refusal of the API has status 200, too."""
        return Reply(_response({"Error": {"Code": str(declined.code), "Message": declined.msg}}))

    def _session(self, wish: Wish, now_ms: float) -> Session:
        with self._lock:
            for old in [k for k, s in self._sessions.items() if s.used_ms < now_ms - _IDLE_MS]:
                del self._sessions[old]
            if wish.session not in self._sessions:
                self._sessions[wish.session] = self._new_session(wish, now_ms)
            return self._sessions[wish.session]

    def _new_session(self, wish: Wish, now_ms: float) -> Session:
        if wish.chunk.seq != 0:
            raise Declined("InvalidParameterValue", "A session begins with `Seq` 0.")
        try:
            self._engine.require(wish.source, wish.target)
        except Unsupported as unsupported:
            raise Declined("UnsupportedOperation", str(unsupported)) from None
        recognizer = self._engine.recognizer(wish.source, 16_000)
        # the first chunk was spoken before it could be sent
        return Session(wish.languages, recognizer, self._rules, now_ms - wish.chunk.ms)

    def _hear(self, session: Session, wish: Wish, call: Call) -> bytes:
        session.check(wish.languages, wish.chunk, call.now_ms)
        call.page.note_audio(wish.chunk.pcm)
        try:
            changed = [s for s in session.hear(wish.chunk) if s.heard.text]
            answer = _response({"List": [self._told(wish, sentence) for sentence in changed]})
        except EngineFailed:
            with self._lock:
                self._sessions.pop(wish.session, None)  # what it heard is lost
            raise
        session.remember(wish.chunk, answer)
        return answer

    def _told(self, wish: Wish, sentence: Sentence) -> dict[str, object]:
        heard, target, audio = sentence.heard, "", b""
        if wish.target:
            target = self._engine.translate(heard.text, wish.source, wish.target)
        if wish.target and wish.voice and heard.kind == "final":
            audio = wish.voice.encoded(self._engine.speak(target, wish.target))
        return {
            "SeId": f"{wish.session}_{heard.index}",
            "SeVer": sentence.version,
            "SourceText": heard.text,
            "TargetText": target,
            "StartTime": heard.start_ms,
            "EndTime": heard.end_ms,
            "IsEnd": heard.kind == "final",
            "Audio": base64.b64encode(audio).decode(),
        }


def _response(content: Mapping[str, object]) -> bytes:
    response = {**content, "RequestId": str(uuid.uuid4())}
    return json.dumps({"Response": response}, ensure_ascii=False).encode()


def _check_action(call: Call) -> None:
    for header, value, code in (
        ("X-TC-Action", ACTION, "InvalidAction"),
        ("X-TC-Version", VERSION, "NoSuchVersion"),
    ):
        given = call.headers.get(header.lower())
        if given is None:
            raise Declined("MissingParameter", f"The request is missing the header {header}.")
        if given != value:
            raise Declined(code, f"{header} must be {value}.")
    if call.media_type != JSON:
        raise Declined("UnsupportedProtocol", f"Content-Type must be {JSON}.")


def read_wish(call: Call) -> Wish:
    """The parameters (section 2); `Declined` when they are not as the document has them."""
    fields = _fields(call)
    source, target = str(fields["Source"]), str(fields["Target"])
    if fields["AudioFormat"] != 1:
        raise Declined("UnsupportedOperation.AudioFormat", "`AudioFormat` must be 1 (pcm).")
    if fields["IsEnd"] not in (0, 1):
        raise Declined("UnsupportedOperation.IsEnd", "`IsEnd` must be 0 or 1.")
    if fields["TranslateTime"] not in (0, 1, 2):
        raise Declined("UnsupportedOperation.TranslateTime", "`TranslateTime` must be 0 or 2.")
    if source not in TARGETS or target not in TARGETS:
        raise Declined("InvalidParameterValue", f"The languages are {', '.join(TARGETS)}.")
    translated = bool(fields["TranslateTime"])
    if translated and target not in TARGETS[source]:
        allowed = ", ".join(TARGETS[source])
        raise Declined("UnsupportedOperation", f"From {source} the targets are {allowed}.")
    chunk = Chunk(int(str(fields["Seq"])), _pcm(str(fields["Data"])), bool(fields["IsEnd"]))
    voice = read_voice(fields["TTS"]) if "TTS" in fields else None
    return Wish(str(fields["SessionUuid"]), source, target if translated else None, chunk, voice)


def _fields(call: Call) -> dict[str, object]:
    try:
        fields = parse_object(call.body.decode())
        json.dumps(fields, ensure_ascii=False).encode()  # halves of surrogate pairs are no text
    except UnicodeError:
        raise Declined("InvalidParameter", "The request is not in UTF-8.") from None
    except Refused as refused:
        raise Declined("InvalidParameter", f"The request is {refused.msg}.") from None
    call.page.note_fields(fields)
    for name in fields.keys() - {*TYPES, "TTS"}:
        raise Declined("UnknownParameter", f"The parameter `{name[:40]}` is not recognized.")
    for name, kind in TYPES.items():
        if name not in fields or fields[name] == "":
            raise Declined("MissingParameter", f"The request is missing the parameter `{name}`.")
        if type(fields[name]) is not kind:
            raise Declined("InvalidParameter", f"The value type of `{name}` is not valid.")
    for name in ("Seq", "Utc"):
        if int(str(fields[name])) < 0:
            raise Declined("InvalidParameterValue", f"`{name}` must not be negative.")
    return fields


def _pcm(data: str) -> bytes:
    """The samples of a chunk; `Declined` for another format or length."""
    try:
        pcm = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):  # ValueError: not ASCII
        raise Declined("InvalidParameterValue", "`Data` is not valid Base64.") from None
    if kind_of(pcm) == "wav":
        pcm = _from_wav(pcm)
    if len(pcm) % 2 or not SHORTEST_MS * 32 <= len(pcm) <= LONGEST_MS * 32:
        raise Declined(
            "InvalidParameterValue",
            f"`Data` is {len(pcm) / 32:.1f} ms of 16 kHz 16-bit audio, "
            f"not {SHORTEST_MS} to {LONGEST_MS} ms.",
        )
    return pcm


def _from_wav(wav: bytes) -> bytes:
    try:
        sound = read_sound(wav)
    except NoSound:
        raise Declined("InvalidParameterValue", "`Data` is not a readable WAV file.") from None
    if (sound.rate, sound.bits, len(sound.channels)) != (16_000, 16, 1):
        raise Declined("InvalidParameterValue", "`Data` must be 16 kHz, 16 bits, one channel.")
    return sound.mono
