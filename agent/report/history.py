"""What was said lately, for summaries and for whoever looks in later."""

from __future__ import annotations

from collections import OrderedDict

from agent.events import Transcript

SESSIONS = 20
SENTENCES = 2000  # of a session: about two hours of talk
CHARACTERS = 4_000_000  # of all of them, with their translations: days of talk


class History:
    """The final transcripts of the newest sessions, by number; used by the main thread."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[str, OrderedDict[int, Transcript]] = OrderedDict()
        self._characters = 0

    def add(self, transcript: Transcript) -> None:
        """Keep a final; partials and repetitions of a number pass by."""
        if not transcript.final:
            return
        sentences = self._sessions.setdefault(transcript.session, OrderedDict())
        if (old := sentences.get(transcript.index)) is not None:
            self._characters -= _size(old)
        sentences[transcript.index] = transcript
        self._characters += _size(transcript)
        if len(sentences) > SENTENCES:
            self._characters -= _size(sentences.popitem(last=False)[1])
        while len(self._sessions) > SESSIONS or self._characters > CHARACTERS:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        session, sentences = next(iter(self._sessions.items()))
        while sentences and (len(self._sessions) > SESSIONS or self._characters > CHARACTERS):
            self._characters -= _size(sentences.popitem(last=False)[1])
        if not sentences:
            del self._sessions[session]

    def sessions(self) -> list[str]:
        """The sessions that are known, the oldest first."""
        return list(self._sessions)

    def newest(self) -> list[Transcript]:
        """What was said in the newest session anything was said in, in order."""
        return self.sentences(next(reversed(self._sessions), ""))

    def sentences(self, session: str) -> list[Transcript]:
        """What was said in ``session``, in order; empty for one that is not known."""
        return list(self._sessions.get(session, {}).values())

    def text(self, session: str) -> str:
        """The same as text, a line a sentence."""
        return "\n".join(t.text or t.translation or "" for t in self.sentences(session))


def _size(transcript: Transcript) -> int:
    """Characters, more or less; each counts a little of its own."""
    others = sum(len(str(value)) for value in transcript.extra.values())
    return 200 + len(transcript.text) + len(transcript.translation or "") + others
