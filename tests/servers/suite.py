"""dragoman against real servers: recorded speech in, words, translation and speech out.

Each case is a sentence of the table it prints; the exit code is the number of those that failed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.tts import Synthesize

from agent.app import App
from agent.audio.convert import Converter
from agent.clock import SystemClock
from agent.config import loader
from agent.emulator import Emulator
from agent.events import Notice, Transcript
from tests.faults.proxy import Proxy
from tests.servers.real import free_port, piper, running, uploads, version, whisper
from tests.system.device import RATE, read_wav, recording, silence, write_wav

NAMES = (
    "Front_Left", "Front_Right", "Front_Center", "Rear_Left",
    "Rear_Right", "Rear_Center", "Side_Left", "Side_Right",
)  # fmt: skip
FEW = ("Front_Left", "Front_Right", "Side_Left")  # these the smallest whisper never mishears
ENOUGH = 14  # of the sixteen
SENTENCE = "The quick brown fox jumps over the lazy dog near the river."


@dataclass
class Outcome:
    name: str
    ok: bool
    seen: str


class Failed(AssertionError):
    """A case did not hold."""


def check(holds: object, seen: str) -> str:
    if not holds:
        raise Failed(seen)
    return seen


# --- a device --------------------------------------------------------------------------------


class Device:
    """One run of the product on a file microphone, and what came of it."""

    def __init__(self, folder: Path, pcm: bytes, **service: Any) -> None:
        write_wav(folder / "speech.wav", pcm)
        data = {
            "service": {"name": "own", "source": "en", "target": None, **service},
            "audio": {
                "capture": {"device": f"file:{folder}/speech.wav"},
                "playback": {"device": f"file:{folder}/spoken.wav", "volume": 100},
            },
            "talk": {"mode": "open"},
            "network": {"memory_s": 600},
            "mqtt": {"host": None, "outbox": str(folder / "outbox.db")},
        }
        (folder / "own.yaml").write_text(json.dumps(data))
        self.folder = folder
        self.finals: list[Transcript] = []
        self.notices: list[Notice] = []
        self.app = App(loader.load(str(folder / "own.yaml")))
        self.app.watch(self._note)

    def _note(self, event: object) -> None:
        if isinstance(event, Transcript) and event.final:
            self.finals.append(event)
        elif isinstance(event, Notice):
            self.notices.append(event)

    def run(self) -> Device:
        self.app.run()
        return self

    @property
    def text(self) -> str:
        return " ".join(final.text for final in self.finals)

    def events(self, name: str) -> list[Notice]:
        return [notice for notice in self.notices if notice.event == name]


def heard_words(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower())


def said_in(names: Sequence[str]) -> list[str]:
    """The words of recordings."""
    return [word.lower() for name in names for word in name.split("_")]


def right(text: str, words: Sequence[str]) -> int:
    """How many of ``words`` were heard, in their order."""
    found = heard_words(text)
    best = [[0] * (len(found) + 1) for _ in range(len(words) + 1)]
    for n, word in enumerate(words):
        for m, other in enumerate(found):
            one = best[n][m] + (word == other)
            best[n + 1][m + 1] = max(one, best[n][m + 1], best[n + 1][m])
    return best[-1][-1]


def words_of(text: str, names: Sequence[str] = NAMES) -> str:
    """A verdict on the recorded words."""
    words = said_in(names)
    count = right(text, words)
    enough = ENOUGH if names is NAMES else len(words)
    return check(count >= enough, f"{count} of {len(words)} words right: {text}")


def recorded(names: Sequence[str] = NAMES) -> bytes:
    """alsa-utils' recorded words, with pauses between them."""
    return silence(0.6) + b"".join(recording(name) + silence(1.2) for name in names)


def wyoming(port: int) -> dict[str, str]:
    return {"url": f"wyoming://127.0.0.1:{port}"}


def dragoman(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "agent", *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Failed(f"exit code {done.returncode}: {done.stderr.strip()[-300:]}")
    return done.stdout


# --- the cases -------------------------------------------------------------------------------


class Suite:
    """The servers, started once; a case is a method."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.whisper, self.piper, self.uploads = free_port(), free_port(), free_port()
        self.speech = write_wav(folder / "words.wav", recorded())
        self.count = 0

    @contextmanager
    def servers(self) -> Iterator[None]:
        with (
            running(whisper(self.whisper), self.whisper),
            running(piper(self.piper), self.piper),
            running(uploads(self.uploads), self.uploads),
        ):
            yield

    def folder(self) -> Path:
        self.count += 1
        made = self._folder / str(self.count)
        made.mkdir()
        return made

    def config(self, text: str) -> str:
        path = self.folder() / "own.yaml"
        path.write_text(text)
        return str(path)

    def transcribe_over_wyoming(self) -> str:
        """`transcribe` with wyoming-faster-whisper hears recorded words"""
        hear = f"{{url: 'wyoming://127.0.0.1:{self.whisper}'}}"
        config = self.config(f"service: {{name: own, source: en, target: null, hear: {hear}}}\n")
        return words_of(dragoman("transcribe", str(self.speech), "--config", config))

    def transcribe_by_uploads(self) -> str:
        """`transcribe` with faster-whisper-server hears them, with the times of words"""
        hear = f"{{url: 'http://127.0.0.1:{self.uploads}/v1', model: whisper-1}}"
        config = self.config(f"service: {{name: own, source: en, target: null, hear: {hear}}}\n")
        said = dragoman("transcribe", str(self.speech), "--config", config, "-o", "json")
        transcripts = json.loads(said)["transcripts"]
        timed = [each for each in transcripts if each.get("end_ms", 0) > each.get("start_ms", 0)]
        check(len(timed) == len(transcripts), "every sentence has its times")
        return words_of(" ".join(each["text"] for each in transcripts))

    def run_by_uploads(self) -> str:
        """`run` with uploads hears them"""
        hear = {"url": f"http://127.0.0.1:{self.uploads}/v1", "model": "whisper-1"}
        return words_of(Device(self.folder(), recorded(FEW), hear=hear).run().text, FEW)

    def torn(self) -> str:
        """A connection reset four times loses no word"""
        with Proxy(self.whisper) as proxy:
            device = Device(self.folder(), recorded(FEW), hear=wyoming(proxy.port))
            cuts = [threading.Timer(2.0 + 2.0 * n, proxy.cut) for n in range(4)]
            for cut in cuts:
                cut.start()
            device.run()
            for cut in cuts:
                cut.join()
        outages = len(device.events("outage"))
        check(outages, "no outage was noticed")
        lost = sum(int(each.detail.get("duration_ms", 0)) for each in device.events("lost_audio"))
        check(lost == 0, f"{lost} ms were lost")
        fresh = " ".join(final.text for final in device.finals)
        return f"{outages} outages; {words_of(fresh, FEW)}"

    def slow(self) -> str:
        """A server whose answers come 12 s late is told of, and nothing is lost"""
        with Proxy(self.whisper) as proxy:
            proxy.delay(12_000)
            device = Device(self.folder(), recorded(FEW), hear=wyoming(proxy.port)).run()
        told = [notice.detail["reason"] for notice in device.events("loading")]
        check(told, "nobody was told")
        return f"told “{told[0]}”; {words_of(device.text, FEW)}"

    def late(self) -> str:
        """A server that is started 15 s after the device hears all of it"""
        port, clock = free_port(), SystemClock()
        device = Device(self.folder(), recorded(FEW), hear=wyoming(port))
        thread = threading.Thread(target=device.run)
        thread.start()
        clock.sleep(15)
        with running(whisper(port), port):
            thread.join()
        return words_of(device.text, FEW)

    def speaks(self) -> str:
        """`run` with whisper and piper: piper's speech comes out whole and at its pitch"""
        with Emulator() as emulator:
            chat = {"url": f"{emulator.url}/v1", "model": "m", "key": "demo"}
            device = Device(
                self.folder(),
                silence(0.6) + recording("Front_Left") + silence(2.0),
                hear=wyoming(self.whisper),
                translate={**chat, "prompt": "Repeat."},
                speak=wyoming(self.piper),
                target="de",
            ).run()
        text = device.finals[0].translation or ""
        ours = trimmed(read_wav(device.folder / "spoken.wav"))
        theirs = trimmed(asyncio.run(said_by(self.piper, text)))
        check(abs(len(ours) - len(theirs)) < RATE // 20, f"{len(ours)} of {len(theirs)} samples")
        off = abs(centre(ours) / centre(theirs) - 1)
        return check(
            off < 0.01, f"“{text}”: {len(ours) / RATE:.2f} s, pitch within {off * 100:.2f} %"
        )

    def understood(self) -> str:
        """A sentence spoken by piper is heard by whisper word for word"""
        pcm = asyncio.run(said_by(self.piper, SENTENCE))
        sound = silence(0.6) + pcm + silence(1.6)
        device = Device(self.folder(), sound, hear=wyoming(self.whisper)).run()
        wanted, found = heard_words(SENTENCE), heard_words(device.text)
        same = sum(word in found for word in wanted)
        return check(same >= len(wanted) - 1, f"{same} of {len(wanted)} words: {device.text}")

    def doctor(self) -> str:
        """The doctor knows both"""
        config = self.config(
            f"""\
service:
  name: own
  hear: {{url: "wyoming://127.0.0.1:{self.whisper}"}}
  translate: {{url: "http://127.0.0.1:9/v1", model: m}}
  speak: {{url: "wyoming://127.0.0.1:{self.piper}", voice: en_US-joe-medium}}
  source: en
  target: en
mqtt: {{host: null}}
"""
        )
        done = subprocess.run(
            [sys.executable, "-m", "agent", "doctor", "--json", "--config", config],
            capture_output=True,
            text=True,
            check=False,
        )
        listed = json.loads(done.stdout)
        checks = listed if isinstance(listed, list) else listed["checks"]
        found = {each["name"]: each["outcome"] for each in checks}
        seen = {name: found.get(name) for name in ("hear", "translate", "speak")}
        return check(seen == {"hear": "pass", "translate": "fail", "speak": "pass"}, f"{seen}")


async def said_by(port: int, text: str) -> bytes:
    """What piper says, by the wyoming package's own client, at the device's rate."""
    sound, converter = bytearray(), None
    async with AsyncTcpClient("127.0.0.1", port) as client:
        await client.write_event(Synthesize(text=text).event())
        while (event := await client.read_event()) is not None:
            if AudioStart.is_type(event.type):
                start = AudioStart.from_event(event)
                converter = converter or Converter(start.rate, start.channels, "s16", RATE)
            elif AudioChunk.is_type(event.type) and converter is not None:
                sound += converter.feed(AudioChunk.from_event(event).audio)
            elif AudioStop.is_type(event.type):
                break
    return bytes(sound + (converter.flush() if converter else b""))


def trimmed(pcm: bytes) -> numpy.ndarray[Any, numpy.dtype[numpy.float64]]:
    """The sound without the silence around it."""
    samples = numpy.frombuffer(pcm, "<i2").astype(float)
    loud = numpy.flatnonzero(numpy.abs(samples) > 300)
    return samples[loud[0] : loud[-1] + 1] if len(loud) else samples[:0]


def centre(samples: numpy.ndarray[Any, numpy.dtype[numpy.float64]]) -> float:
    """Where the weight of the spectrum lies (Hz): another pitch moves it by as much."""
    power = numpy.abs(numpy.fft.rfft(samples)) ** 2
    return float((numpy.fft.rfftfreq(len(samples), 1 / RATE) * power).sum() / power.sum())


# --- the table -------------------------------------------------------------------------------


def outcomes(suite: Suite, only: str | None) -> Iterator[Outcome]:
    cases: list[Callable[[], str]] = [
        suite.transcribe_over_wyoming,
        suite.doctor,
        suite.speaks,
        suite.transcribe_by_uploads,
        suite.torn,
        suite.late,
        suite.slow,
        suite.understood,
        suite.run_by_uploads,
    ]
    for case in cases:
        if only is not None and only not in case.__name__:
            continue
        name = (case.__doc__ or case.__name__).strip()
        begun = SystemClock().now()
        try:
            seen, ok = case(), True
        except (Failed, Exception) as error:  # noqa: BLE001 - a case that breaks has failed
            seen, ok = f"{type(error).__name__}: {error}", False
        took = SystemClock().now() - begun
        yield Outcome(name, ok, f"{' '.join(seen.split())} ({took:.0f} s)")


def page(found: list[Outcome]) -> str:
    names = ("wyoming-faster-whisper", "faster-whisper-server", "wyoming-piper", "piper-tts")
    made = ", ".join(f"{name} {version(name)}" for name in names)
    rows = [f"| {each.name} | {'yes' if each.ok else '**no**'} | {each.seen} |" for each in found]
    return "\n".join([f"With {made}:", "", "| what | holds | seen |", "|---|---|---|", *rows, ""])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", metavar="NAME", help="cases with this in their name")
    parser.add_argument("--markdown", metavar="FILE", type=Path, help="write the table here")
    args = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory() as folder:
        suite = Suite(Path(folder))
        with suite.servers():
            for each in outcomes(suite, args.only):
                found.append(each)
                print("ok  " if each.ok else "FAIL", f"{each.name}: {each.seen}", flush=True)
                if args.markdown is not None:
                    args.markdown.write_text(page(found))
    return sum(not each.ok for each in found)


if __name__ == "__main__":
    sys.exit(main())
