"""Does the speech service take our credentials?  The only way to know is to use them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from agent.audio.pcm import packet_bytes
from agent.clock import Clock
from agent.config.schema import Config
from agent.doctor.check import Check, failed
from agent.doctor.cloud import CONNECT_S, unreached
from agent.errors import DragomanError, LinkError, Refused
from agent.events import Failure, Garbage, ServiceEvent
from agent.link import exchange, handshake
from agent.link.dial import Dialer, Limits
from agent.link.http import HttpClient
from agent.link.refusal import refused
from agent.link.spool import Recording
from agent.link.text import summary, translation
from agent.link.websocket import WebSocket
from agent.services.base import Message, StreamProtocol
from agent.services.entry import Shape
from agent.services.provider import Provider
from agent.services.shapes import Clip

REFUSAL_S = 1.5  # a stream service that has not refused by then has accepted
PACKET_S = 0.04
CLIP_MS = 600


def credentials(config: Config, clock: Clock) -> Check:
    """Use the service a little, as it is configured, and see whether it refuses."""
    provider = Provider(config.service)
    try:
        _TRIALS[provider.entry.shape](provider, config, clock)
    except Refused as error:
        if error.retryable:
            return Check("credentials", "warn", str(error), "try again in a minute")
        mend = f"check the keys of {provider.name} under service:"
        return Check("credentials", "fail", str(error), mend)
    except LinkError as error:
        return unreached("credentials", error)
    except DragomanError as error:
        return failed("credentials", error)
    return Check("credentials", "pass", f"accepted by {provider.name}")


# --- a little use of each shape --------------------------------------------------------------


def _stream(provider: Provider, config: Config, clock: Clock) -> None:
    """Connect, set up, and send silence for as long as a refusal may take."""
    protocol = provider.stream(provider.pair, False)
    limits = Limits(connect=CONNECT_S, silence=CONNECT_S)
    dialer = Dialer(config.network, clock)
    socket = handshake.connect(protocol.endpoint(clock.utc().timestamp()), limits, dialer)
    try:
        for message in protocol.begin():
            socket.send(message)
        _be_silent(socket, protocol, provider, config.audio.rate, clock)
        socket.goodbye(protocol.end())
    finally:
        socket.close()


def _be_silent(
    socket: WebSocket,
    protocol: StreamProtocol,
    provider: Provider,
    rate: int,
    clock: Clock,
) -> None:
    packet, end = bytes(packet_bytes(rate)), clock.now() + REFUSAL_S
    send_at = clock.now()
    while clock.now() < end:
        send_at += PACKET_S
        for message in _until(socket, send_at):
            _judge(provider, protocol.receive(message))
        if protocol.ready:
            with suppress(LinkError):  # reading tells why it closed; a refusal comes first
                socket.send(packet)
    if not protocol.ready:
        raise LinkError(f"{provider.name} did not answer the handshake", "timeout")


def _until(socket: WebSocket, deadline: float) -> Sequence[Message]:
    try:
        return socket.receive(deadline)
    except LinkError as error:
        if error.kind != "timeout":
            raise
        return ()


def _chunk(provider: Provider, config: Config, clock: Clock) -> None:
    protocol = provider.chunks(provider.pair, False)
    silence = bytes(packet_bytes(config.audio.rate) * 5)
    request = protocol.request(silence, 0, True, exchange.nonce(clock, provider.new_id()))
    with _http(config, clock) as http:
        _judge(provider, protocol.answer(exchange.send(http, request, clock)))


def _utterance(provider: Provider, config: Config, clock: Clock) -> None:
    with _http(config, clock) as http:
        _judge(provider, exchange.Upload(provider, http, clock)(_clip(config), provider.pair))


def _job(provider: Provider, config: Config, clock: Clock) -> None:
    """Only submit: what is delivered later is for an address nobody waits at."""
    protocol = provider.job(provider.pair)
    at = exchange.nonce(clock, provider.new_id())
    request = protocol.submit(_clip(config), at, provider.service.callback_url or "")
    with _http(config, clock) as http:
        answer = protocol.submitted(exchange.send(http, request, clock))
    if not isinstance(answer, str):
        _judge(provider, answer)


def _text(provider: Provider, config: Config, clock: Clock) -> None:
    with _http(config, clock) as http:
        make = translation if provider.entry.translates else summary
        make(provider.service, http, clock).ask("1, 2, 3.")


_TRIALS: dict[Shape, Callable[[Provider, Config, Clock], None]] = {
    Shape.STREAM: _stream,
    Shape.CHUNK: _chunk,
    Shape.UTTERANCE: _utterance,
    Shape.JOB: _job,
    Shape.TEXT: _text,
}


def _judge(provider: Provider, events: Sequence[ServiceEvent]) -> None:
    for event in events:
        if isinstance(event, Failure):
            raise refused(provider.name, event)
    if any(isinstance(event, Garbage) and event.whole for event in events):
        raise LinkError(f"{provider.name} gave no answer that can be read", "garbage")


def _clip(config: Config) -> Clip:
    rate = config.audio.rate
    pcm = bytes(2 * rate * CLIP_MS // 1000)
    pair = Provider(config.service).pair
    return Clip(Recording(0, "", 0, pair, rate, pcm).wav(), "wav", CLIP_MS, rate, 1)


@contextmanager
def _http(config: Config, clock: Clock) -> Iterator[HttpClient]:
    http = HttpClient(Dialer(config.network, clock), CONNECT_S)
    try:
        yield http
    finally:
        http.close()
