"""The emulator as one's own servers, asked by the clients others use: wyoming's and OpenAI's."""

from __future__ import annotations

import asyncio
import io
import socket
import wave
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import openai
import pytest
from openai import OpenAI
from wyoming.asr import Transcribe, Transcript, TranscriptChunk
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.tts import Synthesize

from agent.emulator import Emulator
from agent.emulator.engines.tones import silence, tone_words
from tests.patience import HANG_S
from tests.system.emulated import emulator as emulator
from tests.system.emulated import request

RATE, VOICE_RATE = 16000, 22050


def speech(*sentences: tuple[int, ...]) -> bytes:
    said = (tone_words(each, RATE) + silence(RATE, 1400) for each in sentences)
    return silence(RATE, 600) + b"".join(said)


def asked(emulator: Emulator, *events: Event, until: str) -> list[Event]:
    """What the wyoming package's client gets for ``events``."""

    async def talk() -> list[Event]:
        got: list[Event] = []
        async with AsyncTcpClient("127.0.0.1", int(emulator.url.rpartition(":")[2])) as client:
            for event in events:
                await client.write_event(event)
            while not got or got[-1].type not in (until, "error"):
                event = await asyncio.wait_for(client.read_event(), HANG_S)
                assert event is not None, "hung up"
                got.append(event)
        return got

    return asyncio.run(talk())


def chunks(pcm: bytes) -> list[Event]:
    form = {"rate": RATE, "width": 2, "channels": 1}
    pieces = [pcm[at : at + 2048] for at in range(0, len(pcm), 2048)]
    return [
        AudioStart(**form).event(),
        *(AudioChunk(audio=piece, **form).event() for piece in pieces),
        AudioStop().event(),
    ]


def test_the_wyoming_client_describes_the_emulator(emulator: Emulator) -> None:
    (event,) = asked(emulator, Describe().event(), until="info")
    info = Info.from_event(event)
    assert info.asr[0].models[0].languages
    assert info.tts[0].voices


def test_the_wyoming_client_is_heard(emulator: Emulator) -> None:
    sound = chunks(speech((1, 2), (3,)))
    got = asked(emulator, Transcribe(language="en").event(), *sound, until="transcript")
    assert Transcript.from_event(got[-1]).text == "w1 w2 w3"
    pieces = [TranscriptChunk.from_event(e).text for e in got if TranscriptChunk.is_type(e.type)]
    assert "".join(pieces) == "w1 w2 w3"[: len("".join(pieces))]


def test_the_wyoming_client_is_spoken_to(emulator: Emulator) -> None:
    got = asked(emulator, Synthesize(text="a bc").event(), until="audio-stop")
    start = AudioStart.from_event(got[0])
    sound = b"".join(AudioChunk.from_event(event).audio for event in got[1:-1])
    assert (start.rate, start.width, start.channels) == (VOICE_RATE, 2, 1)
    assert len(sound) / 2 / VOICE_RATE > 0.3


def test_the_wyoming_client_is_refused_what_is_wrong(emulator: Emulator) -> None:
    form = {"rate": 44100, "width": 2, "channels": 2}
    got = asked(emulator, AudioStart(**form).event(), until="transcript")
    assert Error.from_event(got[-1]).code == "bad-audio"


@pytest.fixture
def client(emulator: Emulator) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{emulator.url}/v1", api_key="demo", max_retries=0) as made:
        yield made


def wav(pcm: bytes) -> tuple[str, bytes]:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, RATE, 0, "NONE", ""))
        out.writeframes(pcm)
    return "speech.wav", file.getvalue()


def test_the_openai_client_is_heard(client: OpenAI) -> None:
    heard = client.audio.transcriptions.create(
        file=wav(speech((1, 2), (3,))),
        model="whisper-1",
        language="en",
        response_format="verbose_json",
        timestamp_granularities=["segment", "word"],
    )
    assert heard.text == "w1 w2 w3"
    assert [segment.text for segment in heard.segments or []] == [" w1 w2", " w3"]
    assert [word.word for word in heard.words or []] == ["w1", "w2", "w3"]


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # servers go on having it
def test_the_openai_client_is_translated(client: OpenAI) -> None:
    heard = client.audio.translations.create(file=wav(speech((1, 2))), model="whisper-1")
    assert heard.text == "w1 w2"


@pytest.mark.parametrize("form", ["wav", "pcm"])
def test_the_openai_client_is_spoken_to(client: OpenAI, form: Any) -> None:
    made = client.audio.speech.create(
        model="tts-1", input="a bc", voice="alloy", response_format=form
    )
    assert len(made.content) > 24000 * 2 * 0.3
    assert made.content.startswith(b"RIFF") == (form == "wav")


def test_the_openai_client_chats(client: OpenAI) -> None:
    messages: Any = [
        {"role": "system", "content": "Translate from English to Spanish."},
        {"role": "user", "content": "good morning"},
    ]
    whole = client.chat.completions.create(model="m", messages=messages)
    assert whole.choices[0].message.content == "[es] good morning"
    stream = client.chat.completions.create(model="m", messages=messages, stream=True)
    assert "".join(c.choices[0].delta.content or "" for c in stream) == "[es] good morning"
    assert [model.id for model in client.models.list()]


def test_the_openai_client_is_refused_with_its_own_errors(emulator: Emulator) -> None:
    url = f"{emulator.url}/v1"
    with (
        OpenAI(base_url=url, api_key="wrong", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError),
    ):
        client.models.list()
    with (
        OpenAI(base_url=url, api_key="demo", max_retries=0) as client,
        pytest.raises(openai.BadRequestError),
    ):
        client.audio.speech.create(model="m", input="a", voice="unknown voice")


def test_libretranslate_as_its_page_has_it(emulator: Emulator) -> None:
    asked = b'{"q": "hello there", "source": "en", "target": "es", "api_key": "demo"}'
    headers = {"Content-Type": "application/json"}
    status, body = request(f"{emulator.url}/translate", asked, headers)
    assert (status, body) == (200, b'{"translatedText": "[es] hello there"}')
    status, body = request(f"{emulator.url}/translate", asked.replace(b"demo", b"x"), headers)
    assert (status, body) == (403, b'{"error": "Invalid API key"}')
    status, body = request(f"{emulator.url}/languages")
    assert status == 200
    assert b'"code": "en"' in body


@pytest.mark.parametrize(
    "sent",
    [
        b"{",
        b"{}\n",
        b'{"type": 7}\n',
        b'{"type": "audio-chunk", "payload_length": -1}\n',
        b'{"type": "audio-chunk", "payload_length": 4}\nabcd',
        b'{"type": "audio-stop"}\n',
        b'{"type": "synthesize", "data": {"text": 7}}\n',
        b'{"type": "transcribe", "data": {"language": "en"}, "data_length": 2}\n[]',
        b"{" + b"x" * 70_000 + b"\n",
        b"{" + b"[" * 60_000 + b"\n",
    ],
)
def test_what_is_no_wyoming_is_refused_and_survived(emulator: Emulator, sent: bytes) -> None:
    port = int(emulator.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), HANG_S) as client:
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        answer = b""
        with suppress(ConnectionResetError):
            while piece := client.recv(4096):
                answer += piece
    assert not answer or b'"type": "error"' in answer
    assert asked(emulator, Describe().event(), until="info")  # it goes on
