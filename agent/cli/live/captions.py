"""The captions: each grows in its place and settles; the newest is at the bottom."""

from __future__ import annotations

from agent.cli.live.paint import DIM, GOOD, ITALIC, PLAIN, STRONG, WARN, Line, Signs, Span
from agent.cli.live.wrap import wrap
from agent.events import Transcript
from agent.printable import one_line

KEPT = 100
LONGEST = 4000  # characters of one text that are looked at: more than most screens show
MEASURE = 100  # cells: longer lines are hard to read


class Captions:
    """The newest captions; ``version`` grows with each change."""

    def __init__(self) -> None:
        self._captions: dict[str, _Caption] = {}
        self.version = 0

    def put(self, transcript: Transcript) -> None:
        """Show a caption, or its newer text in its place."""
        shown = self._captions.get(transcript.id)
        if shown is not None and shown.final and not transcript.final:
            return  # late; it has settled
        if transcript.final:
            self._drop_growing(transcript.id)
        self._captions[transcript.id] = _Caption(transcript)
        while len(self._captions) > KEPT:
            del self._captions[next(iter(self._captions))]
        self.version += 1

    def lines(self, room: int, rows: int, signs: Signs, *, spaced: bool) -> list[Line]:
        """The newest captions in at most ``rows`` lines of ``room`` cells."""
        lines: list[Line] = []
        settled = 0
        for caption in reversed(self._captions.values()):
            if len(lines) >= rows:
                break
            settled += caption.final
            gap: list[Line] = [()] if spaced and lines else []
            lines = [*caption.lines(room, signs, newest=settled == 1), *gap, *lines]
        return lines[-rows:] if rows > 0 else []

    def _drop_growing(self, settled: str) -> None:
        """What still grows before ``settled`` never will: its words come again in a replay."""
        for key in list(self._captions):
            if key == settled:
                return
            if not self._captions[key].final:
                del self._captions[key]


class _Caption:
    def __init__(self, transcript: Transcript) -> None:
        self.final, self._replayed = transcript.final, transcript.replayed
        said, meant = one_line(transcript.text[:LONGEST]), _translations(transcript)
        if self._replayed and self.final:
            said = f"{said} (may repeat)".strip()
        # The translation is what people read; where there is none it is what was said.
        self._texts = [(said, not meant), *((text, True) for text in meant)]
        self._wrapped: tuple[int, list[tuple[str, bool]]] = (0, [])

    def lines(self, room: int, signs: Signs, *, newest: bool) -> list[Line]:
        mark = self._mark(signs)
        body = self._body(max(2, min(room - len(mark[0]), MEASURE)))
        return [(mark, (text, self._style(major, newest))) for text, major in body]

    def _body(self, room: int) -> list[tuple[str, bool]]:
        if self._wrapped[0] != room:
            lines = [(line, major) for text, major in self._texts for line in wrap(text, room)]
            self._wrapped = (room, lines)
        return self._wrapped[1]

    def _mark(self, signs: Signs) -> Span:
        if not self.final:
            return f"{signs.growing} ", GOOD
        return (f"{signs.again} ", WARN) if self._replayed else ("  ", PLAIN)

    def _style(self, major: bool, newest: bool) -> str:
        if not self.final:
            return ITALIC if major else f"{ITALIC};{DIM}"
        if not major:
            return DIM
        return STRONG if newest else PLAIN


def _translations(transcript: Transcript) -> list[str]:
    """The translation, then those into other languages."""
    several = transcript.extra.get("translations") or {}
    others = [text for code, text in several.items() if code != transcript.target]
    texts = [one_line(str(text)[:LONGEST]) for text in (transcript.translation, *others) if text]
    return [text for text in texts if text]
