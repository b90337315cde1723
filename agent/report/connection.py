"""One connection to the broker, by paho; the only file that knows paho.

A :class:`Connection` connects once and ends once.  Reconnecting takes a new one, because
a paho client that reconnects by itself publishes what it still holds while the caller
publishes newer messages: out of order, and twice what the outbox publishes again.
For the same reason there is no session on the broker: commands sent while the device is
away are not kept, so it never acts on what was said long ago.

paho's thread only posts signals; nothing else of ours runs on it.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import ModuleType
from typing import TYPE_CHECKING, Any

from agent.config.schema import Mqtt
from agent.link.waiter import blocked
from agent.report import reasons
from agent.report.dispatch import LARGEST
from agent.report.payloads import MAX_COMMAND, OFFLINE
from agent.report.signals import Acked, Alive, Connect, Down, Incoming, Post, Unheard, Up
from agent.report.terms import Terms
from agent.report.topics import Topic, Topics, birth_topic
from agent.report.way import Way
from agent.system.modules import Lazy, replaced

if TYPE_CHECKING:
    from agent.link.tls import Context


class _NoTls(ModuleType):
    """All that paho asks of ``ssl`` where the context is ours; what TLS raises is told by us."""

    class SSLWantReadError(Exception):
        """Never raised."""

    SSLWantWriteError = CertificateError = SSLWantReadError


# It asks for urllib.request too, which brings http.client and email, and uses it with PySocks.
with replaced({"ssl": _NoTls("ssl"), "urllib.request": Lazy("urllib.request")}):
    from paho.mqtt import client as paho
    from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

KEEPALIVE_S = 30
CONNECT_TIMEOUT_S = 10.0

#: What is kept of a packet that comes in, bytes: a command with its topic, and enough more to
#: see that a larger one is too large.  With MQTT 5 the broker sends nothing larger.
MOST_IN = 2 * MAX_COMMAND + 4096

#: How much is read at a time, bytes.
READ_BYTES = 16 * 1024


def tls_context(settings: Mqtt) -> Context | None:
    """Verified TLS by ``mqtt.ca_file`` or the system's authorities; None without ``mqtt.tls``.

    Raises:
        UsageError: a file cannot be read or holds no certificate or key.
    """
    if not settings.tls:
        return None
    from agent.link.tls import context as verified

    files = {"cert_file": settings.cert_file, "key_file": settings.key_file}
    return verified(settings.ca_file, "mqtt.ca_file", **files)


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
    terms, way = Terms(listen=settings.command_qos), Way()
    return lambda post: Connection(
        settings, context, client_id, will, subscriptions, post, terms, way
    )


class _Client(paho.Client):
    """A paho client that goes our way and says when and why its thread has ended."""

    def __init__(self, way: Way, ended: Callable[[Exception | None], None], **options: Any) -> None:
        super().__init__(CallbackAPIVersion.VERSION2, reconnect_on_failure=False, **options)
        self._way, self._ended = way, ended
        self.hung_up = False  #: whether the other side has closed the connection
        self.trouble: OSError | None = None  #: what else ended it

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

    def _create_socket_connection(self) -> socket.socket:
        return self._way.open(self.host, self.port, self.connect_timeout)

    def _sock_recv(self, bufsize: int) -> bytes:
        try:
            data = super()._sock_recv(min(bufsize, READ_BYTES))
        except BlockingIOError:
            raise
        except OSError as error:
            if blocked(error):
                raise BlockingIOError from error
            self.hung_up = isinstance(error, ConnectionResetError)
            self.trouble = error
            raise
        self.hung_up = self.hung_up or not data
        return data

    def _sock_send(self, buf: Any) -> int:
        try:
            return super()._sock_send(buf)
        except (ConnectionResetError, BrokenPipeError):
            self.hung_up = True
            raise
        except OSError as error:
            if blocked(error) and not isinstance(error, BlockingIOError):
                raise BlockingIOError from error
            raise

    def _packet_read(self) -> MQTTErrorCode:
        """paho would hold a whole packet, of up to 256 MB: its end is thrown away as it comes."""
        code = super()._packet_read()
        packet = self._in_packet["packet"]
        if len(packet) > MOST_IN:
            del packet[MOST_IN:]
        return code


class Connection:
    """Connects in the background and posts :class:`Up`, …, and at the end one :class:`Down`.

    Args:
        settings: host, login and protocol version.
        tls: what :func:`tls_context` gave.
        client_id: the same at every connection of this device, on no other device.
        will: topic and payload the broker publishes when this connection breaks, if any.
        subscriptions: topic names, subscribed with QoS 1 before :class:`Up`; commands first.
        post: takes the signals, on paho's thread; must neither block nor raise.
        terms: what earlier connections have learnt of the broker; it learns from this one.
        way: how to reach it; knows where it was the last time.
    """

    def __init__(
        self,
        settings: Mqtt,
        tls: Context | None,
        client_id: str,
        will: tuple[Topic, bytes] | None,
        subscriptions: Sequence[str],
        post: Post,
        terms: Terms | None = None,
        way: Way | None = None,
    ) -> None:
        self._settings, self._subscriptions, self._post = settings, subscriptions, post
        self._terms, self._way = terms or Terms(), way or Way()
        self._up = self._modest = False
        self._asked: set[int | None] = set()  # subscriptions without an answer
        self._probe: int | None = None  # the message that shows whether it keeps any
        self._closing = False
        self._down: Down | None = None
        self._client = self._make_client(client_id)
        if will is not None:
            topic, payload = will
            self._modest = self._terms.modest
            retain = topic.retain and self._terms.retain and not self._modest
            self._client.will_set(topic.name, payload, min(topic.qos, self._terms.qos), retain)
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
            properties.MaximumPacketSize = MOST_IN
        self._client.connect_timeout = CONNECT_TIMEOUT_S
        self._client.connect_async(
            settings.host or "", settings.port, KEEPALIVE_S, clean_start=True, properties=properties
        )
        self._client.loop_start()

    def publish(self, topic: str, payload: bytes, qos: int, retain: bool = False) -> int:
        """Send; gives the message id that :class:`Acked` will name (never, if this ends first).

        With QoS 0 it is acknowledged when it has been written to the socket.  QoS and retain are
        lowered to what the broker takes.  Raises ValueError for what MQTT cannot carry.
        """
        terms = self._terms
        probes = retain and terms.doubtful
        keep = retain and (terms.retain or probes)
        message_id = self._client.publish(topic, payload, min(qos, terms.qos), keep).mid
        if probes:
            self._probe, terms.doubtful = message_id, False
        return message_id

    def ping(self) -> None:
        """Ask the broker for a sign of life: :class:`Alive`.

        A subscription nobody has made is taken back: paho keeps PINGREQ for itself.
        """
        self._client.unsubscribe("dragoman/ping")

    def renew(self) -> None:
        """Subscribe to the commands once more, which changes nothing where all is well.

        (MQTT 3.1.1, section 3.8.4: a subscription to the same filter replaces the one before.)
        """
        self._client.subscribe(self._subscriptions[0], qos=self._terms.listening())

    def drop(self) -> None:
        """End without a word, as the other side does not answer."""
        self._closing = True
        with suppress(OSError):
            sock: Any = self._client.socket()
            if sock is not None:
                sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Send what is queued, say goodbye and end; :class:`Down` tells when."""
        self._closing = True
        self._client.disconnect()

    def _make_client(self, client_id: str) -> _Client:
        five = self._settings.version == "5"
        options: dict[str, Any] = {} if five else {"clean_session": True}
        protocol = MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311
        client = _Client(self._way, self._on_end, client_id=client_id, protocol=protocol, **options)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_unsubscribe = lambda *_: self._post(Alive())
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        return client

    def _on_connect(
        self, client: paho.Client, _data: Any, _flags: Any, code: ReasonCode, properties: Any
    ) -> None:
        terms, self._up, self._terms.unanswered = self._terms, True, 0
        if code.is_failure:
            # What is not taken is not asked for again; anything else needs somebody to mend it.
            mended = (code.value == 0x9A and terms.retain) or (code.value == 0x9B and terms.qos > 0)
            terms.retain = terms.retain and code.value != 0x9A
            terms.qos = 0 if code.value == 0x9B else terms.qos
            self._down = Down(reasons.refusal(code), refused=not mended)
        elif self._closing:
            client.disconnect()
        else:
            if self._modest and terms.retain:
                terms.retain, terms.doubtful = False, True
            terms.retain = bool(getattr(properties, "RetainAvailable", terms.retain))
            terms.qos = min(1, getattr(properties, "MaximumQoS", terms.qos))
            for topic in self._subscriptions:
                self._asked.add(client.subscribe(topic, qos=terms.listening())[1])
            window = getattr(properties, "ReceiveMaximum", 65535)
            self._post(Up(window, getattr(properties, "MaximumPacketSize", LARGEST)))

    def _on_disconnect(
        self, client: Any, _data: Any, flags: Any, code: ReasonCode, properties: Any
    ) -> None:
        if self._down is not None or self._closing:
            return
        if flags.is_disconnect_packet_from_server:
            words = getattr(properties, "ReasonString", "")
            blames = code.value not in reasons.ITS_OWN and code.is_failure
            self._down = Down(reasons.farewell(code, words), hung_up=blames)
        elif client.hung_up:
            # What was sent is not to blame where not even a subscription was answered.
            self._down = Down(self._hang_up(), hung_up=self._up and not self._asked)
        elif code.is_failure:
            self._down = Down(reasons.loss(code, client.trouble))

    def _hang_up(self) -> str:
        if self._up and self._asked:
            self._terms.unheard += 1
            return "the broker hung up when this device wanted to hear its commands"
        if self._up:
            return "the broker hung up without a word"
        self._terms.unanswered += 1
        tls = "is mqtt.tls right?" if self._settings.tls else "does it want mqtt.tls?"
        return f"the broker hung up before it answered: {tls}"

    def _on_subscribe(
        self, _client: Any, _data: Any, mid: int, codes: list[ReasonCode], _properties: Any
    ) -> None:
        self._asked.discard(mid)
        for code in codes:
            if code.is_failure:
                self._post(Unheard(str(code)))

    def _on_publish(
        self, client: Any, _data: Any, mid: int, code: ReasonCode, _properties: Any
    ) -> None:
        if mid == self._probe:  # it does keep messages: once more, in the usual way
            self._terms.retain = True
            client.disconnect()
        self._post(Acked(mid, code.value))

    def _on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        with suppress(UnicodeDecodeError):  # a topic of ours is none that cannot be read
            self._post(Incoming(message.topic, bytes(message.payload), message.retain))

    def _on_end(self, error: Exception | None) -> None:
        if error is not None:
            self._down = Down(reasons.explain(error))
        self._post(self._down or Down("the connection was closed"))
