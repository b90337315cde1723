"""``dragoman wake``: the wake words there are, and how well one is heard."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from agent import assembly
from agent.audio.convert import Converter
from agent.audio.device import Microphone
from agent.audio.pcm import PACKET_MS, Assembler, packet_bytes
from agent.audio.wav import WavReader
from agent.cli import output
from agent.clock import SystemClock
from agent.config import loader
from agent.config.schema import Audio
from agent.errors import EndOfAudio, Overrun, UsageError

if TYPE_CHECKING:
    from agent.ears.spotter import Spotter

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

BAR = 40  # characters of the live score
PIECE = 4096  # frames of a file read at once
DRAWN_MS = 120  # between two drawings of the live score


def add_parser(subparsers: Subparsers) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "wake",
        help="list wake words, or try one on the microphone or a file",
        description="The wake words of talk.mode: wake.",
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    listed = actions.add_parser("list", help="list the wake words that are installed")
    listed.set_defaults(run=run_list)
    tried = actions.add_parser(
        "try",
        help="say the word (or play a file), and see its score and where it is heard",
        description="Shows the score of the word as it is spoken, and each time it is heard.",
    )
    tried.add_argument("--config", metavar="FILE", help="configuration (YAML)")
    tried.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override one key, e.g. audio.capture.device=hw:1,0; may be repeated",
    )
    tried.add_argument("--file", metavar="WAV", help="listen to a recording instead")
    tried.add_argument("--word", help="instead of talk.wake.word: a name or a model file")
    tried.add_argument("--sensitivity", type=float, help="0 to 1, instead of the configuration's")
    tried.set_defaults(run=run_try)


def run_list(args: argparse.Namespace) -> int:
    """Print the packaged models, with the languages they were trained in."""
    _need()
    from agent.ears import model

    for files in model.packaged():
        print(f"{files.name:14} {', '.join(files.languages)}")
    print("\nor the path of a microWakeWord model (.json, .tflite): talk.wake.word")
    return 0


def run_try(args: argparse.Namespace) -> int:
    """Listen until the file ends or somebody presses Ctrl-C."""
    config = loader.load_part(args.config, args.set, "audio", "talk")
    wake = config.talk.wake
    key = "talk.wake.word" if args.word is None else "--word"
    sensitivity = wake.sensitivity if args.sensitivity is None else args.sensitivity
    if not 0 <= sensitivity <= 1:
        raise UsageError(f"--sensitivity: {sensitivity:g}; expected a number from 0 to 1")
    _need()
    from agent.ears.model import Model
    from agent.ears.spotter import Spotter

    rate = config.audio.rate
    word = Model(key, args.word or wake.word, sensitivity)
    sound = _file(args.file, rate) if args.file else _microphone(config.audio)
    print(f"{word.name}, sensitivity {sensitivity:g}: heard above a score of {word.cutoff:.2f}")
    if not args.file:
        print("say it; Ctrl-C ends", flush=True)
    _Trial(Spotter([word], rate), live=not args.file).run(sound)
    return 0


class _Trial:
    """Prints what a spotter of one word hears."""

    def __init__(self, spotter: Spotter, *, live: bool) -> None:
        self._spotter, self._word = spotter, spotter.words[0]
        self._drawn = live and sys.stdout.isatty()
        self._told = live and not self._drawn
        self._heard_ms = self._hits = 0
        self._highest = self._peak = 0.0

    def run(self, sound: Iterator[bytes]) -> None:
        """Hear packets until they end or somebody interrupts."""
        try:
            for packet in sound:
                self._hear(packet)
        except KeyboardInterrupt:
            pass
        finally:
            self._clear()
            times = "once" if self._hits == 1 else f"{self._hits} times"
            seconds = self._heard_ms / 1000
            print(f"heard {times} in {seconds:.1f} s; the highest score was {self._highest:.2f}")

    def _hear(self, packet: bytes) -> None:
        spotted = self._spotter.feed(packet)
        self._heard_ms += PACKET_MS
        self._peak = max(self._peak, self._word.score)
        self._highest = max(self._highest, self._word.score)
        for each in spotted:
            self._hits += 1
            self._clear()
            at = self._heard_ms / 1000 - each.ago_s
            print(f"{at:8.2f} s  {self._word.name}  {each.score:.2f}", flush=True)
        if self._drawn and self._heard_ms % DRAWN_MS == 0:
            self._draw()
        elif self._told and self._heard_ms % 1000 == 0:
            print(f"{self._heard_ms / 1000:8.2f} s  score {self._peak:.2f}", flush=True)
            self._peak = 0.0

    def _draw(self) -> None:
        filled = round(self._word.score * BAR)
        mark = round(self._word.cutoff * BAR)
        bar = "".join("|" if at == mark else "#" if at < filled else "." for at in range(BAR + 1))
        self._paint(f"\r{bar} {self._word.score:4.2f}  peak {self._peak:4.2f}")
        self._peak *= 0.95

    def _clear(self) -> None:
        if self._drawn:
            self._paint("\r\x1b[K")

    def _paint(self, text: str) -> None:
        print(text, end="", file=output.drawing(sys.stdout), flush=True)


def _file(path: str, rate: int) -> Iterator[bytes]:
    """The packets of a recording; DeviceError at once where it cannot be read."""
    return _packets(WavReader(path), rate)


def _packets(reader: WavReader, rate: int) -> Iterator[bytes]:
    converter = Converter(reader.rate, reader.channels, reader.sample_format, rate)
    assembler = Assembler(packet_bytes(rate))
    try:
        while data := reader.read(PIECE):
            yield from assembler.feed(converter.feed(data))
        # What a word is known by may come a little after it.
        yield from assembler.feed(converter.flush() + bytes(rate))
    finally:
        reader.close()


def _microphone(audio: Audio) -> Iterator[bytes]:
    """What the microphone hears; DeviceError at once where it cannot be opened."""
    source = assembly.microphone(audio, SystemClock())
    source.open()
    return _live(source, audio.rate)


def _live(source: Microphone, rate: int) -> Iterator[bytes]:
    assembler = Assembler(packet_bytes(rate))
    try:
        while True:
            try:
                yield from assembler.feed(source.read())
            except Overrun:
                continue
            except EndOfAudio:
                return
    finally:
        source.close()


def _need() -> None:
    try:
        import agent.ears.model  # noqa: F401
    except ImportError:
        words = "wake words need pymicro-wakeword: pip install 'dragoman[ears]'"
        raise UsageError(words) from None
