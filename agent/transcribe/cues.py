"""Subtitles people can read: when a text is shown, and how it is broken into lines.

The limits are those of Netflix's and the BBC's public guidelines: two lines of at most
42 Latin or 16 Chinese, Japanese or Korean characters, seven seconds at most, and no line
that begins with punctuation which closes what stands before it.
"""

from __future__ import annotations

import bisect
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from agent.events import Result, Word
from agent.transcribe.record import Record

LINE = 42.0  # Latin characters
WIDE = LINE / 16  # what a Chinese character counts for
LINES = 2
LONGEST_MS = 7000
SHORTEST = 12.0  # a cue is not cut for its length below this width

_OPENING = frozenset("([{<«‹“‘（［｛〈《「『【〔〖〘〝＜¿¡")
_CLOSING = frozenset(
    ")]}>»›”’.,:;!?%…、。，．・：；！？）］｝〉》」』】〕〗〙〟＞％～ーゝゞ々"
    "ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ"
)
_STOPS = frozenset(".!?…。！？")
_PAUSES = frozenset(",;:、，；：")


@dataclass(frozen=True, slots=True)
class Cue:
    """``lines`` that are shown from ``start_ms`` to ``end_ms``."""

    start_ms: int
    end_ms: int
    lines: list[str]


def cues(record: Record) -> Iterator[Cue]:
    """All of ``record``, in order of time, each with its end after its start."""
    made = [cue for start, end, result in _timed(record) for cue in _split(start, end, result)]
    made.sort(key=lambda cue: cue.start_ms)
    yield from made


def clock(ms: int, point: str) -> str:
    """``ms`` as ``HH:MM:SS,mmm``, with ``point`` before the milliseconds."""
    seconds, ms = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{point}{ms:03}"


def _timed(record: Record) -> Iterator[tuple[int, int, Result]]:
    """Where nobody knows a time: from the end of the last one, to the end of the file."""
    at = 0
    for result in record.results:
        start = at if result.start_ms is None else result.start_ms
        end = (record.duration_ms or 0) if result.end_ms is None else result.end_ms
        at = max(start, end)
        yield start, at, result


def _split(start: int, end: int, result: Result) -> Iterator[Cue]:
    """One sentence (with its translation below it) as the cues it needs."""
    texts = [
        tokens for text in (result.text, result.translation or "") if (tokens := _tokens(text))
    ]
    if not texts:
        return
    count = _least(end - start, texts)
    while (parts := _parts(texts, count)) is None:
        count += 1
    time = _Timeline(start, end, result.words)
    shares = _shares(parts)
    for (begun, done), lines in zip(pairwise(shares), _lines(parts), strict=True):
        first, last = time.begins(begun), time.ends(done)
        if lines:  # not all texts have as many words
            yield Cue(first, max(first + 1, min(last, first + LONGEST_MS)), lines)


# --- texts -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Token:
    """What is never broken: a word, or a Chinese character with the punctuation that belongs to
    it; ``spaced``: a space stands before it."""

    text: str
    width: float
    spaced: bool

    @property
    def weight(self) -> float:
        return self.width + self.spaced


_Text = Sequence[_Token]


def _tokens(text: str) -> list[_Token]:
    """``text`` in pieces that may stand at a line's beginning."""
    tokens: list[_Token] = []
    for word in text.split():
        spaced = bool(tokens)
        for piece in _pieces(word):
            token = _Token(piece, _width(piece), spaced)
            if spaced and piece[0] in _CLOSING and tokens[-1].width + token.weight <= LINE:
                last = tokens.pop()  # as in French: a space before the sign
                text = f"{last.text} {piece}"
                token = _Token(text, last.width + token.weight, last.spaced)
            tokens.append(token)
            spaced = False
    return tokens


def _pieces(word: str) -> Iterator[str]:
    """A word as it may be broken: not at all, or between Chinese characters; by force where
    it is wider than a line."""
    piece = ""
    for char in word:
        if piece and (_breaks(piece[-1], char) or _width(piece + char) > LINE):
            yield piece
            piece = ""
        piece += char
    yield piece


def _breaks(before: str, after: str) -> bool:
    """Whether a line may end between two characters of a word."""
    if after in _CLOSING or before in _OPENING or unicodedata.combining(after):
        return False
    return _is_wide(before) or _is_wide(after)


def _is_wide(char: str) -> bool:
    return unicodedata.east_asian_width(char) in ("W", "F")


def _width(text: str) -> float:
    return sum(0.0 if unicodedata.combining(c) else WIDE if _is_wide(c) else 1.0 for c in text)


def _measure(tokens: _Text) -> float:
    return sum(token.weight for token in tokens) - (tokens[0].spaced if tokens else 0)


def _joined(tokens: _Text) -> str:
    return "".join(f" {t.text}" if t.spaced and n else t.text for n, t in enumerate(tokens))


# --- cutting ---------------------------------------------------------------------------------


def _least(duration: int, texts: Sequence[_Text]) -> int:
    """Cues that are needed at least: for the length of the texts, and for their time."""
    room = LINE * (LINES if len(texts) == 1 else 1)
    widest = max(map(_measure, texts))
    by_time = min(-(-duration // LONGEST_MS), int(widest // SHORTEST))
    return max(1, int(-(-widest // room)), by_time)


def _parts(texts: Sequence[_Text], count: int) -> list[list[list[str]]] | None:
    """Each text in ``count`` parts of whole lines; None where one does not fit."""
    most = LINES if len(texts) == 1 else 1
    made = []
    for tokens in texts:
        parts = [_wrapped(part, most) for part in _cut(tokens, count)]
        if any(len(lines) > most for lines in parts):
            return None
        made.append(parts)
    return made


def _cut(tokens: _Text, count: int) -> list[_Text]:
    """``tokens`` in ``count`` parts of about the same width, the later ones empty where there
    are not enough; rather after punctuation."""
    total = 0.0
    ends = [total := total + token.weight for token in tokens]
    parts, begun = [], 0
    for number in range(1, count):
        ideal, slack = total * number / count, total / count / 3
        low = bisect.bisect_left(ends, ideal - slack, begun)
        high = bisect.bisect_right(ends, ideal + slack, low)
        best = min(
            range(low, high),
            key=lambda at: abs(ends[at] - ideal) - slack * _rest_after(tokens[at]),
            default=min(low, len(tokens) - 1),
        )
        cut = max(begun, best + 1)
        parts.append(tokens[begun:cut])
        begun = cut
    return [*parts, tokens[begun:]]


def _rest_after(token: _Token) -> float:
    """How welcome a cut is after ``token``."""
    last = token.text.rstrip("\"'”’」』）)")[-1:]
    return 1.0 if last in _STOPS else 0.8 if last in _PAUSES else 0.0


def _wrapped(tokens: _Text, most: int) -> list[str]:
    """``tokens`` in lines, if it can be ``most`` of about the same width."""
    if not tokens:
        return []
    if _measure(tokens) <= LINE:
        return [_joined(tokens)]
    even = _cut(tokens, most)
    if all(_measure(line) <= LINE for line in even):
        return [_joined(line) for line in even if line]
    lines, begun = [], 0
    for at in range(1, len(tokens) + 1):
        if at == len(tokens) or _measure(tokens[begun : at + 1]) > LINE:
            lines.append(_joined(tokens[begun:at]))
            begun = at
    return lines


def _lines(parts: list[list[list[str]]]) -> list[list[str]]:
    """The lines of each cue: of the text, then of its translation."""
    return [[line for lines in each for line in lines] for each in zip(*parts, strict=True)]


def _shares(parts: list[list[list[str]]]) -> list[float]:
    """How far the first text is (0 to 1) before and after each part."""
    sizes = [sum(map(_width, lines)) for lines in parts[0]]
    if not all(sizes):  # fewer words than translated ones
        sizes = [1.0] * len(sizes)
    done, shares = 0.0, [0.0]
    for size in sizes:
        done += size
        shares.append(done / sum(sizes))
    return shares


class _Timeline:
    """When a place in a text (0 to 1) is spoken: between two of its words, else evenly."""

    def __init__(self, start: int, end: int, words: Sequence[Word]) -> None:
        self._start, self._end = start, end
        total = 0.0
        places = [0.0, *(total := total + max(1.0, _width(word.text)) for word in words)]
        self._places = [place / total for place in places] if words else []
        times = [ms for word in words for ms in (word.start_ms, word.end_ms)]
        self._times = list(accumulate([start, *(min(max(start, ms), end) for ms in times)], max))

    def begins(self, place: float) -> int:
        """When what stands after ``place`` begins (ms)."""
        if not self._places or not 0 < place < 1:
            return self._evenly(place)
        word = self._nearest(place)
        return self._times[2 * word + 1] if 2 * word + 1 < len(self._times) else self._end

    def ends(self, place: float) -> int:
        """When what stands before ``place`` ends (ms)."""
        if not self._places or not 0 < place < 1:
            return self._evenly(place)
        return self._times[2 * self._nearest(place)]

    def _evenly(self, place: float) -> int:
        return round(self._start + place * (self._end - self._start))

    def _nearest(self, place: float) -> int:
        """The word whose beginning is nearest."""
        after = bisect.bisect_left(self._places, place)
        return min((after - 1, after), key=lambda n: abs(self._places[n] - place))
