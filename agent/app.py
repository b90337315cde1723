"""The composition root: builds the device from its configuration, runs it, takes it down.

Everything is made in :meth:`App.__init__`'s order of data flow, started from the
outside in (speaker, connection, microphone, reports) and stopped with the reports last.
"""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from agent import assembly, clouds
from agent.audio.pcm import level_dbfs
from agent.clock import Clock, SystemClock
from agent.config.schema import Config, Service
from agent.control import reload
from agent.control.controller import Controller
from agent.control.ending import Ending
from agent.control.supervisor import Supervisor
from agent.errors import RunError
from agent.events import (
    Command,
    Event,
    MicrophoneEnded,
    Notice,
    Settled,
    Stop,
    Summary,
    Transcript,
    WorkerStopped,
)
from agent.link.handover import Handover
from agent.pipeline.cloud import Cloud, Exchange, Outlet, Parts
from agent.pipeline.finals import Finals
from agent.pipeline.summarizer import Summarizer
from agent.report.telemetry import Telemetry
from agent.services.provider import Provider
from agent.system.memory import lock_memory, settle
from agent.system.systemd import Notifier
from agent.threads import Worker

if TYPE_CHECKING:
    from agent.report.exporter import Exporter

log = logging.getLogger(__name__)

STOP_S = 0.6  # for the threads of the data path together
REPORTS_S = 1.2  # for the last messages to leave or to be on disk
TICK_S = 1.0  # between two looks at what no event tells of
ENDING_TICK_S = 0.25  # the same for a run that has an end
TELEMETRY_S = 10.0


class App:
    """A whole device."""

    def __init__(
        self,
        config: Config,
        *,
        clock: Clock | None = None,
        duration_s: float | None = None,
    ) -> None:
        self.config = config
        self.clock = clock or SystemClock()
        self.on_hangup: Callable[[], None] = lambda: None  #: SIGHUP came; in the main thread
        self.on_stop: list[Callable[[], None]] = []  #: what else begins to end when the run does
        self._hung_up = False
        self._watchers: list[Callable[[Event], None]] = []
        self._inbox: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.telemetry = Telemetry(self.clock.now())
        rate = config.audio.rate
        self.echo = assembly.echo(config, self.post, self.clock)
        self.memory = assembly.crash_memory(config, self.clock)
        self.ring = assembly.ring(config, self.echo, self.memory)
        self._speaker = assembly.speaker(config.audio, self.clock, self.echo)
        self.player = assembly.player(
            self._speaker, rate, config.audio.playback, self.telemetry, self.post, self.clock
        )
        self._microphone = assembly.microphone(config.audio, self.clock, self.echo)
        self.capture = assembly.capture(
            config,
            self._microphone,
            self.ring,
            self.player,
            self.post,
            self.clock,
            self.echo,
        )
        self.hearer = assembly.hearer(config, self.ring, self.post, self.clock)
        self.reports = assembly.reports(config, self._command, self.post, self.clock)
        self._finals = Finals()
        self._retired: list[Cloud] = []  # replaced by another service, ending
        self._outlet = Outlet(self.post)
        cloud = self._cloud(config.service, self._outlet)
        self._summarizer = Summarizer(config, self.post, self.clock)
        self.controller = Controller(
            config,
            self.ring,
            cloud,
            self.player,
            self.reports,
            self._summarizer,
            self.clock,
        )
        self.controller.on_switch = self._switch
        self.attention = assembly.attention(
            config, self.hearer, self.controller, self.ring, self.telemetry, self.clock
        )
        self._checks: list[Callable[[float], None]] = []  # of parts, with the time, often
        if self.attention is not None:
            self.watch(self.attention.watch)
            self._checks.append(self.attention.check)
        self.sounds = assembly.sounds(config, self.controller, self.ring)
        if self.sounds is not None:
            self._checks.append(self.sounds.check)
        self.reports.saved = self._saved
        if self.memory is not None:
            self.memory.hand_over(cloud, self.post)
        end_at = None if duration_s is None else self.clock.now() + duration_s
        self.ending = Ending(config, self.controller, self.player, end_at)
        self.panel = assembly.panel(config.talk, self.post, self.clock)
        self.supervisor = Supervisor(Notifier(), self.capture, self.player, self.controller)
        self.controller.on_state.append(self.supervisor.show)
        if self.panel is not None and (light := self.panel.light) is not None:
            self.controller.on_state.append(light.follow)
        self.exporter: Exporter | None = None

    # --- building ----------------------------------------------------------------------------

    @property
    def cloud(self) -> Cloud:
        """The service in use."""
        return self.controller.cloud

    @property
    def provider(self) -> Provider:
        """It, with the languages in use."""
        return self.cloud.provider

    def _cloud(self, service: Service, post: Outlet) -> Cloud:
        parts = Parts(
            self.config,
            Provider(service),
            self.ring,
            self.player,
            self.telemetry,
            post,
            self.clock,
            after_saved=self._finals.after,
        )
        cloud = clouds.build(parts)
        self.ring.on_write(cloud.captured, *([self.hearer.captured] if self.hearer else ()))
        if self.memory is not None:
            cloud.remember(self.memory.keep)
        return cloud

    def _switch(self, service: Service) -> tuple[Cloud, Exchange]:
        """Build the way to another service; it starts, and the old one ends, when that one has
        handed over what it has not answered."""
        old, outlet = self.cloud, Outlet(self.post)
        cloud = self._cloud(service, outlet)

        def exchange(left: Handover) -> None:
            self._outlet.left, self._outlet = True, outlet
            old.remember(None)
            for worker in old.workers:
                worker.stop()
            self._retired.append(old)
            for worker in cloud.workers:
                self._launch(worker)
            if not left.takes:  # whoever waited for the one that left, waits for nothing now
                self.post(Settled())

        return cloud, exchange

    def _give_back(self) -> None:
        """Free what replaced services held, as soon as their threads have ended."""
        for cloud in [c for c in self._retired if not any(w.alive for w in c.workers)]:
            self._retired.remove(cloud)
            cloud.free()

    def watch(self, watcher: Callable[[Event], None]) -> None:
        """Have ``watcher`` see every event, in the main thread (terminal, caption screen)."""
        self._watchers.append(watcher)

    # --- running -----------------------------------------------------------------------------

    def post(self, event: Event) -> None:
        """Hand an event to the main thread; from any thread, never blocks."""
        self._inbox.put(event)

    def run(self) -> int:
        """Run until told to stop; returns the exit code.

        Raises RunError when the device cannot be started.
        """
        orderly = False
        try:
            self._start()
            stop = self._loop()
            orderly = stop.exit_code == 0
        finally:
            self._shut_down()
            if self.memory is not None:
                self.memory.close(orderly=orderly)
        if stop.exit_code:
            raise RunError(stop.reason)
        log.info("stopped: %s", stop.reason)
        return 0

    def _start(self) -> None:
        lock_memory()
        for worker in self.panel.workers if self.panel else ():
            self._launch(worker)
        self.controller.publish()  # starting
        # Half a device is more than none: a card that is away or busy is waited for.
        self.player.open(patient=assembly.is_card(self.config.audio.playback.device))
        self.capture.open()
        log.info("microphone: %s", self._microphone.description)
        log.info("speaker: %s", self._speaker.description)
        self.controller.start()
        for worker in self._workers:
            if not worker.alive:
                self._launch(worker)
        # Last: what these load must not hold up the first packet.
        if isinstance(self.reports, Worker):
            self._launch(self.reports)
        self.exporter = assembly.exporter(
            self.config, self.values, self.controller.state, self.clock
        )
        if self.exporter is not None:
            self._launch(self.exporter)
        settle()
        self.supervisor.ready()

    def _launch(self, worker: Worker) -> None:
        worker.on_death = self._worker_died
        worker.start()

    @property
    def _workers(self) -> list[Worker]:
        panel = self.panel.workers if self.panel else []
        exporter = [self.exporter] if self.exporter else []
        hearer = [self.hearer] if self.hearer else []
        return [*panel, self.player, *self.cloud.workers, *hearer, self.capture, *exporter]

    def _loop(self) -> Stop:
        telemetry_at = self.clock.now() + TELEMETRY_S
        while True:
            self._take_one(ENDING_TICK_S if self.ending.near else TICK_S)
            if self._hung_up:
                self._hung_up = False
                self.on_hangup()
            self._give_back()
            now = self.clock.now()
            if self.ending.is_time(now):
                self.post(MicrophoneEnded(self.ring.head))
            self.supervisor.check(now)
            for check in self._checks:
                check(now)
            stop = self.controller.stop or self.ending.check(now)
            if stop is not None:
                return stop
            if now >= telemetry_at:
                telemetry_at += TELEMETRY_S
                self.reports.telemetry(self.measure())

    def _take_one(self, seconds: float) -> None:
        try:
            event = self._inbox.get(timeout=seconds)
        except queue.Empty:
            return
        self.ending.notice(event, self.clock.now())
        self._handle(event)

    def _handle(self, event: Event) -> None:
        self.controller.handle(event)
        for watcher in self._watchers:
            watcher(event)

    def measure(self) -> dict[str, Any]:
        """The telemetry of this moment, to be published."""
        self._read_gauges()
        return self.telemetry.snapshot(self.clock.now())

    def values(self) -> dict[str, int | float]:
        """The telemetry of this moment, for whoever asks; from any thread."""
        self._read_gauges()
        return self.telemetry.values(self.clock.now())

    def _read_gauges(self) -> None:
        newest = self.ring.read(self.ring.head - 1)
        self.telemetry.gauge("packets_captured", self.ring.head)
        self.telemetry.gauge("backlog_ms", self.cloud.backlog_ms)
        self.telemetry.gauge("overruns", self.capture.overruns)
        self.telemetry.gauge("level_dbfs", level_dbfs(newest.data) if newest else None)
        self.telemetry.gauge("outbox", self.reports.waiting)
        self.telemetry.gauge("set_aside", self.reports.set_aside or None)

    def _saved(self, final: str) -> None:
        """The final of this id is on the disk; in the thread of the reports."""
        self._finals.saved(final)
        if self.memory is not None:
            self.memory.saved(final)

    # --- changing ----------------------------------------------------------------------------

    def hang_up(self) -> None:
        """SIGHUP came: call :attr:`on_hangup` within a second; from a signal handler."""
        self._hung_up = True

    def reload(self, config: Config) -> list[str]:
        """Take over from ``config`` what can change while running; the keys that cannot.

        Raises UsageError, and changes nothing, where its service cannot be used.
        """
        merged = reload.merged(self.config, config)
        clouds.check(Provider(merged.service), merged)
        old, self.config = self.config, merged
        self.controller.use(self.config)
        reload.apply(self.controller, old, self.config)
        self.controller.publish()
        return reload.waiting(old, config)

    # --- stopping ----------------------------------------------------------------------------

    def stop(self, reason: str) -> None:
        """Ask the daemon to end; from any thread or a signal handler."""
        self.post(Stop(reason))

    def _shut_down(self) -> None:
        self.supervisor.stopping()
        for stop in self.on_stop:
            stop()
        deadline = self.clock.now() + STOP_S
        for worker in reversed(self._workers):
            worker.stop()
        for worker in reversed(self._workers):
            self._join(worker, deadline)
        self._summarizer.stop()
        if self.panel is not None:
            self.panel.close()
        self._drain_inbox()
        self._retired.append(self.cloud)
        self._give_back()
        self.reports.stop()
        self.reports.join(REPORTS_S)

    def _join(self, worker: Worker, deadline: float) -> None:
        if not worker.join(deadline - self.clock.now()):
            log.warning("thread %s did not end in time", worker.name)

    def _drain_inbox(self) -> None:
        """What was heard while the threads ended still counts: finals go to the outbox."""
        while not self._inbox.empty():
            event = self._inbox.get()
            if isinstance(event, Transcript | Notice | Summary):
                self._handle(event)

    def _worker_died(self, name: str, reason: str) -> None:
        self.post(WorkerStopped(name, reason))

    def _command(self, fields: Mapping[str, Any]) -> None:
        self.post(Command(fields))
