"""Recognises English with pocketsphinx and the model it brings along."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Literal

import numpy as np
import soxr
from pocketsphinx import Decoder, Endpointer

from agent.emulator.engines import Heard

RATE = 16_000
"""The model's rate; other audio is resampled to it."""

ONE_SAMPLE = bytes(2)
_AGREE = 0.9  # share of the endpointer's window that must be speech, or silence, for a change
_LEVEL = 0.1 * 32_768  # peak the model hears best at: 20 dB under full scale
_MAX_GAIN = 8.0
_PARTIAL_MS = 240
_LONGEST_MS = 15_000  # the work of ending a sentence grows with its length


def grammar(phrases: Sequence[str]) -> str:
    """A JSGF grammar of nothing but these phrases, one after the other."""
    return f"#JSGF V1.0;\ngrammar phrases;\npublic <said> = ({' | '.join(phrases)})+;\n"


def new_decoder(phrases: Sequence[str] = ()) -> Decoder:
    """A decoder for any English, or for these phrases only."""
    decoder = Decoder(samprate=RATE, loglevel="FATAL")
    if phrases:
        decoder.add_jsgf_string("phrases", grammar(phrases))
        decoder.activate_search("phrases")
    return decoder


class SphinxRecognizer:
    """Finds sentences in audio of any rate and decodes them as they are spoken.

    The endpointer holds speech back for its window before it is sure; what it held back tells
    how loud the speaker is, and the sentence is decoded at the level the model knows best.
    """

    def __init__(self, rate: int, phrases: Sequence[str], endpoint_ms: int) -> None:
        self._decoder = new_decoder(phrases)
        self._endpointer = Endpointer(endpoint_ms / 1000, _AGREE, 0, RATE)
        self._resampler = (
            soxr.ResampleStream(rate, RATE, 1, dtype="int16") if rate != RATE else None
        )
        frame_ms = round(self._endpointer.frame_length * 1000)
        self._peaks: deque[float] = deque(maxlen=endpoint_ms // frame_ms)
        self._rest = b""
        self._index = 0
        self._gain = 1.0
        self._start_ms = self._decoded_ms = self._told_ms = 0
        self._text = ""

    def feed(self, pcm: bytes) -> list[Heard]:
        """See `Recognizer.feed`."""
        self._rest += self._resample(pcm)
        size = self._endpointer.frame_bytes
        heard: list[Heard] = []
        while len(self._rest) >= size:
            frame, self._rest = self._rest[:size], self._rest[size:]
            heard += self._step(frame)
        return heard

    def finish(self) -> list[Heard]:
        """See `Recognizer.finish`."""
        if not self._endpointer.in_speech:
            return []
        # It cannot take an empty frame, so audio that ends with a whole one gets a silent sample.
        speech = self._endpointer.end_stream(self._rest or ONE_SAMPLE)
        if speech:
            self._decode(speech)
        return self._end()

    def _resample(self, pcm: bytes) -> bytes:
        if self._resampler is None:
            return pcm
        out = self._resampler.resample_chunk(np.frombuffer(pcm, np.int16))
        return bytes(out.astype("<i2").tobytes())

    def _step(self, frame: bytes) -> list[Heard]:
        self._peaks.append(float(np.abs(np.frombuffer(frame, "<i2").astype(float)).max()))
        was_speaking = self._endpointer.in_speech
        speech = self._endpointer.process(frame)
        if speech is None:
            return []
        if not was_speaking:
            self._begin()
        self._decode(speech)
        if not self._endpointer.in_speech:
            return self._end()
        if self._decoded_ms - self._start_ms >= _LONGEST_MS:
            return self._split()
        return self._partial()

    def _begin(self) -> None:
        self._gain = min(_MAX_GAIN, _LEVEL / max(1.0, *self._peaks))
        self._open(round(self._endpointer.speech_start * 1000))

    def _open(self, start_ms: int) -> None:
        self._decoder.start_utt()
        self._start_ms = self._decoded_ms = self._told_ms = start_ms
        self._text = ""

    def _decode(self, speech: bytes) -> None:
        loud = np.frombuffer(speech, "<i2") * self._gain
        self._decoder.process_raw(np.clip(loud, -32_768, 32_767).astype("<i2").tobytes())
        self._decoded_ms += len(speech) * 1000 // (2 * RATE)

    def _partial(self) -> list[Heard]:
        if self._decoded_ms - self._told_ms < _PARTIAL_MS:
            return []
        self._told_ms = self._decoded_ms
        return self._tell("partial", self._hypothesis())

    def _tell(self, kind: Literal["partial", "final"], text: str) -> list[Heard]:
        if kind == "partial" and text in ("", self._text):
            return []
        first = [] if self._text or not text else [self._heard("start", "")]
        self._text = text or self._text
        return [*first, self._heard(kind, text)]

    def _end(self) -> list[Heard]:
        self._decoder.end_utt()
        text = self._hypothesis()
        if not text and not self._text:
            return []  # a noise: nobody was told that a sentence began
        heard = self._tell("final", text)
        self._index += 1
        return heard

    def _split(self) -> list[Heard]:
        heard = self._end()
        self._open(self._decoded_ms)
        return heard

    def _hypothesis(self) -> str:
        hypothesis = self._decoder.hyp()
        return str(hypothesis.hypstr) if hypothesis else ""

    def _heard(self, kind: Literal["start", "partial", "final"], text: str) -> Heard:
        return Heard(kind, self._index, text, self._start_ms, self._decoded_ms)
