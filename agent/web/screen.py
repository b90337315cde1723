"""The caption screen as the main thread has it: what pages are told, and what they ask for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from agent import __version__
from agent.app import App
from agent.audio.pcm import level_dbfs
from agent.clock import stamp
from agent.events import Command, Event, Notice, Question, Summary, Transcript, WorkerStopped
from agent.report import payloads
from agent.services.choices import Choices
from agent.web import messages
from agent.web.messages import Download
from agent.web.server import Server

log = logging.getLogger(__name__)

HISTORY = 100  #: sentences a new page is shown
MOST = 3 * 2**19  # bytes of a download: less than is kept for a page
STOP_S = 1.0


class CaptionScreen:
    """A context manager around a run.

    Raises RunError on entering where the address cannot be had.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self.server = Server(app.config.web, self, app.clock)
        self.server.on_death = lambda name, reason: app.post(WorkerStopped(name, reason))

    def __enter__(self) -> Self:
        self.server.bind()
        self._app.watch(self._on_event)
        self._app.on_stop.append(self.server.stop)
        self._app.controller.on_state.append(self._on_state)
        self._app.controller.on_choices.append(self._on_choices)
        self._app.controller.on_notice.append(self._on_notice)
        self.server.start()
        log.info("caption screen: %s", self.server.url)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.server.stop()
        self.server.join(STOP_S)

    # --- what happens (main thread) ----------------------------------------------------------

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Transcript):
            self._tell("transcript", lambda: payloads.transcript(event))
        elif isinstance(event, Summary):
            self._tell("summary", lambda: payloads.summary(event))

    def _on_notice(self, notice: Notice) -> None:
        time = stamp(self._app.clock)
        self._tell("event", lambda: payloads.notice(notice, time))

    def _on_state(self, state: Mapping[str, Any]) -> None:
        self._tell("state", lambda: state)

    def _on_choices(self, now: Choices) -> None:
        self._tell("languages", lambda: _languages(now))

    def _tell(self, kind: str, value: Callable[[], object]) -> None:
        """Encoded once, for all; and not at all when nobody looks."""
        if self.server.watched:
            self.server.tell(self._dated(messages.say(kind, value())))

    def _dated(self, message: bytes) -> bytes:
        return payloads.dated(message, self._app.clock)

    def _greeting(self) -> list[bytes]:
        controller = self._app.controller
        said = controller.history.newest()[-HISTORY:]
        return [
            self._dated(messages.say("hello", self._hello())),
            messages.say("languages", _languages(controller.choices)),
            messages.say("state", controller.published),
            self._dated(messages.history(said)),
            self.telemetry(),
        ]

    def _hello(self) -> dict[str, object]:
        config, history = self._app.config, self._app.controller.history
        sessions = [(session, history.sentences(session)) for session in history.sessions()]
        return {
            "device": config.device.id,
            "version": __version__,
            "mode": config.talk.mode,
            "buttons": [{"source": b.source, "target": b.target} for b in config.talk.buttons],
            "sessions": [
                {"session": session, "time": said[0].time, "sentences": len(said)}
                for session, said in sessions
            ],
        }

    # --- what pages ask for (any thread) -----------------------------------------------------

    def greet(self, take: Callable[[list[bytes]], None]) -> None:
        """See :class:`agent.web.conversation.Device`."""
        self._app.post(Question(lambda: take(self._greeting())))

    def command(
        self, fields: Mapping[str, Any], reply: Callable[[Mapping[str, Any]], None], who: object
    ) -> None:
        """See :class:`agent.web.conversation.Device`."""
        self._app.post(Command(fields, origin="web", reply=reply, who=who))

    def look_up(self, session: str, take: Callable[[list[Transcript]], None]) -> None:
        """See :class:`agent.web.conversation.Device`."""
        history = self._app.controller.history
        self._app.post(Question(lambda: take(history.sentences(session))))

    def download(self, wanted: Download, sentences: list[Transcript]) -> bytes:
        """See :class:`agent.web.conversation.Device`."""
        # What transcribes files is loaded for the first who wants one.
        from agent.web.export import document

        if not sentences:
            words = f"download: no finished sentences of session {wanted.session[:40]!r}"
            return messages.result(words, wanted.ref)
        name = f"{self._app.config.device.id}-{wanted.session}.{wanted.format}"
        text = document(wanted.format, sentences)
        answer = messages.say("download", {"name": name, "text": text, "ref": wanted.ref})
        if len(answer) > MOST:
            words = "download: too long for a page; it was published over MQTT"
            return messages.result(words, wanted.ref)
        return answer

    def meter(self) -> bytes:
        """See :class:`agent.web.server.Device`."""
        ring = self._app.ring
        newest = ring.read(ring.head - 1)
        return messages.say(
            "meter",
            {
                "level_dbfs": round(level_dbfs(newest.data), 1) if newest else None,
                "voiced": newest is not None and newest.voiced,
            },
        )

    def telemetry(self) -> bytes:
        """See :class:`agent.web.server.Device`."""
        return messages.say("telemetry", self._app.values())


def _languages(now: Choices) -> dict[str, object]:
    return {"source": now.sources, "target": now.targets, "speech": now.speaks}
