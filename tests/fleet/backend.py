"""What a maker runs behind the broker: keeps every sentence, sends commands and counts answers.

Its session outlives its connection (``clean_session`` off), so the cluster keeps for it what comes
while it is away.  A command is sent again, with the same ``ref``, until it is answered: a device
that was away when it came has never heard of it.
"""

from __future__ import annotations

import json
import random
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from agent.clock import SystemClock
from tests.fleet.cluster import PASSWORD, USER
from tests.fleet.network import PORT

COMMANDS_PER_S = 10.0
AGAIN_S = 5.0
CONNECT_S = 3.0
KEEPALIVE_S = 5


@dataclass
class Order:
    """A command, and what became of it."""

    device: str
    at: float
    sent: int = 0
    last: float = 0.0
    answered: float | None = None


@dataclass
class Heard:
    """What has come."""

    finals: Counter[tuple[str, int]] = field(default_factory=Counter)
    texts: dict[tuple[str, int], str] = field(default_factory=dict)
    forged: int = 0  #: messages with the id of another that say something else
    first_at: dict[tuple[str, int], float] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    connections: int = 0


class BackEnd:
    """A context; ``hush`` ends the new commands."""

    def __init__(self, host: str, devices: list[str]) -> None:
        self.heard, self.ready = Heard(), threading.Event()
        self._clock, self._dice, self._devices = SystemClock(), random.Random(1), devices
        self._lock = threading.Lock()
        self._quiet = self._ended = False
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id="back-end", clean_session=False
        )
        self._client.username_pw_set(USER, PASSWORD)
        self._client.connect_timeout = CONNECT_S
        self._client.reconnect_delay_set(1, 2)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self.ready.set()
        self._client.on_message = self._on_message
        self._client.connect_async(host, PORT, KEEPALIVE_S)
        self._thread = threading.Thread(target=self._command, daemon=True)

    def __enter__(self) -> BackEnd:
        self._client.loop_start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        if self._thread.is_alive():
            self._thread.join()
        self._client.disconnect()
        self._client.loop_stop()

    def command(self) -> None:
        """Begin to send commands."""
        self._thread.start()

    def hush(self) -> None:
        """No new commands; those without an answer go on."""
        self._quiet = True

    @property
    def unanswered(self) -> int:
        with self._lock:
            return sum(order.answered is None for order in self.heard.orders.values())

    def _on_connect(self, client: paho.Client, *_: Any) -> None:
        self.heard.connections += 1
        client.subscribe([("dragoman/+/transcript", 1), ("dragoman/+/command/result", 1)])

    def _on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        fields, now = json.loads(message.payload), self._clock.now()
        device = message.topic.split("/")[1]
        with self._lock:
            if message.topic.endswith("/transcript"):
                key = device, int(fields["index"])
                self.heard.finals[key] += 1
                self.heard.first_at.setdefault(key, now)
                self.heard.forged += (
                    self.heard.texts.setdefault(key, fields["text"]) != fields["text"]
                )
            elif (order := self.heard.orders.get(fields.get("ref", ""))) and order.answered is None:
                order.answered = now

    def _command(self) -> None:
        number = 0
        while not self._ended:
            self._clock.sleep(1 / COMMANDS_PER_S)
            now = self._clock.now()
            with self._lock:
                due = [
                    (ref, order)
                    for ref, order in self.heard.orders.items()
                    if order.answered is None and now - order.last > AGAIN_S
                ]
                if not self._quiet:
                    number += 1
                    order = Order(self._dice.choice(self._devices), now)
                    self.heard.orders[f"c{number}"] = order
                    due.append((f"c{number}", order))
                for _, order in due:
                    order.sent, order.last = order.sent + 1, now
            for ref, order in due:
                body = json.dumps({"volume": 40, "ref": ref})
                self._client.publish(f"dragoman/{order.device}/command", body, qos=1)
