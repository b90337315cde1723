"""The one WebSocket frame a client sends: whole and masked (RFC 6455, 5.2 and 5.3)."""

from __future__ import annotations

import os
from struct import Struct

from websockets.frames import apply_mask  # type: ignore[attr-defined]

TEXT, BINARY = 0x1, 0x2
CLOSE, PING, PONG = 0x8, 0x9, 0xA

_FIN, _MASKED = 0x80, 0x80
_SHORT, _MEDIUM, _LONG = Struct(">BB4s"), Struct(">BBH4s"), Struct(">BBQ4s")


def frame(opcode: int, payload: bytes) -> bytes:
    """``payload`` in a frame of its own, masked with a key nobody can foresee."""
    key, size = os.urandom(4), len(payload)
    if 125 < size < 65536:  # audio first: all packets are of this size
        header = _MEDIUM.pack(_FIN | opcode, _MASKED | 126, size, key)
    elif size < 126:
        header = _SHORT.pack(_FIN | opcode, _MASKED | size, key)
    else:
        header = _LONG.pack(_FIN | opcode, _MASKED | 127, size, key)
    return header + apply_mask(payload, key)
