"""Does the MQTT broker take this device?  Asked under another name, or the running daemon
would be thrown off."""

from __future__ import annotations

import queue

from agent.clock import Clock
from agent.config.schema import Config
from agent.doctor.check import Check, failed
from agent.errors import DragomanError
from agent.report.connection import Connection, tls_context
from agent.report.signals import Down, Signal, Unheard, Up
from agent.report.topics import Topics

CONNECT_S = 4.0
SUBSCRIBED_S = 0.4  # a subscription that is refused is refused by then


def broker(config: Config, clock: Clock) -> Check:
    """Log in, subscribe to the commands, say goodbye."""
    mqtt = config.mqtt
    if mqtt.host is None:
        return Check("broker", "skip", "mqtt.host is null: no MQTT")
    where = f"{mqtt.host}:{mqtt.port}"
    signals: queue.SimpleQueue[Signal] = queue.SimpleQueue()
    topics = Topics.of(mqtt.topic, config.device.id)
    will = (topics.telemetry, b"{}")  # must say nothing, should it ever be sent
    name = f"dragoman-doctor-{config.device.id}"
    try:
        tls = tls_context(mqtt)
    except DragomanError as error:
        return failed("broker", error)
    link = Connection(mqtt, tls, name, will, [topics.command.name], signals.put)
    link.open()
    try:
        return verdict(where, _next(signals, CONNECT_S), _next(signals, SUBSCRIBED_S))
    finally:
        link.close()


def verdict(where: str, first: Signal | None, second: Signal | None) -> Check:
    """What the first two signals of a connection mean; None: there was none in time."""
    if isinstance(first, Down):
        text, _, mend = first.reason.partition(": ")
        return Check("broker", "fail", f"{where}: {text}", mend or _unreached(first))
    if not isinstance(first, Up):
        return Check("broker", "fail", f"{where} does not answer", "check mqtt.host and mqtt.port")
    if isinstance(second, Unheard | Down):
        mend = "check the broker's access list for this user"
        return Check("broker", "warn", f"{where} refuses commands ({second.reason})", mend)
    return Check("broker", "pass", f"{where} accepts this device")


def _unreached(down: Down) -> str:
    if down.refused:
        return "see the broker's log"
    return "is it running (systemctl status mosquitto)? check mqtt.host, mqtt.port and mqtt.tls"


def _next(signals: queue.SimpleQueue[Signal], seconds: float) -> Signal | None:
    try:
        return signals.get(timeout=seconds)
    except queue.Empty:
        return None
