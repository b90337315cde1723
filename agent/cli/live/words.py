"""What happened, in plain words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agent.events import Event, MicrophoneBack, MicrophoneLost, Notice, Settled
from agent.printable import one_line
from agent.redact import hide

LONGEST = 400  # characters: reasons may come from a server


@dataclass(frozen=True, slots=True)
class News:
    """One line; ``bad`` where something is wrong."""

    text: str
    bad: bool = True


def news(event: Event) -> News | None:
    """The line that tells of ``event``; None where there is nothing to tell."""
    if isinstance(event, Notice):
        return _notice(event)
    if isinstance(event, MicrophoneLost):
        return _said(f"The microphone has gone: {event.reason}")
    if isinstance(event, MicrophoneBack):
        return News("The microphone is back", bad=False)
    if isinstance(event, Settled) and event.timed_out:
        return News("No answer came in time")
    return None


def logged(line: str) -> News:
    """A line of the log."""
    return _said(line.removeprefix("warning: ").removeprefix("error: "))


def ago(seconds: float) -> str:
    """An age in one unit: ``now``, ``12 s ago``, ``3 min ago``, ``5 h ago``."""
    if seconds < 1:
        return "now"
    if seconds < 60:
        return f"{int(seconds)} s ago"
    if seconds < 3600:
        return f"{int(seconds / 60)} min ago"
    return f"{int(seconds / 3600)} h ago"


GOOD = frozenset({"reconnect", "speaker_back", "microphone_heard"})


def _notice(notice: Notice) -> News:
    words = _WORDS.get(notice.event)
    text = words(notice.detail) if words else _unknown(notice.event, notice.detail)
    return _said(text, bad=notice.event not in GOOD)


def _said(text: str, *, bad: bool = True) -> News:
    line = one_line(hide(text)[:LONGEST])
    word = line.partition(" ")[0]
    if word.isalpha():  # the names of services stay as they are
        line = line[0].upper() + line[1:]
    return News(line, bad)


def _unknown(event: str, detail: Mapping[str, Any]) -> str:
    rest = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in detail.items())
    return event.replace("_", " ") + (f": {rest}" if rest else "")


def _reconnect(detail: Mapping[str, Any]) -> str:
    backlog = detail.get("backlog_ms")
    catching_up = f", {_span(backlog)} of speech to send" if backlog else ""
    return f"connected again after {_span(detail.get('outage_ms'))}{catching_up}"


def _fallback(detail: Mapping[str, Any]) -> str:
    return f"now {detail.get('to')} answers: {detail.get('reason')}"


def _lost_audio(detail: Mapping[str, Any]) -> str:
    reason = detail.get("reason")
    return f"{_span(detail.get('duration_ms'))} of sound is lost" + (
        f": {reason}" if reason else ""
    )


def _because(text: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda detail: f"{text}: {detail.get('reason', 'nobody knows why')}"


def _just(text: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda detail: text


def _span(ms: Any) -> str:
    """A duration as people say it; ``some time`` where it is not known."""
    if not isinstance(ms, int | float):
        return "some time"
    return f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:.1f} s"


_WORDS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "outage": lambda detail: f"{detail.get('reason', 'connection lost')}; reconnecting",
    "reconnect": _reconnect,
    "refused": lambda detail: str(detail.get("reason", "the service refuses")),
    "fallback": _fallback,
    "undelivered": lambda detail: f"no result for {detail.get('waited_s')} s: press to ask again",
    "lost_audio": _lost_audio,
    "overrun": _just("the microphone was read too late: some sound is missing"),
    "underrun": _just("the speech came too slowly: a gap was heard"),
    "speech_dropped": _just("more speech came than can wait: some was left out"),
    "speech_missing": _because("a translation could not be spoken"),
    "nothing_heard": _just("nothing was heard in that press"),
    "microphone_silent": _just("the microphone gives no sound at all: muted, or not wired?"),
    "microphone_heard": _just("the microphone gives sound again"),
    "speaker_lost": _because("the speaker has gone"),
    "speaker_back": _just("the speaker is back"),
}
