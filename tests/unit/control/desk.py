"""A controller with a cloud that notes what is asked of it, and reports that keep everything."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from agent.config.credentials import with_demo
from agent.config.schema import Config, Service
from agent.control.controller import Controller
from agent.errors import UsageError
from agent.events import Command, Notice, Pair, Settled, Transcript, Unanswered
from agent.link.handover import Handover
from agent.pipeline.cloud import Cloud, Exchange
from agent.pipeline.summarizer import Summarizer
from agent.report.nowhere import Nowhere
from agent.services.choices import Choices
from agent.services.provider import Provider
from agent.threads import Worker
from tests.unit.pipeline.rig import Rig


class NotingCloud:
    """``asked`` is every call, in order."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.asked: list[tuple[object, ...]] = []
        self.tts = True
        self.connected = True
        self.hurried_at = 0.0
        self.hurries = 0
        self.backlog_ms = 0
        self.unanswered_ms = 0
        self.workers: Sequence[Worker] = ()
        self.left = Handover()

    def captured(self) -> None:
        self.asked.append(("captured",))

    def open(self, start: int, pair: Pair) -> None:
        self.asked.append(("open", start, pair))

    def close(self, end: int) -> None:
        self.asked.append(("close", end))

    def hurry(self) -> None:
        self.hurries += 1

    def switch_tts(self, enabled: bool) -> None:
        self.tts = enabled

    def renew(self, pair: Pair) -> None:
        self.asked.append(("renew", pair))

    def hand_over(self) -> Handover:
        self.asked.append(("hand over",))
        return self.left

    def take_over(self, left: Handover) -> None:
        self.asked.append(("take over", left))

    def remember(self, keep: Callable[[Unanswered], None] | None) -> None:
        self.asked.append(("remember",))

    def probe(self) -> None:
        self.asked.append(("probe",))

    def free(self) -> None:
        self.asked.append(("free",))


class Kept(Nowhere):
    """Reports that are kept."""

    def __init__(self) -> None:
        super().__init__()
        self.states: list[Mapping[str, Any]] = []
        self.notices: list[Notice] = []
        self.transcripts: list[Transcript] = []
        self.results: list[Mapping[str, Any]] = []
        self.summaries: list[Mapping[str, Any]] = []
        self.offers: list[Choices] = []

    def state(self, fields: Mapping[str, Any]) -> None:
        self.states.append(fields)

    def notice(self, value: Notice) -> None:
        self.notices.append(value)

    def transcript(self, value: Transcript) -> None:
        self.transcripts.append(value)

    def command_result(self, fields: Mapping[str, Any]) -> None:
        self.results.append(fields)

    def choices(self, now: Choices) -> None:
        assert not self.states or self.states[-1]["service"] in now.services
        self.offers.append(now)

    def summary(self, fields: Mapping[str, Any]) -> None:
        self.summaries.append(fields)


class Asked(Summarizer):
    """A summarizer that only keeps the questions."""

    def __init__(self, rig: Rig) -> None:
        super().__init__(rig.config, rig.events.append, rig.clock)
        self.questions: list[tuple[str, str, Any]] = []

    def ask(self, session: str, text: str, ref: Any) -> None:
        self.questions.append((session, text, ref))


class Desk(Rig):
    """``press`` and the like are commands; their answers are in ``reports.results``."""

    def __init__(self, name: str = "twetalk-v2", **sections: Any) -> None:
        super().__init__(name, **sections)
        self.clouds = [NotingCloud(self.provider)]
        self.reports = Kept()
        self.summarizer = Asked(self)
        self.exchanged: list[Handover] = []
        self.refuses_to_switch: UsageError | None = None
        self.controller = self._controller(self.config)

    def _controller(self, config: Config) -> Controller:
        controller = Controller(
            config,
            self.ring,
            self.clouds[0],
            self.player,
            self.reports,
            self.summarizer,
            self.clock,
        )
        controller.on_switch = self._switch
        return controller

    def _switch(self, service: Service) -> tuple[Cloud, Exchange]:
        if self.refuses_to_switch is not None:
            raise self.refuses_to_switch
        self.clouds.append(NotingCloud(Provider(service)))
        return self.clouds[-1], self._exchange

    def _exchange(self, left: Handover) -> None:
        self.exchanged.append(left)
        if not left.takes:
            self.controller.handle(Settled())

    def know(self, **services: Service) -> None:
        """Begin anew with profiles to switch to."""
        named = {name.replace("_", "-"): with_demo(each) for name, each in services.items()}
        self.config = replace(self.config, services=named)
        self.controller = self._controller(self.config)

    @property
    def cloud(self) -> NotingCloud:
        """The one in use."""
        return self.clouds[-1]

    @property
    def state(self) -> Mapping[str, Any]:
        """As it was published last."""
        return self.reports.states[-1]

    def begin(self, head: int = 0) -> None:
        """The daemon is up, and ``head`` packets have been captured."""
        self.controller.start()
        self.say(head)

    def command(self, **fields: Any) -> Mapping[str, Any]:
        """Give a command; its answer."""
        before = len(self.reports.results)
        self.controller.handle(Command(fields))
        [result] = self.reports.results[before:]
        return result

    def take(self) -> list[tuple[object, ...]]:
        """What the cloud was asked since the last time."""
        asked, self.cloud.asked = self.cloud.asked, []
        return asked
