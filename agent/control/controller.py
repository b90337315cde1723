"""The controller: the main thread's answer to every event.

It feeds the state machine, carries out its actions on the data path, obeys commands
and tells the reports.  It never blocks: whatever takes time belongs to a worker.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from operator import is_
from typing import Any, Protocol

from agent.audio.pcm import PACKET_MS
from agent.audio.ring import Ring
from agent.clock import Clock, dated, stamp
from agent.config.schema import Config, Service
from agent.control.machine import BY_HAND, Action, Input, Machine
from agent.control.orders import Orders
from agent.events import (
    Blocked,
    Command,
    Event,
    LinkDown,
    LinkUp,
    MicrophoneBack,
    MicrophoneEnded,
    MicrophoneLost,
    Notice,
    Pair,
    Question,
    Settled,
    SpeakerStarted,
    SpeakerStopped,
    Stop,
    Summary,
    Transcript,
    VoiceStarted,
    VoiceStopped,
    WorkerStopped,
)
from agent.pipeline.cloud import Cloud, Exchange
from agent.pipeline.news import lost_audio
from agent.pipeline.player import Player
from agent.pipeline.rung import answerable
from agent.pipeline.summarizer import Summarizer
from agent.report import payloads
from agent.report.history import History
from agent.services.choices import Choices, choices
from agent.services.provider import Provider

log = logging.getLogger(__name__)


#: Events that say that a part of the device does not work, and that it does again.
FAULTS = {"speaker_lost": "speaker", "outbox_fault": "outbox"}
MENDED = {"speaker_back": "speaker", "outbox_back": "outbox"}


class Reports(Protocol):
    """Where news goes; none of these may block."""

    def transcript(self, value: Transcript) -> None: ...
    def notice(self, value: Notice) -> None: ...
    def state(self, fields: Mapping[str, Any]) -> None: ...
    def command_result(self, fields: Mapping[str, Any]) -> None: ...
    def summary(self, fields: Mapping[str, Any]) -> None: ...
    def choices(self, now: Choices) -> None: ...


class Controller:
    """One device: its state machine, and what the machine's actions mean."""

    def __init__(
        self,
        config: Config,
        ring: Ring,
        cloud: Cloud,
        player: Player,
        reports: Reports,
        summarizer: Summarizer,
        clock: Clock,
    ) -> None:
        self._config, self._ring, self._clock = config, ring, clock
        self.cloud = cloud  #: the service in use
        self.player, self._reports = player, reports
        self.chosen = cloud.provider.name  #: the service that was asked for
        self.history = History()
        self.on_state: list[Callable[[Mapping[str, Any]], None]] = []  #: the light, systemd, pages
        self.on_notice: list[Callable[[Notice], None]] = []  #: pages
        self.on_choices: list[Callable[[Choices], None]] = []  #: pages
        self.on_switch: Callable[[Service], tuple[Cloud, Exchange]] | None = None
        self.machine = Machine(config.talk.mode, cancelling=config.audio.echo == "cancel")
        self.stop: Stop | None = None  #: set when the daemon should end
        self.session_id: str | None = None
        # Ring packet; the pre-roll must not reach into muted time, nor before this process, nor
        # into what a service before this one was sent.
        self._closed_until = ring.head
        self._since = stamp(clock)
        self.published: dict[str, Any] = {}  #: the object last published on ``state``
        self.choices = choices(self.provider, config)  #: what can be chosen, as it was told last
        self._basis: tuple[object, ...] = (None,) * 3  #: what that was made of
        self._orders = Orders(self, config, summarizer, reports)
        self._handlers: dict[type, Callable[[Any], None]] = {
            Transcript: self._on_transcript,
            Notice: self.notice,
            LinkUp: self._on_link_up,
            LinkDown: self._on_link_down,
            Blocked: self._on_blocked,
            VoiceStarted: lambda e: self.feed(Input.VOICE, start=e.seq),
            VoiceStopped: lambda e: self.feed(Input.QUIET, end=e.seq),
            MicrophoneEnded: lambda e: self.feed(Input.END, end=e.seq),
            MicrophoneLost: self._on_microphone_lost,
            MicrophoneBack: self._on_microphone_back,
            SpeakerStarted: lambda _: self._speaker(True),
            SpeakerStopped: lambda _: self._speaker(False),
            Settled: self._on_settled,
            Command: self._orders.take,
            Question: lambda e: e.ask(),
            Summary: self._on_summary,
            WorkerStopped: self._on_worker_stopped,
            Stop: self._on_stop,
        }

    @property
    def provider(self) -> Provider:
        """The service that answers."""
        return self.cloud.provider

    def take(self, kind: type, handler: Callable[[Any], None]) -> None:
        """Have events of ``kind`` handled by a part that is not there in every device."""
        self._handlers[kind] = handler

    def use(self, config: Config) -> None:
        """Work with a changed configuration from now on."""
        self._config = config
        self._orders.use(config)

    def start(self) -> None:
        """The daemon is up: leave ``starting`` (and in open mode, listen)."""
        self.feed(Input.START, start=0)
        self.publish()

    def handle(self, event: Event) -> None:
        """Take one event; publishes the state when it changed."""
        self._handlers[type(event)](event)
        self.publish()

    def switch(self, service: Service) -> None:
        """Use another service from now on: for what was said and has no answer, too.

        An open gate is opened anew with it.
        """
        assert self.on_switch is not None
        head, tts = self._ring.head, self.cloud.tts
        pair = self.provider.pair
        cloud, exchange = self.on_switch(service)  # raises before anything has changed
        if self.machine.gate_open:
            self.cloud.close(head)
        left = self.cloud.hand_over()
        self.cloud, self.chosen = cloud, service.name
        self.provider.pair = self.provider.kept(left.pair or pair)
        self.cloud.switch_tts(tts)
        left, lost = answerable(left, self.provider, self._ring)
        if lost:
            self.notice(lost_audio(lost))
        self.cloud.take_over(left)
        self._closed_until = max(self._closed_until, left.sent_to)
        if self.machine.gate_open:
            self.cloud.open(head, self.provider.pair)
        exchange(left)

    # --- the state ---------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """What is published on ``state``, without ``since`` and ``version``."""
        pair = self.provider.pair
        return {
            "state": self.machine.state,
            "service": self.provider.name,
            "source": pair.source,
            "target": pair.target,
            "tts": self.cloud.tts,
            "muted": self.machine.muted,
            "volume": self.player.volume,
            "session": self.session_id,
            "follow_up": self.machine.follow_up if self.machine.mode == "wake" else None,
        }

    def publish(self) -> None:
        """Report the state if it is not the one reported last, and before it what else it
        could be."""
        self._offer()
        state = self.state()
        if state["state"] != self.published.get("state"):
            self._since = stamp(self._clock)
        fields = payloads.state(**state, since=dated(self._since, self._clock))
        if fields == self.published:
            return
        self.published = fields
        self._reports.state(fields)
        for watcher in self.on_state:
            watcher(fields)

    def _offer(self) -> None:
        """Tell what can be chosen, when what it rests on has changed."""
        basis = self.provider, self.provider.pair, self._config
        if all(map(is_, basis, self._basis)):
            return
        self.choices, self._basis = choices(self.provider, self._config), basis
        self._reports.choices(self.choices)
        for watcher in self.on_choices:
            watcher(self.choices)

    # --- the machine -------------------------------------------------------------------------

    def feed(
        self,
        event: Input,
        *,
        start: int | None = None,
        end: int | None = None,
        pre_roll: bool = True,
    ) -> None:
        """Give the machine an input, with the ring packet it began or ended at if known.

        Without ``pre_roll`` nothing before ``start`` is sent.
        """
        if event is Input.UNMUTE and self.machine.muted:
            self._closed_until = self._ring.head
        for action in self.machine.handle(event):
            self._act(action, start, end, pre_roll)
        if event in BY_HAND:
            self.cloud.hurry()
        self.player.hold(self.machine.half_duplex)

    def _act(self, action: Action, start: int | None, end: int | None, pre_roll: bool) -> None:
        talk, head = self._config.talk, self._ring.head
        if action is Action.OPEN:
            begin = head if start is None else start
            if pre_roll:
                begin -= talk.pre_roll_ms // PACKET_MS
            self.cloud.open(max(0, begin, self._closed_until), self.provider.pair)
        elif action is Action.CLOSE:
            tail = talk.tail_ms // PACKET_MS
            self.cloud.close((head if end is None else end) + tail)
        elif action is Action.CUT:
            self.cloud.close(head if end is None else end)
        elif action is Action.HUSH:
            self.player.barge_in()

    def pair(self, source: str | None, target: str | None) -> Pair:
        """The language pair with one or both sides changed."""
        now = self.provider.pair
        return Pair(source or now.source, target or now.target)

    def speak(self, pair: Pair) -> None:
        """Change the language pair; speech already under way keeps the one it began with."""
        if pair == self.provider.pair:
            return
        self.provider.pair = pair
        if self.machine.gate_open:
            head = self._ring.head
            self.cloud.close(head)
            self.cloud.open(head, pair)
        self.cloud.renew(pair)

    # --- events ------------------------------------------------------------------------------

    def _on_transcript(self, transcript: Transcript) -> None:
        self.history.add(transcript)
        self._reports.transcript(transcript)

    def _on_summary(self, event: Summary) -> None:
        self._reports.summary(payloads.summary(event))

    def notice(self, notice: Notice) -> None:
        """Tell everybody of an event, and whether it is a fault or mends one."""
        if notice.event in FAULTS:
            self.machine.faults.add(FAULTS[notice.event])
        self.machine.faults.discard(MENDED.get(notice.event, ""))
        self._reports.notice(notice)
        for watcher in self.on_notice:
            watcher(notice)

    def _on_link_up(self, event: LinkUp) -> None:
        self.machine.linked = True
        self.machine.faults.discard("service")
        self.session_id = event.session

    def _on_link_down(self, event: LinkDown) -> None:
        self.machine.linked = event.wanted

    def _on_blocked(self, event: Blocked) -> None:
        self.machine.faults.add("service")

    def _on_microphone_lost(self, event: MicrophoneLost) -> None:
        self.machine.faults.add("microphone")
        self.notice(Notice("microphone_lost", {"reason": event.reason}))

    def _on_microphone_back(self, event: MicrophoneBack) -> None:
        self.machine.faults.discard("microphone")
        self.notice(Notice("microphone_back"))

    def _on_settled(self, event: Settled) -> None:
        if event.timed_out:
            log.info("no answer within %g s", self._config.talk.result_timeout_s)
            self.notice(Notice("no_result"))
        self.feed(Input.SETTLED)

    def _speaker(self, speaking: bool) -> None:
        self.machine.speaking = speaking

    def _on_worker_stopped(self, event: WorkerStopped) -> None:
        self.stop = Stop(f"worker {event.name} died: {event.reason}", exit_code=1)

    def _on_stop(self, event: Stop) -> None:
        self.stop = self.stop or event
