"""The scripted engine: results that depend on nothing but the script and the audio.

Sentences come from a script and are released by the energy of speech, or (`hear: tones`) are
decoded from the audio itself. Time is counted in audio, so a slow machine changes nothing.
"""

from __future__ import annotations

from typing import Literal, Protocol

from agent.emulator.engines.engine import SPEECH_RATE, Heard, Recognizer
from agent.emulator.engines.hops import HOP_MS, Hops, Samples, is_loud
from agent.emulator.engines.script import DEFAULT_SCRIPT, Script, read_script
from agent.emulator.engines.summary import sentences
from agent.emulator.engines.tones import SURE_MS, ToneDetector, silence, tone, tone_number

ONSET_MS = 60
"""Sound shorter than this is a click, not speech."""


class ScriptedEngine:
    """Hears its script (or tone words), translates by the script, speaks in tones."""

    def __init__(self, script: Script | None = None) -> None:
        self.script = script or read_script(DEFAULT_SCRIPT)

    def require(self, source: str, target: str | None) -> None:
        """Every language will do."""

    def require_pair(self, source: str, target: str) -> None:
        """Every pair will do."""

    def recognizer(self, source: str, rate: int) -> Recognizer:
        """A recognizer that begins the script at its first sentence."""
        ear: _Ear
        if self.script.hear == "tones":
            ear = _ToneEar()
        else:
            texts = [sentence.in_language(source) for sentence in self.script.sentences]
            ear = _ScriptEar(texts, self.script.word_ms)
        return ScriptedRecognizer(ear, rate, self.script.endpoint_ms)

    def translate(self, text: str, source: str, target: str) -> str:
        """By the script, beginnings of sentences in proportion; else `[target] text`."""
        if not text:
            return ""
        for sentence in self.script.sentences:
            heard = sentence.in_language(source)
            if heard.startswith(text) and target in sentence.translations:
                return _proportion(sentence.translations[target], len(text) / len(heard))
        return f"[{target}] {text}"

    def summarise(self, text: str, longest: int | None = None) -> str:
        """The first sentence."""
        return sentences(text)[0][:longest] if text.strip() else ""

    def speak(self, text: str, language: str) -> bytes:
        """A tone for each word, longer for longer words; `decode_tones` hears them again."""
        gap = silence(SPEECH_RATE, 60)
        tones = (tone(tone_number(w), SPEECH_RATE, 120 + 20 * len(w)) for w in text.split())
        return b"".join(each + gap for each in tones)


class _Ear(Protocol):
    """What a sentence says so far."""

    def hear(self, hop: Samples, loud: bool) -> str:
        """The sentence up to this step; empty while there is none."""

    def close(self) -> str:
        """The sentence that has ended; the next step belongs to another."""


class _ScriptEar:
    """Releases the script's sentences word by word while there is speech."""

    def __init__(self, texts: list[str], word_ms: int) -> None:
        self._texts, self._word_ms = texts, word_ms
        self._turn = 0
        self._loud_ms = 0

    def hear(self, hop: Samples, loud: bool) -> str:
        if loud:
            self._loud_ms += HOP_MS
        elif self._loud_ms < ONSET_MS:
            self._loud_ms = 0
        if self._loud_ms < ONSET_MS:
            return ""
        return _first_words(self._text(), 1 + self._loud_ms // self._word_ms)

    def close(self) -> str:
        text = self._text()
        self._turn += 1
        self._loud_ms = 0
        return text

    def _text(self) -> str:
        return self._texts[self._turn % len(self._texts)]


class _ToneEar:
    """Collects the tone words of a sentence."""

    def __init__(self) -> None:
        self._detector = ToneDetector()
        self._words: list[str] = []

    def hear(self, hop: Samples, loud: bool) -> str:
        number = self._detector.look(hop)
        if number is not None:
            self._words.append(f"w{number}")
        return " ".join(self._words)

    def close(self) -> str:
        text = " ".join(self._words)
        self._words.clear()
        return text


class ScriptedRecognizer:
    """Opens a sentence when its ear hears one and ends it after enough silence."""

    def __init__(self, ear: _Ear, rate: int, endpoint_ms: int) -> None:
        self._ear, self._endpoint_ms = ear, endpoint_ms
        self._hops = Hops(rate)
        self._now = self._quiet = self._index = 0
        self._start: int | None = None
        self._text = ""

    def feed(self, pcm: bytes) -> list[Heard]:
        """See `Recognizer.feed`."""
        return [heard for hop in self._hops.feed(pcm) for heard in self._step(hop)]

    def finish(self) -> list[Heard]:
        """See `Recognizer.finish`."""
        return [] if self._start is None else [self._end()]

    def _step(self, hop: Samples) -> list[Heard]:
        loud = is_loud(hop)
        self._now += HOP_MS
        self._quiet = 0 if loud else self._quiet + HOP_MS
        heard = self._grow(self._ear.hear(hop, loud))
        if self._start is not None and self._quiet >= self._endpoint_ms:
            heard.append(self._end())
        return heard

    def _grow(self, text: str) -> list[Heard]:
        if text == self._text:
            return []
        heard = []
        if self._start is None:
            self._start = max(0, self._now - max(ONSET_MS, SURE_MS))
            heard.append(self._heard("start"))
        self._text = text
        return [*heard, self._heard("partial")]

    def _end(self) -> Heard:
        self._text = self._ear.close()
        final = self._heard("final")
        self._start, self._text = None, ""
        self._index += 1
        return final

    def _heard(self, kind: Literal["start", "partial", "final"]) -> Heard:
        return Heard(kind, self._index, self._text, self._start or 0, self._now - self._quiet)


def _first_words(text: str, count: int) -> str:
    """The beginning of a text: words, or characters where a script has no spaces."""
    words = text.split()
    if len(words) == 1 and not text.isascii():
        return text[:count]
    return " ".join(words[:count])


def _proportion(text: str, share: float) -> str:
    """The beginning of a text that is about this share of it."""
    if share >= 1:
        return text
    parts = len(text.split()) if " " in text else len(text)
    return _first_words(text, max(1, int(parts * share)))
