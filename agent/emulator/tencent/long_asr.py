"""Tencent AI open platform, long speech recognition: submit a recording, be called back later.

After the document of `aai_wxasrlong`. It has a table of parameters and none of error codes:
those in `job.Ret` are the emulator's own. Its signature is described elsewhere: the MD5 in upper
case of all parameters that are not empty, sorted by name and URL-encoded as PHP does it, and the
key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
import itertools
import json
import re
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from urllib.parse import quote_plus, urlsplit

from agent.emulator.call import FORM, Call, Codes, Declined, Reply
from agent.emulator.engines import Engine, Unsupported
from agent.emulator.forms import BadForm, read_urlencoded
from agent.emulator.hearing import first_heard, joined, listen
from agent.emulator.limits import RateLimit
from agent.emulator.sound import NoSound, Sound, kind_of, read_pcm, read_sound
from agent.emulator.stream import DEMO, Rules
from agent.emulator.tencent.job import Job, Ret, run_job

PATH = "/fcgi-bin/aai/aai_wxasrlong"
APP_ID = "1000001"
FORMATS = {"1": "pcm", "2": "wav", "3": "amr", "4": "silk"}
LONGEST_MS = 15 * 60_000
MOST_DIRECT = 5 * 1024 * 1024
WITHIN_S = 300
"""The document asks for the time in seconds and not how exact it must be."""

_INTEGER = re.compile(r"[1-9][0-9]{0,11}")
_KNOWN = ("app_id", "time_stamp", "nonce_str", "sign", "format", "callback_url")
_SPEECH = ("speech", "speech_url")


@dataclass(frozen=True)
class Wish:
    """A submission that is in order; one of `speech` and `speech_url` is None."""

    kind: str
    callback_url: str
    speech: bytes | None
    speech_url: str | None


class LongAsrProvider:
    """Takes recordings and works on them after it has answered.

    It is for Mandarin only; an engine that cannot hear it hears English, so that it can be tried.
    """

    name = "tencent-long-asr"
    max_body = 24_000_000  # 5 MB grow by a third in Base64, and up to threefold when URL-encoded
    codes = Codes(int(Ret.ENGINE), int(Ret.ENGINE), int(Ret.TOO_LARGE))

    def __init__(self, engine: Engine, rules: Rules, executor: Executor) -> None:
        """`executor` is where jobs recognise."""
        self._engine, self._rules, self._executor = engine, rules, executor
        self._rate = RateLimit(rules.jobs_per_s)
        self._numbers = itertools.count(1)

    def answer(self, call: Call) -> Reply:
        """See `HttpProvider.answer`."""
        wish = self._wish(call)
        task_id = f"{next(self._numbers)}_{round(call.unix_s * 1_000)}"
        if wish.speech is not None:
            self._check_sound(wish.kind, wish.speech)
        hear = partial(self._hear, call, wish.kind)
        source = wish.speech if wish.speech is not None else str(wish.speech_url)
        job = Job(task_id, wish.callback_url, source, hear, call.page.callbacks.append)
        answer = {"ret": 0, "msg": "ok", "data": {"task_id": task_id}}
        return Reply(
            json.dumps(answer).encode(), then=lambda: run_job(job, self._rules, self._executor)
        )

    def refusal(self, declined: Declined) -> Reply:
        """See `HttpProvider.refusal`."""
        answer: dict[str, object] = {"ret": declined.code, "msg": declined.msg, "data": {}}
        return Reply(json.dumps(answer, ensure_ascii=False).encode())

    def _wish(self, call: Call) -> Wish:
        fields = _fields(call)
        if fields["app_id"] != APP_ID:
            raise Declined(Ret.APP_ID, "app_id is not known")
        if abs(call.unix_s - int(fields["time_stamp"])) > WITHIN_S:
            raise Declined(Ret.TIME, f"time_stamp is more than {WITHIN_S} s off")
        if not hmac.compare_digest(sign(fields, DEMO).encode(), fields["sign"].encode()):
            raise Declined(Ret.SIGN, "sign is not right")
        if not self._rate.take(call.now_ms):
            raise Declined(Ret.RATE, f"more than {self._rate.count} requests per second")
        return _wish(fields, call.remote)

    def _check_sound(self, kind: str, data: bytes) -> Sound | None:
        """The sound, if it can be decoded here; `Declined` if it is none or breaks a limit."""
        if kind == "silk":
            if kind_of(data) != "silk":
                raise Declined(Ret.FORMAT, "speech is not SILK")
            return None
        try:
            sound = read_pcm(data, self._rules.rate) if kind == "pcm" else read_sound(data)
        except NoSound as none:
            raise Declined(Ret.FORMAT, f"speech: {none}") from None
        if sound.kind != kind:
            raise Declined(Ret.FORMAT, f"speech is {sound.kind.upper()}, not {kind.upper()}")
        if kind == "wav" and _shape(sound) not in ((8_000, 16, 1), (16_000, 16, 1)):
            raise Declined(Ret.FORMAT, "speech must have 16k or 8k, 16 bits and one channel")
        if sound.ms > LONGEST_MS:
            raise Declined(Ret.TOO_LONG, f"speech is {sound.ms / 60_000:.1f} min, at most 15")
        return sound

    def _hear(self, call: Call, kind: str, data: bytes) -> str:
        """What the recording says; `Declined` or `EngineFailed`. Called in a thread."""
        sound = self._check_sound(kind, data)
        if sound is None:
            raise Declined(Ret.ENGINE, "this emulator has no decoder for SILK")
        call.page.note_audio(sound.mono)
        try:
            language = first_heard(self._engine, ("zh", "en"))
        except Unsupported as unsupported:
            raise Declined(Ret.ENGINE, str(unsupported)) from None
        sentences = listen(self._engine, sound.mono, language)
        return joined((sentence.text for sentence in sentences), language)


def sign(fields: Mapping[str, str], app_key: str) -> str:
    """The signature of these parameters; `sign` itself and empty ones do not count."""
    signed = sorted((k, v) for k, v in fields.items() if k != "sign" and v)
    text = "&".join(f"{name}={_urlencode(value)}" for name, value in signed)
    whole = f"{text}&app_key={_urlencode(app_key)}"
    return hashlib.md5(whole.encode(), usedforsecurity=False).hexdigest().upper()


def _urlencode(text: str) -> str:
    return quote_plus(text).replace("~", "%7E")  # PHP leaves only -_. as they are


def _fields(call: Call) -> dict[str, str]:
    """The form's fields (section 2); `Declined` for missing, unknown or malformed ones."""
    if call.media_type != FORM:
        raise Declined(Ret.PARAMETER, f"Content-Type must be {FORM}")
    try:
        fields = read_urlencoded(call.body)
    except BadForm as bad:
        raise Declined(Ret.PARAMETER, str(bad)) from None
    call.page.note_fields({k: v for k, v in fields.items() if k != "sign"})
    for name in fields.keys() - {*_KNOWN, *_SPEECH}:
        raise Declined(Ret.PARAMETER, f"unknown parameter {name[:40]!r}")
    for name in _KNOWN:
        if not fields.get(name):
            raise Declined(Ret.PARAMETER, f"{name} is missing or empty")
    for name in ("app_id", "time_stamp", "format"):
        if not _INTEGER.fullmatch(fields[name]):
            raise Declined(Ret.PARAMETER, f"{name} must be a positive integer")
    if len(fields["nonce_str"].encode()) > 32:
        raise Declined(Ret.PARAMETER, "nonce_str is longer than 32 bytes")
    if len(fields["sign"].encode()) != 32:
        raise Declined(Ret.PARAMETER, "sign must have 32 bytes")
    return fields


def _wish(fields: Mapping[str, str], remote: str) -> Wish:
    if fields["format"] not in FORMATS:
        raise Declined(Ret.PARAMETER, "format must be 1 (PCM), 2 (WAV), 3 (AMR) or 4 (SILK)")
    if not _is_here(fields["callback_url"], remote):
        raise Declined(Ret.ADDRESS, "callback_url: the emulator calls this machine and you only")
    kind, callback_url = FORMATS[fields["format"]], fields["callback_url"]
    if speech := fields.get("speech"):  # preferred when both are there
        return Wish(kind, callback_url, _decoded(speech), None)
    if not (speech_url := fields.get("speech_url")):
        raise Declined(Ret.PARAMETER, "one of speech and speech_url is needed")
    if not _is_here(speech_url):
        raise Declined(Ret.ADDRESS, "speech_url: the emulator fetches from this machine only")
    return Wish(kind, callback_url, None, speech_url)


def _decoded(speech: str) -> bytes:
    try:
        data = base64.b64decode(speech, validate=True)
    except (binascii.Error, ValueError):  # ValueError: not ASCII
        raise Declined(Ret.PARAMETER, "speech is not valid Base64") from None
    if len(data) > MOST_DIRECT:
        raise Declined(Ret.TOO_LARGE, "speech is larger than 5 MB")
    return data


def _is_here(url: str, remote: str = "") -> bool:
    """Whether this is an address of this machine or of the client, without asking any DNS."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
        if parts.scheme not in ("http", "https") or not host:
            return False
        return host == "localhost" or host == remote or ipaddress.ip_address(host).is_loopback
    except ValueError:  # a port or an address that is none
        return False


def _shape(sound: Sound) -> tuple[int, int, int]:
    return sound.rate, sound.bits, len(sound.channels)
