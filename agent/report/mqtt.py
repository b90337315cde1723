"""Reporting over MQTT: the thread that owns the outbox and the connection to the broker.

Everything reaches that thread through one queue: what other threads report and what the
connection signals.  Finals, events and summaries are committed to the outbox before they
are published; see :mod:`agent.report.dispatch` for the order of things.  The commit is made
by a thread of its own: meanwhile commands are taken and answered.
"""

from __future__ import annotations

import logging
import queue
import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from typing import Any

from agent.clock import Clock, stamp
from agent.config.schema import Mqtt
from agent.events import Notice, Transcript
from agent.report import payloads
from agent.report.disk import Disk
from agent.report.dispatch import Dispatch, refusal
from agent.report.health import OutboxHealth
from agent.report.homeassistant import discovery, node_id
from agent.report.inbound import Inbound
from agent.report.line import Line
from agent.report.loose import BUSY, Loose
from agent.report.past import Past
from agent.report.reconnect import Reconnect, Timers
from agent.report.signals import Acked, Alive, Connect, Down, Incoming, Link, Signal, Unheard, Up
from agent.report.topics import Topic, Topics, discovery_topic
from agent.services.choices import Choices
from agent.threads import Worker

log = logging.getLogger(__name__)

#: How long to leave the broker or the disk alone after it refused a message, seconds.
PAUSE_S = 30.0

#: For how long what was acknowledged may stay on the disk, to go with other writes, seconds.
LINGER_S = 1.0

#: What kinds of outage (see ``LinkError``) cast doubt on the way to the broker, too.
DOUBTS = ("silent", "timeout", "unreachable", "dns")

#: Events nobody wants to hear of later: a light that goes on an hour after the press.
MOMENTARY = ("button",)

#: What a stop may spend on the last messages, on ``offline`` and on the goodbye, seconds.
FLUSH_S, OFFLINE_S, GOODBYE_S = 0.6, 0.3, 0.2


class Reporter(Worker):
    """Publishes what the device has to say and hands on the commands that come in.

    The reporting methods may be called from any thread and never wait.  Stop it last:
    what is reported before :meth:`stop` is on the disk or published when the thread has ended.

    Args:
        settings: the section ``mqtt``; ``host`` must not be null.
        on_command: takes each command object, on this worker's thread; a
            :class:`~agent.errors.UsageError` it raises becomes the answer.
        retry_s: shortest and longest wait between connections, seconds.
        birth_delay_s: Home Assistant's birth is answered within this time, seconds.
        connect: makes connections; by default to the broker of ``settings``.

    Attributes:
        connected: whether the broker takes messages at the moment.
        waiting: messages in the outbox.
        dropped: messages lost since the start because the outbox was full.
        set_aside: messages set aside since the start, which the broker can never take.
        saved: takes the id of each final that is on the disk, on this worker's thread.
        tell: takes events about the outbox; by default they are published at once.

    Raises:
        UsageError: a file of ``mqtt.ca_file``, ``cert_file`` and ``key_file`` cannot be read.
    """

    name = "mqtt-outbox"

    def __init__(
        self,
        settings: Mqtt,
        device: str,
        on_command: Callable[[Mapping[str, Any]], None],
        *,
        clock: Clock | None = None,
        retry_s: tuple[float, float] = (1.0, 30.0),
        birth_delay_s: float = 5.0,
        connect: Connect | None = None,
    ) -> None:
        super().__init__(clock)
        if settings.host is None:
            raise ValueError("mqtt.host is null: nothing to report to")
        self.connected = False
        self.waiting = self.dropped = self.set_aside = 0
        self.tell: Callable[[Notice], None] = self.notice
        self.saved: Callable[[str], None] = lambda final: None
        self.topics = Topics.of(settings.topic, device)
        self._settings, self._where = settings, f"broker at {settings.host}:{settings.port}"
        self._rng, self._birth_delay_s = random.Random(), birth_delay_s
        if settings.tls:  # an unreadable file is refused now
            from agent.link import tls

            files = {"cert_file": settings.cert_file, "key_file": settings.key_file}
            tls.context(settings.ca_file, "mqtt.ca_file", **files)
        self._device = device
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._timers = Timers()
        reconnect = Reconnect(*retry_s, self._rng)
        self._line = Line(self._where, reconnect, self._timers, self.clock, self._signal)
        self._line.connect = connect
        self._inbound = Inbound(self.topics, on_command, self._answer, self._on_birth)
        self._acks: deque[tuple[Link, Acked]] = deque()
        self._behind: deque[tuple[Topic, Mapping[str, Any]]] = deque(maxlen=BUSY)  # QoS 0
        self._loose = Loose()
        self._passing = 0  # calls of this turn that published a message of QoS 0, and no more
        self._health = OutboxHealth()
        self._discovery: dict[Topic, dict[str, Any]] = {}

    # --- for any thread ----------------------------------------------------------------------

    def transcript(self, value: Transcript) -> None:
        """A final goes through the outbox; a partial is sent if the broker is there."""
        if value.final:
            fields = payloads.transcript(value)
            self._inbox.put(partial(self._keep, self.topics.transcript, fields, value.id))
        else:
            self._expend(self.topics.partial, payloads.transcript(value))

    def notice(self, value: Notice) -> None:
        """Publish an event, through the outbox, with the time of this call; one that is only
        for the moment is sent if the broker is there."""
        if value.event == "outage" and value.detail.get("kind") in DOUBTS:
            self._inbox.put(self._line.check)
        elif value.event == "reconnect":
            self._inbox.put(self._on_network)
        fields = payloads.notice(value, stamp(self.clock))
        if value.event in MOMENTARY:
            self._expend(replace(self.topics.event, qos=0), fields)
        else:
            self._store(self.topics.event, fields)

    def summary(self, fields: Mapping[str, Any]) -> None:
        """Publish the summary of a session, through the outbox."""
        self._store(self.topics.summary, fields)

    def state(self, fields: Mapping[str, Any]) -> None:
        """Publish the state (see :func:`~agent.report.payloads.state`); only the newest counts."""
        self._inbox.put(partial(self._pin, self.topics.state, dict(fields)))

    def choices(self, now: Choices) -> None:
        """Announce the device to Home Assistant, with what can be chosen now."""
        self._inbox.put(lambda: self._disk.after(partial(self._announce, now)))

    def telemetry(self, fields: Mapping[str, Any]) -> None:
        """Publish counters and gauges if the broker is there."""
        self._expend(self.topics.telemetry, fields)

    def command_result(self, fields: Mapping[str, Any]) -> None:
        """Publish the answer to a command (see :func:`~agent.report.payloads.result`)."""
        self._inbox.put(partial(self._answer, dict(fields)))

    def wake(self) -> None:
        self._inbox.put(lambda: None)

    def _store(self, topic: Topic, fields: Mapping[str, Any]) -> None:
        self._inbox.put(partial(self._keep, topic, dict(fields)))

    def _expend(self, topic: Topic, fields: Mapping[str, Any]) -> None:
        if self.connected and self._inbox.qsize() < BUSY:
            self._inbox.put(partial(self._publish_loose, topic, dict(fields)))

    # --- the thread --------------------------------------------------------------------------

    def run(self) -> None:
        # paho and SQLite are loaded here: the microphone and the cloud do not wait for them.
        from agent.report.connection import connector
        from agent.report.outbox import Outbox

        settings = self._settings
        if self._line.connect is None:
            self._line.connect = connector(settings, self._device, self.topics)
        most = settings.outbox_max_mb * 1_000_000
        self._outbox = Outbox(settings.outbox, settings.outbox_limit, self.clock, most=most)
        self._dispatch = Dispatch(self._outbox)
        self._disk = Disk(self._outbox, self._dispatch, self._inbox.put, lambda id: self.saved(id))
        self._past = Past(self._outbox, settings, node_id(self._device))
        try:
            self._begin()
            while not self.stopping:
                self._turn(1.0)
            self._farewell()
        finally:
            with closing(self._outbox):
                self._empty_inbox()
                self._disk.finish()

    def _begin(self) -> None:
        self._dispatch.pin(self.topics.status, payloads.ONLINE)
        self._past.begin()
        if self._settings.discovery is None:
            self._wipe_all_but([])
        self._line.open()

    def _turn(self, longest: float) -> None:
        """Wait for work, at most ``longest`` seconds, and do all that is there."""
        calls = self._passing = 0
        with suppress(queue.Empty):
            self._inbox.get(timeout=self._timers.wait(self.clock.now(), longest))()
            calls = 1
        calls += self._empty_inbox()
        due = self._timers.run(self.clock.now())
        self._take_acks()
        if due or not calls or calls > self._passing:  # else the outbox is as it was
            self._flush()
            self._watch_outbox()
            self._take_acks()
        self.beat()

    def _empty_inbox(self) -> int:
        calls = self._inbox.qsize()
        for _ in range(calls):
            self._inbox.get_nowait()()
        return calls

    def _farewell(self) -> None:
        """Get out what can get out, say ``offline`` and go; not longer than a second."""
        self._timers.clear()
        if self.connected:
            self._until(lambda: self._dispatch.idle, FLUSH_S)
            self._dispatch.held = True
            self._dispatch.pin(self.topics.status, payloads.OFFLINE)
            self._flush()
            self._until(lambda: self._dispatch.idle, OFFLINE_S)
        if self._line.link is not None:
            self._line.link.close()
            self._until(lambda: not self.connected, GOODBYE_S)

    def _until(self, done: Callable[[], bool], seconds: float) -> None:
        deadline = self.clock.now() + seconds
        while self.connected and not done() and (left := deadline - self.clock.now()) > 0:
            self._turn(left)

    # --- out ---------------------------------------------------------------------------------

    def _keep(self, topic: Topic, fields: Mapping[str, Any], final: str = "") -> None:
        if topic == self.topics.transcript:  # it overtakes the partials that came before it
            others = [entry for entry in self._behind if entry[0] != self.topics.partial]
            self._behind = deque(others, BUSY)
        self._disk.keep(topic.name, payloads.encode(fields), final)

    def _pin(self, topic: Topic, fields: Mapping[str, Any]) -> None:
        self._dispatch.pin(topic, payloads.encode(fields))

    def _answer(self, fields: Mapping[str, Any]) -> None:
        self._dispatch.answer(self.topics.result, payloads.encode(fields))

    def _publish_loose(self, topic: Topic, fields: Mapping[str, Any]) -> None:
        if self._disk.behind:  # a partial does not overtake the final that was reported before it
            self._behind.append((topic, fields))
            return
        link = self._line.link
        if link is not None and self.connected and not self._dispatch.careful:
            payload = payloads.dated(payloads.encode(fields), self.clock)
            self._loose.publish(link, topic, payload, self.clock.now())
            self._passing += 1

    def _flush(self) -> None:
        """Have committed what is new, and publish as much as the window takes."""
        if self._disk.due:
            self._settle()
        elif self._dispatch.unsettled and self._settle not in self._timers:
            self._timers.set(self._settle, self.clock.now() + LINGER_S)
        link = self._line.link
        if link is None or not self.connected:
            self._behind.clear()
            return
        while parcel := self._dispatch.next():
            payload = payloads.dated(parcel.payload, self.clock)
            try:
                message_id = link.publish(parcel.topic, payload, 1, parcel.retain)
            except ValueError as error:  # a wildcard, a topic that is no text: damaged on the disk
                self._dispatch.unsendable(parcel, f"nothing MQTT can carry: {error}")
            else:
                self._dispatch.sent(message_id, parcel)
        self._line.watch(self._dispatch.flight_bytes, self._dispatch.answered)
        for _ in range(len(self._behind)):
            self._publish_loose(*self._behind.popleft())

    def _settle(self) -> None:
        self._timers.unset(self._settle)
        self._disk.write()

    def _watch_outbox(self) -> None:
        if self._disk.busy:
            return
        self.waiting, self.dropped = self._dispatch.waiting, self._outbox.dropped
        for news in self._health.news(self._outbox, self._dispatch.aside):
            self.tell(news)
            if news.event == "outbox_back":  # what the file held is older than all that was sent
                self._dispatch.rewind()
        self.set_aside = self._health.set_aside
        self._past.look(self._dispatch.taken)
        if self._outbox.fault and self._settle not in self._timers:
            self._timers.set(self._settle, self.clock.now() + PAUSE_S)

    # --- the connection ----------------------------------------------------------------------

    def _signal(self, link: Link, signal: Signal) -> None:
        if isinstance(signal, Acked) and not self._dispatch.busy:  # of QoS 0: worth no turn
            self._acks.append((link, signal))
        else:
            self._inbox.put(partial(self._on, link, signal))

    def _take_acks(self) -> None:
        """Those that came while none was awaited; one may be quicker than we note what we sent."""
        while self._acks:
            awaited = self._dispatch.busy
            self._on(*self._acks.popleft())
            if awaited and not self._dispatch.busy:
                self.wake()

    def _on(self, link: Link, signal: Signal) -> None:
        if link is not self._line.link:
            return  # an echo of a connection that is history
        if self._disk.busy and _needs_outbox(signal):
            self._disk.after(partial(self._on, link, signal))
            return
        match signal:
            case Up():
                self._on_up(signal)
            case Down():
                self._on_down(signal)
            case Acked():
                self._on_acked(signal)
            case Alive():
                self._line.alive()
            case Incoming() if not self.stopping:
                self._inbound.take(signal)
            case Unheard():
                self._line.unwelcome()
                log.error("the broker lets this device hear no commands (%s)", signal.reason)

    def _on_up(self, signal: Up) -> None:
        self.connected = True
        self._line.on_up()
        self._loose.connected(signal.largest)
        self._dispatch.connected(signal.window, signal.largest)

    def _on_down(self, signal: Down) -> None:
        self.connected = False
        now, careful = self.clock.now(), self._dispatch.careful
        # When it matters who was the reason, one that may have been another counts for nothing.
        clear = signal.hung_up and not (careful and self._loose.young(now))
        self._loose.lost(signal.hung_up and not (careful and self._dispatch.busy), now)
        found = self._dispatch.lost(signal.reason if clear else None)
        if self.stopping:
            self._line.end()
        else:
            self._line.on_down(signal, soon=found)

    def _on_acked(self, signal: Acked) -> None:
        if self._loose.acknowledged(signal.message_id):
            return
        refused = self._dispatch.acknowledged(signal.message_id, signal.code)
        self._line.watch(self._dispatch.flight_bytes, self._dispatch.answered)
        if refused and self._dispatch.release not in self._timers:  # one line for a whole window
            log.error("%s refuses %s: %s", self._where, refused.topic, refusal(signal.code))
            self._timers.set(self._dispatch.release, self.clock.now() + PAUSE_S)

    def _on_network(self) -> None:
        """The cloud was away and is back, perhaps by another address."""
        self._line.hurry(self._rng)
        self._line.check()

    def _on_birth(self) -> None:
        """Home Assistant asks for a random delay, or every device would speak at once."""
        delay = self._rng.uniform(0, self._birth_delay_s)
        self._timers.set(self._repeat_discovery, self.clock.now() + delay)

    def _repeat_discovery(self) -> None:
        """Tell a Home Assistant that has just started about this device."""
        for topic in self._discovery:
            self._dispatch.repeat(topic)

    def _announce(self, now: Choices) -> None:
        """Tell Home Assistant what is new about this device, and what is no more."""
        if self._settings.discovery is None:
            return
        before = self._discovery
        self._discovery = discovery(self._settings.discovery, self._device, self.topics, now)
        for topic, fields in self._discovery.items():
            if before.get(topic) != fields:
                self._pin(topic, fields)
        self._wipe_all_but([topic.name for topic in self._discovery])

    def _wipe_all_but(self, topics: Sequence[str]) -> None:
        for stale in self._past.announce(topics):
            self._dispatch.pin(discovery_topic(stale), b"")


def _needs_outbox(signal: Signal) -> bool:
    """Whether what follows from it touches the outbox."""
    return isinstance(signal, Down) or (isinstance(signal, Acked) and signal.code >= 0x80)
