"""One's own servers: the product against servers made with the packages others use, and those
packages' clients against the emulator."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy
import pytest
from wyoming.asr import Transcribe, Transcript, TranscriptChunk, TranscriptStart, TranscriptStop
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import AsrModel, AsrProgram, Attribution, Describe, Info
from wyoming.server import AsyncEventHandler, AsyncTcpServer
from wyoming.tts import Synthesize, SynthesizeVoice

from agent.app import App
from agent.config import loader
from agent.config.schema import Config
from agent.emulator import Emulator
from agent.emulator.engines.tones import tone_words
from agent.emulator.faults import Fault
from agent.events import Command, Notice
from agent.events import Transcript as Final
from tests.patience import HANG_S
from tests.system.broker import wait_until
from tests.system.device import RATE, Running, read_wav, silence, write_wav
from tests.system.emulated import tones

VOICE_RATE = 22050


def words(*numbers: int) -> bytes:
    """Tones that the emulator hears as words, and any detector as speech."""
    return tone_words(numbers, RATE)


def speech(*sentences: tuple[int, ...]) -> bytes:
    return silence(0.6) + b"".join(words(*each) + silence(1.4) for each in sentences)


def own(tmp_path: Path, pcm: bytes, **service: Any) -> Config:
    """A device that hears ``pcm`` once."""
    write_wav(tmp_path / "speech.wav", pcm)
    described = {"name": "own", "source": "en", "target": "es", **service}
    data = {
        "service": described,
        "audio": {
            "capture": {"device": f"file:{tmp_path}/speech.wav"},
            "playback": {"device": f"file:{tmp_path}/spoken.wav", "volume": 100},
            "echo": "off",
        },
        "talk": {"mode": "open"},
        "mqtt": {"host": None, "outbox": str(tmp_path / "outbox.db")},
    }
    path = tmp_path / "own.yaml"
    path.write_text(json.dumps(data))
    return loader.load(str(path))


class Seen:
    def __init__(self, app: App) -> None:
        self.finals: list[tuple[str, str | None]] = []
        self.replayed: list[str] = []
        self.partials: list[str] = []
        self.notices: list[Notice] = []
        app.watch(self._note)

    def _note(self, event: object) -> None:
        if isinstance(event, Final):
            (self._final if event.final else self._partial)(event)
        elif isinstance(event, Notice):
            self.notices.append(event)

    def _final(self, event: Final) -> None:
        self.finals.append((event.text, event.translation))
        if event.replayed:
            self.replayed.append(event.text)

    def _partial(self, event: Final) -> None:
        self.partials.append(event.text)

    def events(self, name: str) -> list[Notice]:
        return [notice for notice in self.notices if notice.event == name]


def heard(config: Config) -> Seen:
    """Everything of a run to its end."""
    app = App(config)
    seen = Seen(app)
    app.run()
    return seen


def pitch(pcm: bytes, rate: int) -> float:
    """The strongest frequency (Hz)."""
    samples = numpy.frombuffer(pcm, "<i2").astype(float)
    spectrum = numpy.abs(numpy.fft.rfft(samples * numpy.hanning(len(samples))))
    return float(numpy.argmax(spectrum) * rate / len(samples))


# --- servers made with the wyoming package ---------------------------------------------------


def tone(seconds: float, hz: int = 440, rate: int = VOICE_RATE) -> bytes:
    time = numpy.arange(round(seconds * rate)) / rate
    return bytes((8000 * numpy.sin(2 * numpy.pi * hz * time)).astype("<i2").tobytes())


class Handler(AsyncEventHandler):
    """A server with ears and a voice; ``plan`` says what it does."""

    def __init__(self, plan: Plan, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._plan = plan
        self._audio = bytearray()
        self._language: str | None = None

    async def handle_event(self, event: Event) -> bool:
        if Describe.is_type(event.type):
            by = Attribution(name="t", url="u")
            model = AsrModel("m", by, True, None, None, languages=["en"])
            program = AsrProgram("p", by, True, None, None, models=[model])
            await self.write_event(Info(asr=[program]).event())
        elif Transcribe.is_type(event.type):
            self._language = Transcribe.from_event(event).language
        elif AudioStart.is_type(event.type):
            self._plan.begun += 1
            self._tears = self._plan.begun in self._plan.tears
        elif AudioChunk.is_type(event.type):
            self._audio += AudioChunk.from_event(event).audio
            if self._tears and len(self._audio) > RATE:
                return False
            if self._plan.streams and len(self._audio) == 20 * 1280:
                await self.write_event(TranscriptStart(language="en").event())
                await self.write_event(TranscriptChunk(text="so ").event())
                await self.write_event(TranscriptChunk(text="far").event())
        elif AudioStop.is_type(event.type):
            return await self._transcribe()
        elif Synthesize.is_type(event.type):
            await self._speak(Synthesize.from_event(event))
        return True

    async def _transcribe(self) -> bool:
        plan = self._plan
        await asyncio.sleep(plan.slow_s)
        if plan.error:
            await self.write_event(Error(text=plan.error, code="RuntimeError").event())
            return False
        plan.heard.append((self._language, bytes(self._audio)))
        text = f" sentence {len(plan.heard)}."
        await self.write_event(Transcript(text=text).event())
        if plan.streams:
            await self.write_event(TranscriptStop().event())
        return plan.stays

    async def _speak(self, asked: Synthesize) -> None:
        plan = self._plan
        plan.spoken.append(asked)
        if plan.mute:
            await self.write_event(Error(text="no such voice", code="x").event())
            return
        form = {"rate": VOICE_RATE, "width": 2, "channels": 1}
        await self.write_event(AudioStart(**form).event())
        sound = tone(plan.speech_s)
        for at in range(0, len(sound), 2048):
            await self.write_event(AudioChunk(audio=sound[at : at + 2048], **form).event())
        await self.write_event(AudioStop().event())


class Plan:
    def __init__(self) -> None:
        self.begun = 0
        self.tears: set[int] = set()  # utterances that are broken off
        self.streams = self.stays = self.mute = False
        self.slow_s = 0.0
        self.error = ""
        self.speech_s = 1.0
        self.heard: list[tuple[str | None, bytes]] = []
        self.spoken: list[Synthesize] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"wyoming://127.0.0.1:{self.port}"


@contextmanager
def wyoming_server(plan: Plan) -> Iterator[Plan]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        plan.port = free.getsockname()[1]
    loop = asyncio.new_event_loop()
    server = AsyncTcpServer("127.0.0.1", plan.port)
    up = threading.Event()

    async def serve() -> None:
        await server.start(partial(Handler, plan))
        up.set()

    def run() -> None:
        loop.run_until_complete(serve())
        loop.run_forever()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert up.wait(HANG_S)
    try:
        yield plan
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(HANG_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(HANG_S)
        loop.close()


@pytest.fixture
def plan() -> Iterator[Plan]:
    with wyoming_server(Plan()) as running:
        yield running


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with tones() as running:
        yield running


def chat(emulator: Emulator) -> dict[str, str]:
    return {"url": f"{emulator.url}/v1", "model": "m", "key": "demo"}


def test_a_whole_sentence_through_three_servers(
    tmp_path: Path, plan: Plan, emulator: Emulator
) -> None:
    config = own(
        tmp_path,
        speech((1, 2), (3, 4)),
        hear={"url": plan.url},
        translate=chat(emulator),
        speak={"url": plan.url, "voice": "es_ES-x"},
    )
    seen = heard(config)
    assert seen.finals == [
        ("sentence 1.", "[es] sentence 1."),
        ("sentence 2.", "[es] sentence 2."),
    ]
    assert [language for language, _ in plan.heard] == ["en", "en"]
    first = plan.heard[0][1]
    assert words(1, 2)[:6400] in first  # to the sample
    assert [(each.text, each.voice) for each in plan.spoken] == [
        ("[es] sentence 1.", SynthesizeVoice(name="es_ES-x")),
        ("[es] sentence 2.", SynthesizeVoice(name="es_ES-x")),
    ]
    spoken = read_wav(tmp_path / "spoken.wav")
    sound = numpy.frombuffer(spoken, "<i2")
    loud = numpy.flatnonzero(numpy.abs(sound) > 500)
    assert abs(pitch(spoken[2 * loud[0] : 2 * loud[0] + RATE], RATE) - 440) < 3
    seconds = numpy.count_nonzero(numpy.abs(sound) > 100) / RATE
    assert seconds > 1.9  # both whole: 2 s but for what is near zero
    assert not seen.events("speech_missing")


@pytest.mark.parametrize("stays", [False, True])
def test_pieces_are_shown_while_somebody_speaks(tmp_path: Path, plan: Plan, stays: bool) -> None:
    plan.streams, plan.stays = True, stays
    seen = heard(own(tmp_path, speech((1, 2, 3, 4, 5, 6)), hear={"url": plan.url}, target=None))
    assert seen.finals == [("sentence 1.", None)]
    assert "so far" in seen.partials


def test_a_torn_connection_loses_nothing(tmp_path: Path, plan: Plan) -> None:
    plan.tears = {1, 3}
    sentences = speech((1, 2, 3), (4, 5, 6))
    seen = heard(own(tmp_path, sentences, hear={"url": plan.url}, target=None))
    assert seen.finals == [("sentence 1.", None), ("sentence 2.", None)]
    whole = [words(1, 2, 3), words(4, 5, 6)]
    for said, (_, audio) in zip(whole, plan.heard, strict=True):
        assert said[3200:-6400] in audio
    assert seen.events("outage")


def test_a_server_that_loads_its_model_is_waited_for(
    tmp_path: Path, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.link.ears.SLOW_S", 0.5)
    plan.slow_s = 3.0
    config = own(tmp_path, speech((1, 2)), hear={"url": plan.url}, target=None)
    seen = heard(config)
    assert seen.finals == [("sentence 1.", None)]
    (notice,) = seen.events("loading")
    assert notice.detail == {"role": "hear", "reason": "the server loads its model"}
    assert not seen.events("outage")


def test_a_voice_that_refuses_costs_no_text(tmp_path: Path, plan: Plan, emulator: Emulator) -> None:
    plan.mute = True
    config = own(
        tmp_path,
        speech((1, 2)),
        hear={"url": plan.url},
        translate=chat(emulator),
        speak={"url": plan.url},
    )
    seen = heard(config)
    assert seen.finals == [("sentence 1.", "[es] sentence 1.")]
    (notice,) = seen.events("speech_missing")
    assert notice.detail["role"] == "speak"
    assert "no such voice" in notice.detail["reason"]


def test_a_translator_that_is_away_costs_no_text(tmp_path: Path, plan: Plan) -> None:
    config = own(
        tmp_path,
        speech((1, 2)),
        hear={"url": plan.url},
        translate={"url": "http://127.0.0.1:9/v1", "model": "m"},
    )
    seen = heard(config)
    assert seen.finals == [("sentence 1.", None)]
    (notice,) = seen.events("translation_missing")
    assert notice.detail["role"] == "translate"


# --- the emulator as one's own servers -------------------------------------------------------


@pytest.mark.parametrize("mode", ["hold", "toggle", "open", "vad"])
@pytest.mark.parametrize("ears", ["wyoming", "http"])
def test_every_talk_mode(tmp_path: Path, emulator: Emulator, mode: str, ears: str) -> None:
    port = emulator.url.rpartition(":")[2]
    hear = {"url": f"wyoming://127.0.0.1:{port}"}
    if ears == "http":
        hear = {"url": f"{emulator.url}/v1", "model": "m", "key": "demo"}
    own(
        tmp_path,
        silence(2.0) + words(1, 2, 3) + silence(6.0),
        hear=hear,
        translate=chat(emulator),
        speak={"url": f"wyoming://127.0.0.1:{port}"},
    )
    app = App(loader.load(str(tmp_path / "own.yaml"), [f"talk.mode={mode}"]))
    seen = Seen(app)
    device = Running(app).start()
    try:
        if mode in ("hold", "toggle"):
            app.post(Command({"talk": "press" if mode == "hold" else "toggle"}))
            wait_until(lambda: app.ring.head > 120, "the end of what is said")
            app.post(Command({"talk": "release" if mode == "hold" else "toggle"}))
        wait_until(lambda: seen.finals, "a final")
    finally:
        app.stop("the test is over")
        device.finish()
    assert seen.finals == [("w1 w2 w3", "[es] w1 w2 w3")]


@pytest.mark.parametrize("do", ["reset", "close", "error"])
def test_faults_of_a_wyoming_server_lose_nothing(tmp_path: Path, do: str) -> None:
    fault = Fault(do=do, connection=1, after_audio_ms=600)  # type: ignore[arg-type]
    with tones(faults=(fault,)) as emulator:
        port = emulator.url.rpartition(":")[2]
        hear = {"url": f"wyoming://127.0.0.1:{port}"}
        seen = heard(own(tmp_path, speech((1, 2, 3), (4, 5)), hear=hear, target=None))
    # What waited is said again in one go, so its pauses are shorter.
    assert " ".join(text for text, _ in seen.finals) == "w1 w2 w3 w4 w5"


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "agent", *arguments],
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
    )


@pytest.mark.parametrize("output", ["json", "srt"])
def test_a_file_by_the_emulator_without_any_configuration(
    tmp_path: Path, emulator: Emulator, output: str
) -> None:
    sound = write_wav(tmp_path / "speech.wav", speech((1, 2), (3, 4)))
    options = ["--service", "own", "--source", "en", "--target", "es", "--cloud", emulator.url]
    done = command("transcribe", str(sound), *options, "-o", output)
    assert (done.returncode, done.stderr.strip().splitlines()[1:]) == (0, [])
    assert "w1 w2" in done.stdout
    assert "[es] w3 w4" in done.stdout


def test_a_file_by_uploads(tmp_path: Path, emulator: Emulator) -> None:
    sound = write_wav(tmp_path / "speech.wav", speech((1, 2), (3, 4)))
    (tmp_path / "own.yaml").write_text(
        f"""\
service:
  name: own
  hear: {{url: {emulator.url}/v1, model: m, key: demo}}
  translate: {{url: libretranslate+{emulator.url}, key: demo}}
  source: en
  target: es
"""
    )
    done = command("transcribe", str(sound), "--config", str(tmp_path / "own.yaml"), "-o", "json")
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    found = [(each["text"], each["translation"]) for each in record["transcripts"]]
    assert found == [("w1 w2", "[es] w1 w2"), ("w3 w4", "[es] w3 w4")]
    assert [word["text"] for word in record["transcripts"][0]["words"]] == ["w1", "w2"]


def test_texts_by_a_chat(tmp_path: Path, emulator: Emulator) -> None:
    (tmp_path / "own.yaml").write_text(
        f"""\
service:
  name: own
  hear: {{url: "wyoming://127.0.0.1:1"}}
  translate: {{url: {emulator.url}/v1, model: m, key: demo}}
  source: en
  target: es
"""
    )
    config = ["--config", str(tmp_path / "own.yaml")]
    for stream in ([], ["--stream"]):
        done = command("translate", "good morning to you", *config, *stream)
        assert (done.returncode, done.stdout) == (0, "[es] good morning to you\n"), done.stderr
    (tmp_path / "text.txt").write_text("The first sentence. The second one.")
    done = command("summarize", str(tmp_path / "text.txt"), *config)
    assert (done.returncode, done.stdout) == (0, "The first sentence.\n"), done.stderr
