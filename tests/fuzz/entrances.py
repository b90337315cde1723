"""Every way in: what takes bytes from strangers, and what each may do with them.

An entrance takes any bytes and returns.  What it raises is a find; so is a hang.
"""

from __future__ import annotations

import json
import socket
import tempfile
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from agent.audio.kinds import kind_of
from agent.audio.wav import WavReader
from agent.cli.summarize import spoken
from agent.clock import ManualClock, SystemClock
from agent.config import loader
from agent.control import commands
from agent.errors import ConfigError, DeviceError, LinkError, UsageError
from agent.fleet import table
from agent.fleet.roster import Roster
from agent.link.dial import Limits
from agent.link.exchange import Job
from agent.link.http import HttpClient
from agent.link.spool import Spool
from agent.link.websocket import WebSocket
from agent.redact import hide
from agent.report import payloads
from agent.report.signals import Incoming
from agent.services import libretranslate, openai, openai_chat, wyoming
from agent.services.reading import Malformed
from agent.services.shapes import Response
from agent.services.twetalk_stream import Stream
from agent.services.wav import samples
from agent.web import messages
from tests.unit.emulator.calls import call
from tests.unit.emulator.test_any_request import PROVIDERS, answered
from tests.unit.link.test_http_hostile import OK, ask
from tests.unit.services.test_liberal import DECODERS

CORPUS = Path(__file__).parent / "corpus"

Take = Callable[[bytes], None]


@dataclass(frozen=True, slots=True)
class Entrance:
    """A way in, and what comes in as it should (or nearly): where mutations begin."""

    take: Take
    seeds: tuple[bytes, ...]

    def corpus(self, name: str) -> list[bytes]:
        """The seeds, and what was found once."""
        found = sorted((CORPUS / name).glob("*")) if (CORPUS / name).is_dir() else []
        return [*self.seeds, *(path.read_bytes() for path in found)]


# --- clouds ----------------------------------------------------------------------------------


def _decoder(name: str) -> Take:
    read = DECODERS[name][0]

    def take(data: bytes) -> None:
        with suppress(UnicodeDecodeError):  # text of a WebSocket is UTF-8: the library sees to it
            json.dumps([str(event) for event in read(data)]).encode()

    return take


def _http(data: bytes) -> None:
    ask(data)


def _events(data: bytes) -> None:
    stream = Stream("text", None, says_end=True)
    cut = data[0] % (len(data) or 1) if data else 0
    for piece in (data[:cut], data[cut:]):
        stream.feed(piece)
    stream.finish()


def _websocket(data: bytes) -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    clock = SystemClock()
    with theirs, closing(ours):
        link = WebSocket(ours, Limits(silence=5.0), clock)
        theirs.setblocking(False)
        with suppress(OSError):
            theirs.send(data)
        with suppress(OSError):
            theirs.shutdown(socket.SHUT_WR)
        with suppress(LinkError):
            while True:
                link.receive(clock.now() + 5.0)


# --- the house -------------------------------------------------------------------------------


def _command(data: bytes) -> None:
    try:
        commands.parse(payloads.parse_command(data), buttons=2)
    except UsageError as error:
        payloads.encode(payloads.result({}, str(error)))


def _page(data: bytes) -> None:
    with suppress(UsageError):
        messages.read(payloads.parse_command(data))


def _fleet(data: bytes) -> None:
    roster = Roster("dragoman")
    now = datetime(2026, 1, 1, tzinfo=UTC)
    topic, _, payload = data.partition(b"\n")
    name = f"dragoman/{topic.decode(errors='replace')}"
    roster.take(Incoming(name, payload, bool(data) and data[0] % 2 == 0), 0.0, now)
    shown = table.entries(roster, 0.0, now)
    for line in table.lines(shown, 60):
        assert "\x1b" not in line.text
        assert "\u202e" not in line.text
    json.dumps([table.as_json(entry) for entry in shown])


def _config(data: bytes) -> None:
    with tempfile.NamedTemporaryFile(suffix=".yaml") as file:
        file.write(data)
        file.flush()
        with suppress(ConfigError):
            loader.load(file.name, env={"TOKEN": "t"})


def _callback(data: bytes) -> None:
    from tests.unit.link.test_exchange import provider

    ticket, _, body = data.partition(b"\n")
    job = Job(provider("tencent-long-asr", "zh"), _Nothing(), ManualClock())
    assert job.deliver(ticket.decode("latin-1"), lambda: body) is None


class _Nothing(HttpClient):
    def __init__(self) -> None:
        pass


def _emulator(data: bytes) -> None:
    first, _, body = data.partition(b"\n")
    provider = PROVIDERS[first[0] % len(PROVIDERS) if first else 0]
    headers = {"content-type": "application/json", "authorization": "Bearer demo"}
    answered(provider, call(body, headers, parameters={"endpoint": "demo"}))


# --- files -----------------------------------------------------------------------------------


def _wav(data: bytes) -> None:
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        file.write(data)
        file.flush()
        with suppress(DeviceError, UsageError), closing(WavReader(file.name)) as reader:
            while reader.read(4096):
                pass


def _spoken(data: bytes) -> None:
    with suppress(Malformed):
        assert len(samples(data)) % 2 == 0


def _kind(data: bytes) -> None:
    kind_of(BytesIO(data))


def _recording(data: bytes) -> None:
    """A spool some other program, or a dying card, has written to."""
    with tempfile.TemporaryDirectory() as folder:
        meta, _, sound = data.partition(b"\n")
        Path(folder, "00000001.json").write_bytes(meta)
        Path(folder, "00000001.wav").write_bytes(sound)
        spool = Spool(Path(folder))
        if (recording := spool.oldest()) is not None:
            spool.done(recording)


def _subtitles(data: bytes) -> None:
    spoken(data.decode(errors="replace"))


def _text(data: bytes) -> None:
    hide(data.decode(errors="replace"))


_WAV = (
    b"RIFF\x34\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x80\x3e\0\0\0\x7d\0\0\2\0\x10\0data\x10\0\0\0"
    + bytes(16)
)
_SRT = "1\n00:00:00,000 --> 00:00:01,000\n<b>hello</b> \u4e16\u754c\n".encode()
_STATE = json.dumps(payloads.state("idle", service="youdao", source="zh", target="en")).encode()
_META = b'{"session": "s", "start_ms": 0, "pair": {"source": "en", "target": null}, "at": null}'


def _wyoming(data: bytes) -> None:
    listening = wyoming.Listening("wyoming://nas:10300", "en")
    for event in wyoming.Decoder().feed(data):
        if isinstance(event, wyoming.Event):
            wyoming.offer(event, "asr")
            for each in listening.receive(wyoming.note(event, 0, 0, 40)):
                str(each).encode()


def _chat(data: bytes) -> None:
    chat = openai_chat.Chat(openai.Server("http://nas/v1"), "", None)
    for event in [*chat.feed(data), *chat.finish(), *chat.answer(Response(200, {}, data))]:
        str(event).encode()


def _translation(data: bytes) -> None:
    made = libretranslate.Translate(libretranslate.Server("http://nas"), "en", "es")
    made.feed(data)
    for event in [*made.finish(), *made.answer(Response(400, {}, data))]:
        str(event).encode()
    libretranslate.pairs(Response(200, {}, data))
    openai.models(Response(200, {}, data))


ENTRANCES: Mapping[str, Entrance] = {
    **{
        name: Entrance(_decoder(name), (json.dumps(message).encode(),))
        for name, (_, message, _, _) in DECODERS.items()
    },
    "http": Entrance(
        _http,
        (
            OK + b"Content-Length: 5\r\n\r\nhello",
            OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            OK + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Encoding: gzip\r\n\r\n\x1f\x8b",
        ),
    ),
    "events": Entrance(
        _events,
        (
            b'data: {"code": 0, "text": "a"}\r\n\r\n'
            b'data: {"code": 0, "text": "b", "is_finish": true}\n\n',
        ),
    ),
    "wyoming": Entrance(
        _wyoming,
        (
            wyoming.Event("transcript", {"text": " hi", "language": "en"}).encode(),
            wyoming.audio_chunk(22050, b"\0\1").encode() + wyoming.AUDIO_STOP.encode(),
            b'{"type": "info", "data": {"asr": [{"models": [{"languages": ["en"]}]}]}}\n',
        ),
    ),
    "chat": Entrance(
        _chat,
        (
            b'data: {"choices": [{"delta": {"content": "<think>a</think>b"}}]}\n\ndata: [DONE]\n\n',
            b'{"choices": [{"message": {"content": "hola"}, "finish_reason": "stop"}]}',
        ),
    ),
    "translation": Entrance(
        _translation,
        (
            b'{"translatedText": "hola"}',
            b'[{"code": "en", "targets": ["es"]}]',
            b'{"data": [{"id": "m"}]}',
        ),
    ),
    "websocket": Entrance(
        _websocket,
        (b"\x81\x05hello\x82\x02\0\0\x89\0\x8a\0", b"\x01\x02he\x80\x03llo\x88\x02\x03\xe8"),
    ),
    "command": Entrance(
        _command,
        (b'{"talk": "press", "button": 1, "ref": [1]}', b'{"volume": 40, "service": "own"}'),
    ),
    "page": Entrance(
        _page, (b'{"password": "x"}', b'{"download": "srt", "session": "s", "ref": 1}')
    ),
    "fleet": Entrance(
        _fleet,
        (b"kitchen-1/state\n" + _STATE, b"a/status\nonline", b'b/telemetry\n{"cpu_percent": 1.5}'),
    ),
    "config": Entrance(
        _config,
        (
            b"service: {token: '${TOKEN}', source: zh, target: en}\naudio: {rate: 16000}\n",
            b"talk: {mode: hold, buttons: [{pin: 17}]}\nmqtt: {host: null}\n",
        ),
    ),
    "callback": Entrance(
        _callback, (b'ticket\n{"ret": 0, "msg": "ok", "data": {"task_id": "1", "text": "x"}}',)
    ),
    "emulator": Entrance(_emulator, tuple(b"%c\n{}" % n for n in range(len(PROVIDERS)))),
    "wav": Entrance(_wav, (_WAV,)),
    "spoken": Entrance(_spoken, (_WAV, _WAV[:40] + b"\xff\xff\xff\xff" + bytes(3))),
    "kind": Entrance(
        _kind, (_WAV, b"ID3\4\0\0\0\0\0\0\xff\xfb\x90\0", b"\x02#!SILK_V3", b"OggS", b"fLaC")
    ),
    "recording": Entrance(_recording, (_META + b"\n" + _WAV,)),
    "subtitles": Entrance(_subtitles, (_SRT, b"WEBVTT\n\n" + _SRT)),
    "text": Entrance(_text, (b"Authorization: Bearer x",)),
}
