"""WebSocket peers that swallow, flood or never read: the sender keeps its pace, memory its size."""

from __future__ import annotations

import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import repeat

import pytest
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

from agent.clock import SystemClock
from agent.config.schema import Network
from agent.errors import LinkError
from agent.link.dial import Dialer, Limits
from agent.link.handshake import connect
from agent.link.websocket import MAX_TEXT, TINY, TINY_BURST, WebSocket
from agent.services.base import Endpoint, Message
from tests.patience import HANG_S

PACKET = bytes(1280)
LIMITS = Limits(connect=10, silence=30)
OVER = threading.Event()  # the connection of this test is


@contextmanager
def opened(act: Callable[[socket.socket], None], limits: Limits = LIMITS) -> Iterator[WebSocket]:
    """A connection whose other end does ``act`` after the handshake."""
    OVER.clear()
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)

    def serve() -> None:
        caller, _ = listener.accept()
        protocol = ServerProtocol()
        protocol.receive_data(caller.recv(4096))
        [request] = protocol.events_received()
        protocol.send_response(protocol.accept(request))  # type: ignore[arg-type]
        caller.sendall(b"".join(protocol.data_to_send()))
        with caller, suppress(OSError):
            act(caller)

    thread = threading.Thread(target=serve, daemon=True)
    with listener:
        thread.start()
        url = f"ws://127.0.0.1:{listener.getsockname()[1]}/"
        ws = connect(Endpoint(url), limits, Dialer(Network(), SystemClock(), {}))
        try:
            yield ws
        finally:
            ws.abort()
            ws.close()
            OVER.set()
    thread.join(HANG_S)


def frame(opcode: Opcode, data: bytes, *, fin: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=False)


def repeated(call: Callable[[], object]) -> LinkError:
    """Do ``call`` until the connection is lost."""
    while True:
        try:
            call()
        except LinkError as error:
            return error


def until_lost(ws: WebSocket) -> LinkError:
    return repeated(lambda: ws.receive(SystemClock().now() + 30))


# --- packets swallowed -------------------------------------------------------------------------


def swallow(caller: socket.socket) -> None:
    OVER.wait(HANG_S)


def test_a_send_that_is_swallowed_says_all_the_time_that_it_waits() -> None:
    """However long the silence limit, a thread the watchdog looks after is not stuck."""
    gaps: list[float] = []
    last = time.monotonic()

    def waits() -> bool:
        nonlocal last
        gaps.append(time.monotonic() - last)
        last = time.monotonic()
        return len(gaps) > 10

    def send() -> None:
        nonlocal last
        ws.send(PACKET, waits)
        last = time.monotonic()

    with opened(swallow, Limits(connect=10, silence=120)) as ws:
        assert repeated(send).kind == "cancelled"
    assert max(gaps) < 2  # a tenth of a second, on a machine that is not busy


def test_a_send_that_nobody_waits_out_ends_with_the_silence_limit() -> None:
    with opened(swallow, Limits(connect=10, silence=0.5)) as ws:
        error = repeated(lambda: ws.send(PACKET))
    assert (error.kind, str(error)) == ("stalled", "the connection took no data for 0.5 s")


# --- floods ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "tiny"),
    [
        (b"", frame(Opcode.PING, b"")),
        (b"", frame(Opcode.PONG, b"")),
        (b"", frame(Opcode.TEXT, b"x")),
        (frame(Opcode.TEXT, b"", fin=False), frame(Opcode.CONT, b"", fin=False)),
    ],
    ids=["pings", "pongs", "texts", "fragments"],
)
def test_a_flood_of_tiny_frames_is_dropped_with_a_name_for_it(first: bytes, tiny: bytes) -> None:
    def flood(caller: socket.socket) -> None:
        caller.sendall(first)
        for data in repeat(tiny * 500):
            caller.sendall(data)

    with opened(flood) as ws:
        error = until_lost(ws)
    assert (error.kind, str(error)) == ("flood", "the service floods us with tiny frames")


def test_the_sender_has_its_turn_while_the_receiver_reads_a_flood() -> None:
    """The lock is held for a few hundred frames at a time, not for all that has come."""
    longest = [0.0]
    done = threading.Event()

    def flood(caller: socket.socket) -> None:
        data = frame(Opcode.BINARY, bytes(TINY)) * 200  # as large as an honest frame: not dropped
        caller.settimeout(0.2)
        while not done.is_set():
            with suppress(TimeoutError):
                caller.sendall(data)
            with suppress(TimeoutError):
                caller.recv(1 << 20)

    def send(ws: WebSocket) -> None:
        with suppress(LinkError):
            for _ in range(50):
                begun = time.monotonic()
                ws.send(b"x" * 100)
                longest[0] = max(longest[0], time.monotonic() - begun)
                time.sleep(0.01)
        done.set()
        ws.abort()

    with opened(flood) as ws:
        sender = threading.Thread(target=send, args=(ws,))
        sender.start()
        with suppress(LinkError):
            while not done.is_set():
                ws.receive(SystemClock().now() + 30)
        sender.join(HANG_S)
    assert longest[0] < 2.0


def test_speech_in_small_pieces_that_waited_on_the_way_is_no_flood() -> None:
    """A minute of speech in frames of 10 ms at 8 kHz comes at once after a stall."""
    pieces = 6000

    def speak(caller: socket.socket) -> None:
        caller.sendall(frame(Opcode.BINARY, bytes(160)) * pieces)
        caller.sendall(frame(Opcode.PING, b"") * (TINY_BURST // 2))
        caller.recv(1 << 20)
        threading.Event().wait(0.5)

    with opened(speak) as ws:
        got = 0
        while got < pieces:
            got += len(ws.receive(SystemClock().now() + 30))


# --- memory ------------------------------------------------------------------------------------


def test_a_peer_that_has_us_answer_and_reads_nothing_is_dropped() -> None:
    def ask_and_never_read(caller: socket.socket) -> None:
        for data in repeat(frame(Opcode.PING, bytes(125)) + frame(Opcode.BINARY, bytes(4000))):
            caller.sendall(data * 10)

    tracemalloc.start()
    with opened(ask_and_never_read) as ws:
        ws._tiny._tolerance = float("inf")  # that many pings at once would be a flood
        error = until_lost(ws)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (error.kind, str(error)) == ("stalled", "the service has us answer and reads nothing")
    assert peak < 8_000_000


def test_a_message_in_endless_pieces_is_bounded() -> None:
    def pieces(caller: socket.socket) -> None:
        caller.sendall(frame(Opcode.BINARY, bytes(TINY), fin=False))
        for data in repeat(frame(Opcode.CONT, bytes(TINY), fin=False) * 100):
            caller.sendall(data)

    tracemalloc.start()
    with opened(pieces) as ws:
        error = until_lost(ws)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert error.kind in ("garbage", "reset", "closed")
    assert peak < 20_000_000


def test_a_text_larger_than_any_result_is_cut_not_parsed_whole() -> None:
    def speak(caller: socket.socket) -> None:
        caller.sendall(frame(Opcode.TEXT, b"[" + b"[]," * 1_000_000 + b"[]]"))
        caller.sendall(frame(Opcode.TEXT, b'{"translation": "next"}'))
        caller.recv(1)

    with opened(speak) as ws:
        texts: list[Message] = []
        while len(texts) < 2:
            texts += ws.receive(SystemClock().now() + 30)
    assert [len(text) for text in texts] == [MAX_TEXT, 23]


# --- goodbye -----------------------------------------------------------------------------------


def test_last_words_go_ahead_of_the_close() -> None:
    read: list[bytes] = []

    def listen(caller: socket.socket) -> None:
        while data := caller.recv(4096):
            read.append(data)

    with opened(listen) as ws:
        ws.goodbye(['{"type": "end"}', b'{"end": "true"}'])
        assert repeated(lambda: ws.send(PACKET)).kind == "aborted"
    protocol = ServerProtocol(state=State.OPEN)
    protocol.receive_data(b"".join(read))
    got = [(event.opcode, event.data) for event in protocol.events_received()]  # type: ignore[union-attr]
    assert [opcode for opcode, _ in got] == [Opcode.TEXT, Opcode.BINARY, Opcode.CLOSE]
    assert [bytes(data) for _, data in got[:2]] == [b'{"type": "end"}', b'{"end": "true"}']


def test_last_words_to_a_peer_that_reads_nothing_keep_nobody() -> None:
    over = threading.Event()

    def read_nothing(caller: socket.socket) -> None:
        over.wait(HANG_S)

    with opened(read_nothing, Limits(connect=10, silence=0.3)) as ws:
        assert repeated(lambda: ws.send(bytes(65536))).kind == "stalled"
        begun = time.monotonic()
        ws.goodbye(['{"type": "end"}'])
        assert time.monotonic() - begun < 0.2
        ws.goodbye(['{"type": "end"}'])  # a second one is none
        over.set()


# --- rules of RFC 6455 that a server breaks ------------------------------------------------------


def masked(opcode: Opcode, data: bytes) -> bytes:
    return Frame(opcode, data).serialize(mask=True)


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (masked(Opcode.TEXT, b"hi"), "a server must not mask"),
        (masked(Opcode.TEXT, b""), "a server must not mask"),
        (b"\x89\x7e\x00\x7e" + bytes(126), "a control frame that is long or in pieces"),
        (b"\x09\x00", "Invalid ping frame"),
        (b"\x0a\x01x", "a control frame that is long or in pieces"),
        (frame(Opcode.CONT, b"x"), "pieces of two messages are mixed"),
        (
            frame(Opcode.TEXT, b"a", fin=False) + frame(Opcode.TEXT, b"b"),
            "pieces of two messages are mixed",
        ),
        (
            frame(Opcode.BINARY, b"", fin=False) + frame(Opcode.BINARY, b""),
            "pieces of two messages are mixed",
        ),
        (b"\x82\x7f" + (1 << 62).to_bytes(8, "big"), "a message of more than 4 MB"),
        (b"\xc1\x01x", "rsv is not implemented"),
        (b"\x83\x00", "Invalid opcode 3"),
        (b"\x88\x01\x03", "Invalid close frame"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",  # a mask is of chance: no name
)
def test_a_broken_rule_ends_the_connection_with_its_name(sent: bytes, why: str) -> None:
    closed: list[bytes] = []

    def speak(caller: socket.socket) -> None:
        caller.sendall(sent)
        caller.settimeout(HANG_S)
        closed.append(caller.recv(100))

    with opened(speak) as ws:
        error = until_lost(ws)
    assert error.kind == "garbage"
    assert str(error).startswith("the service broke the WebSocket protocol: ")
    assert why in str(error)
    assert closed[0][:2] == b"\x88\x82", "a masked close frame, with a code"


def test_what_came_before_a_broken_rule_is_handed_out_first() -> None:
    def speak(caller: socket.socket) -> None:
        caller.sendall(frame(Opcode.TEXT, b"whole") + masked(Opcode.TEXT, b"hi"))
        caller.recv(100)

    with opened(speak) as ws:
        assert ws.receive() == ["whole"]
        assert until_lost(ws).kind == "garbage"


@pytest.mark.parametrize("cut", [1, 2, 3, 5])
def test_frames_may_come_in_any_pieces(cut: int) -> None:
    stream = b"".join(
        [
            frame(Opcode.TEXT, b"one, ", fin=False),
            frame(Opcode.PING, b"?"),
            frame(Opcode.CONT, b"two"),
            frame(Opcode.BINARY, bytes(200)),
            frame(Opcode.BINARY, bytes(70_000)),
        ]
    )

    def speak(caller: socket.socket) -> None:
        caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, 400, cut):
            caller.sendall(stream[at : min(at + cut, 400)])
        caller.sendall(stream[400:])
        caller.recv(100)

    with opened(speak) as ws:
        got: list[Message] = []
        while len(got) < 3:
            got += ws.receive()
    assert got == ["one, two", bytes(200), bytes(70_000)]


def test_frames_that_came_with_the_answer_to_the_handshake_are_not_lost() -> None:
    """In one piece with it, which is how a quick server writes them."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            caller, _ = listener.accept()
            protocol = ServerProtocol()
            protocol.receive_data(caller.recv(4096))
            [request] = protocol.events_received()
            protocol.send_response(protocol.accept(request))  # type: ignore[arg-type]
            greeting = frame(Opcode.TEXT, b"welcome")
            caller.sendall(b"".join(protocol.data_to_send()) + greeting)
            with caller:
                caller.recv(100)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        url = f"ws://127.0.0.1:{listener.getsockname()[1]}/"
        ws = connect(Endpoint(url), LIMITS, Dialer(Network(), SystemClock(), {}))
        assert ws.receive() == ["welcome"]
        ws.abort()
        ws.close()
        thread.join(HANG_S)
