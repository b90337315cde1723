"""The summarizer thread: asks the summary service, so that the main thread need not wait."""

from __future__ import annotations

import queue
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from agent.clock import Clock
from agent.config import loader
from agent.config.schema import Config
from agent.errors import DragomanError
from agent.events import Event, Summary
from agent.threads import Worker

if TYPE_CHECKING:
    from agent.link.http import HttpClient


class Summarizer(Worker):
    """Summarises one session after the other; started by the first question."""

    name = "summarizer"

    def __init__(self, config: Config, post: Callable[[Event], None], clock: Clock) -> None:
        super().__init__(clock)
        self._config, self._post = config, post
        self._questions: queue.SimpleQueue[tuple[str, str, Any] | None] = queue.SimpleQueue()

    def ask(self, session: str, text: str, ref: Any) -> None:
        """Have ``text``, what was said in ``session``, summarised; the answer is posted."""
        self._questions.put((session, text, ref))
        if not self.alive and not self.stopping:
            self.start()

    def wake(self) -> None:
        self._questions.put(None)

    def run(self) -> None:
        # What streams need not is not loaded for them.
        from agent.link.dial import Dialer
        from agent.link.http import HttpClient
        from agent.link.text import TEXT_S

        dialer = Dialer(self._config.network, self.clock)
        http = HttpClient(dialer, total_s=TEXT_S, cancelled=lambda: self.stopping)
        while not self.stopping:
            question = self._questions.get()
            if question is not None:
                self._answer(http, *question)

    def _answer(self, http: HttpClient, session: str, text: str, ref: Any) -> None:
        from agent.link.text import summary
        from agent.services.texts import serving

        try:
            service = loader.profile(self._config, serving(self._config, "summarizes"))
            self._post(Summary(session, summary(service, http, self.clock).ask(text), ref=ref))
        except DragomanError as error:
            self._post(Summary(session, None, str(error), ref))
