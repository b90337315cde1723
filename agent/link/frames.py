"""WebSocket frames (RFC 6455, section 5): the one shape we send, and all that a server may.

What is sent is one whole masked frame a message.  What comes is read by the codec of
``websocket-client``, fed with bytes as they come; that a server may not mask, nor cut a
control frame into pieces, nor send more than is sane, is seen to here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from struct import Struct

from msgspec import Struct as Record

from agent.errors import LinkError
from agent.system.modules import replaced

with replaced({"ssl": None, "_hashlib": None}):  # see agent.link.handshake
    from websocket import ABNF, WebSocketException, frame_buffer

Mask = Callable[[bytes, bytes], bytes]

MAX_MESSAGE = 4 * 1024 * 1024  # bytes: two minutes of speech; nothing sane is larger
MAX_CONTROL = 125  # bytes (RFC 6455, 5.5)

CONT, TEXT, BINARY = 0x0, 0x1, 0x2
CLOSE, PING, PONG = 0x8, 0x9, 0xA

_FIN, _MASKED = 0x80, 0x80
_SHORT, _MEDIUM, _LONG = Struct(">BB4s"), Struct(">BBH4s"), Struct(">BBQ4s")


def frame(opcode: int, payload: bytes) -> bytes:
    """``payload`` in a frame of its own, masked with a key that nobody can foresee."""
    key, size = os.urandom(4), len(payload)
    if MAX_CONTROL < size < 65536:  # audio first: all packets are of this size
        header = _MEDIUM.pack(_FIN | opcode, _MASKED | 126, size, key)
    elif size <= MAX_CONTROL:
        header = _SHORT.pack(_FIN | opcode, _MASKED | size, key)
    else:
        header = _LONG.pack(_FIN | opcode, _MASKED | 127, size, key)
    return header + mask(payload, key)


def _compiled() -> Mask | None:
    """The masking of ``websockets``, in C, without the rest of that package: 2 MB less.

    None where it was installed without: for a processor it has no wheel for.
    """
    package = find_spec("websockets")
    found = package and PathFinder.find_spec(
        "websockets.speedups", package.submodule_search_locations
    )
    if not found or found.loader is None:
        return None
    module = module_from_spec(found)
    found.loader.exec_module(module)
    compiled: Mask = module.apply_mask
    return compiled


#: ``mask(payload, key)``; the library's own takes fifty times as long.
mask: Mask = _compiled() or (lambda payload, key: ABNF.mask(key, payload))


class Frame(Record, frozen=True, gc=False):
    """A frame of a server."""

    opcode: int
    data: bytes
    fin: bool  #: whether its message ends with it


class Frames:
    """Reads frames out of bytes as they come, for one thread."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._wanted = 0  # bytes that the codec waits for
        self._codec = frame_buffer(self._take, skip_utf8_validation=True)
        self._open = 0  # bytes of the message that is still in pieces
        self._in_pieces = False

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that are whole now; LinkError ``garbage`` where a rule is broken."""
        self._bytes += data
        while len(self._bytes) >= self._wanted:
            try:
                found = self._codec.recv_frame()
            except _Starved:
                return
            except WebSocketException as error:
                raise _broken(str(error)) from error
            yield self._checked(found)

    def _checked(self, found: ABNF) -> Frame:
        opcode, fin = found.opcode, bool(found.fin)
        self._check(opcode, bool(found.mask_value), fin, 0)
        if opcode < CLOSE:
            self._in_pieces = not fin
            self._open = 0 if fin else self._open + len(found.data)
        data = found.data
        return Frame(opcode, data if isinstance(data, bytes) else data.encode(), fin)

    def _take(self, size: int) -> bytes:
        """What the codec asks for, whole; :class:`_Starved` while it has not all come."""
        header, length = self._codec.header, self._codec.length
        if header is not None and length is not None:
            fin, *_, opcode, masked, _ = header
            self._check(opcode, bool(masked), bool(fin), length)
        if len(self._bytes) < size:
            self._wanted = size  # until then the codec need not be asked
            raise _Starved
        self._wanted = 0
        data = bytes(self._bytes[:size])
        del self._bytes[:size]
        return data

    def _check(self, opcode: int, masked: bool, fin: bool, length: int) -> None:
        """LinkError for what the codec would let pass, before its bytes are kept."""
        if masked:
            raise _broken("a server must not mask")
        if opcode >= CLOSE:
            if not fin or length > MAX_CONTROL:
                raise _broken("a control frame that is long or in pieces")
        elif self._open + length > MAX_MESSAGE:
            raise _broken(f"a message of more than {MAX_MESSAGE >> 20} MB")
        elif (opcode == CONT) is not self._in_pieces:
            raise _broken("pieces of two messages are mixed")


class _Starved(Exception):
    """The rest has not come yet."""


def _broken(detail: str) -> LinkError:
    return LinkError(f"the service broke the WebSocket protocol: {detail[:200]}", "garbage")
