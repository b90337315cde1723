"""Finds the sentences in audio of any rate; a decoder says what is in them."""

from __future__ import annotations

from collections import deque
from typing import Literal, Protocol

import numpy as np
import soxr
from pocketsphinx import Endpointer

from agent.emulator.engines.engine import Heard

RATE = 16_000
"""The decoders' rate; other audio is resampled to it."""

ONE_SAMPLE = bytes(2)
_AGREE = 0.9  # share of the endpointer's window that must be speech, or silence, for a change
_LEVEL = 0.1 * 32_768  # peak the models hear best at: 20 dB under full scale
_MAX_GAIN = 8.0
_PARTIAL_MS = 240
LONGEST_MS = 15_000  # the work of ending a sentence grows with its length


class Decoder(Protocol):
    """Turns one sentence after the other into text: s16le mono at `RATE`, in pieces."""

    def begin(self) -> None:
        """A sentence begins."""

    def decode(self, pcm: bytes) -> None:
        """More of it."""

    def so_far(self) -> str:
        """Its text so far; the same as before where it would cost too much to look."""

    def end(self) -> str:
        """Its text."""


class SentenceRecognizer:
    """Finds sentences and has them decoded as they are spoken.

    The endpointer holds speech back for its window before it is sure; what it held back tells
    how loud the speaker is, and the sentence is decoded at the level the models know best.
    """

    def __init__(self, decoder: Decoder, rate: int, endpoint_ms: int) -> None:
        self._decoder = decoder
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
        if self._decoded_ms - self._start_ms >= LONGEST_MS:
            return self._split()
        return self._partial()

    def _begin(self) -> None:
        self._gain = min(_MAX_GAIN, _LEVEL / max(1.0, *self._peaks))
        self._open(round(self._endpointer.speech_start * 1000))

    def _open(self, start_ms: int) -> None:
        self._decoder.begin()
        self._start_ms = self._decoded_ms = self._told_ms = start_ms
        self._text = ""

    def _decode(self, speech: bytes) -> None:
        loud = np.frombuffer(speech, "<i2") * self._gain
        self._decoder.decode(np.clip(loud, -32_768, 32_767).astype("<i2").tobytes())
        self._decoded_ms += len(speech) * 1000 // (2 * RATE)

    def _partial(self) -> list[Heard]:
        if self._decoded_ms - self._told_ms < _PARTIAL_MS:
            return []
        self._told_ms = self._decoded_ms
        return self._tell("partial", self._decoder.so_far())

    def _tell(self, kind: Literal["partial", "final"], text: str) -> list[Heard]:
        if kind == "partial" and text in ("", self._text):
            return []
        first = [] if self._text or not text else [self._heard("start", "")]
        self._text = text or self._text
        return [*first, self._heard(kind, text)]

    def _end(self) -> list[Heard]:
        text = self._decoder.end()
        if not text and not self._text:
            return []  # a noise: nobody was told that a sentence began
        heard = self._tell("final", text)
        self._index += 1
        return heard

    def _split(self) -> list[Heard]:
        heard = self._end()
        self._open(self._decoded_ms)
        return heard

    def _heard(self, kind: Literal["start", "partial", "final"], text: str) -> Heard:
        return Heard(kind, self._index, text, self._start_ms, self._decoded_ms)
