"""One connection to the broker, by paho; the only file that knows paho.

A :class:`Connection` connects once and ends once.  Reconnecting takes a new one, because
a paho client that reconnects by itself publishes what it still holds while the caller
publishes newer messages: out of order, and twice what the outbox publishes again.
For the same reason there is no session on the broker: commands sent while the device is
away are not kept, so it never acts on what was said long ago.

paho's thread only posts signals; nothing else of ours runs on it.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from typing import Any

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from agent.config.schema import Mqtt
from agent.link.tls import context as verified
from agent.report.payloads import OFFLINE
from agent.report.signals import Acked, Connect, Down, Incoming, Post, Unheard, Up
from agent.report.topics import Topic, Topics, birth_topic

KEEPALIVE_S = 30
CONNECT_TIMEOUT_S = 10.0

_LOGIN = "check mqtt.username and mqtt.password"

#: What the user can do about a refusal, by MQTT 5 reason code (paho maps 3.1.1 to these).
_MENDS = {
    0x84: "choose the other mqtt.version",
    0x85: "choose another device.id",
    0x86: _LOGIN,
    0x87: f"{_LOGIN}, and the broker's access list",
    0x8A: "the broker has banned this client",
    0x8C: _LOGIN,
    0x8E: "another client uses the same device.id",
}


def tls_context(settings: Mqtt) -> ssl.SSLContext | None:
    """Verified TLS by ``mqtt.ca_file`` or the system's authorities; None without ``mqtt.tls``.

    Raises:
        UsageError: the file cannot be read or holds no certificate.
    """
    return verified(settings.ca_file, "mqtt.ca_file") if settings.tls else None


def connector(settings: Mqtt, device: str, topics: Topics) -> Connect:
    """What makes the connections of ``device``.

    Raises:
        UsageError: see :func:`tls_context`.
    """
    context = tls_context(settings)
    client_id = f"dragoman-{device}"
    will = (topics.status, OFFLINE)
    subscriptions = [topics.command.name]
    if settings.discovery:
        subscriptions.append(birth_topic(settings.discovery))
    return lambda post: Connection(settings, context, client_id, will, subscriptions, post)


class _Client(paho.Client):
    """A paho client that says when and why its thread has ended."""

    def __init__(self, ended: Callable[[Exception | None], None], **options: Any) -> None:
        super().__init__(CallbackAPIVersion.VERSION2, reconnect_on_failure=False, **options)
        self._ended = ended

    def loop_forever(
        self, timeout: float = 1.0, retry_first_connection: bool = False
    ) -> MQTTErrorCode:
        """What ``loop_start`` runs in its thread; a first connection is not retried here."""
        try:
            code = super().loop_forever(timeout, retry_first_connection=False)
        except Exception as error:  # noqa: BLE001 - whatever ends paho's thread ends the connection
            self._ended(error)
            return MQTTErrorCode.MQTT_ERR_UNKNOWN
        self._ended(None)
        return code


class Connection:
    """Connects in the background and posts :class:`Up`, …, and at the end one :class:`Down`.

    Args:
        settings: host, login and protocol version.
        tls: what :func:`tls_context` gave.
        client_id: the same at every connection of this device, on no other device.
        will: topic and payload the broker publishes when this connection breaks, if any.
        subscriptions: topic names, subscribed with QoS 1 before :class:`Up`.
        post: takes the signals, on paho's thread; must neither block nor raise.
    """

    def __init__(
        self,
        settings: Mqtt,
        tls: ssl.SSLContext | None,
        client_id: str,
        will: tuple[Topic, bytes] | None,
        subscriptions: Sequence[str],
        post: Post,
    ) -> None:
        self._settings, self._subscriptions, self._post = settings, subscriptions, post
        self._closing = False
        self._down: Down | None = None
        self._client = self._make_client(client_id)
        if will is not None:
            topic, payload = will
            self._client.will_set(topic.name, payload, topic.qos, topic.retain)
        if settings.username is not None:
            password = settings.password
            self._client.username_pw_set(settings.username, password.reveal() if password else None)
        if tls is not None:
            self._client.tls_set_context(tls)

    def open(self) -> None:
        """Begin to connect; returns at once."""
        settings = self._settings
        properties = None
        if settings.version == "5":
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = 0
        self._client.connect_timeout = CONNECT_TIMEOUT_S
        self._client.connect_async(
            settings.host or "", settings.port, KEEPALIVE_S, clean_start=True, properties=properties
        )
        self._client.loop_start()

    def publish(self, topic: str, payload: bytes, qos: int, retain: bool = False) -> int:
        """Send; gives the message id that :class:`Acked` will name (never, if this ends first).

        With QoS 0 it is acknowledged when it has been written to the socket.
        """
        return self._client.publish(topic, payload, qos, retain).mid

    def close(self) -> None:
        """Send what is queued, say goodbye and end; :class:`Down` tells when."""
        self._closing = True
        self._client.disconnect()

    def _make_client(self, client_id: str) -> _Client:
        five = self._settings.version == "5"
        options: dict[str, Any] = {} if five else {"clean_session": True}
        protocol = MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311
        client = _Client(self._on_end, client_id=client_id, protocol=protocol, **options)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        return client

    def _on_connect(
        self, client: paho.Client, _data: Any, _flags: Any, code: ReasonCode, properties: Any
    ) -> None:
        if code.is_failure:
            self._down = Down(_refusal(code), refused=True)
        elif self._closing:
            client.disconnect()
        else:
            for topic in self._subscriptions:
                client.subscribe(topic, qos=1)
            self._post(Up(getattr(properties, "ReceiveMaximum", 65535)))

    def _on_disconnect(
        self, _client: Any, _data: Any, _flags: Any, code: ReasonCode, _properties: Any
    ) -> None:
        if self._down is None and code.is_failure:
            self._down = Down(_loss(code))

    def _on_subscribe(
        self, _client: Any, _data: Any, _mid: int, codes: list[ReasonCode], _properties: Any
    ) -> None:
        for code in codes:
            if code.is_failure:
                self._post(Unheard(str(code)))

    def _on_publish(
        self, _client: Any, _data: Any, mid: int, code: ReasonCode, _properties: Any
    ) -> None:
        self._post(Acked(mid, code.value))

    def _on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        self._post(Incoming(message.topic, bytes(message.payload), message.retain))

    def _on_end(self, error: Exception | None) -> None:
        if error is not None:
            self._down = Down(_explain(error))
        self._post(self._down or Down("the connection was closed"))


def _refusal(code: ReasonCode) -> str:
    mend = _MENDS.get(code.value)
    return f"the broker refuses this device ({code})" + (f": {mend}" if mend else "")


def _loss(code: ReasonCode) -> str:
    mend = _MENDS.get(code.value)
    return f"connection lost ({code})" + (f": {mend}" if mend else "")


def _explain(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the broker's certificate is not trusted ({error.verify_message}): see mqtt.ca_file"
    if isinstance(error, OSError):
        return error.strerror or str(error) or type(error).__name__
    return f"{type(error).__name__}: {error}"
