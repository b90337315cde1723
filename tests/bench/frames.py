"""The server's side of a WebSocket on plain bytes: as little as a measuring server needs."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_END_OF_HEAD = b"\r\n\r\n"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


@dataclass(frozen=True, slots=True)
class Frame:
    """One whole, unmasked frame."""

    opcode: int
    payload: bytes


class Peer:
    """One client: takes the bytes it sent, gives its frames and what to answer."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._open = False

    def feed(self, data: bytes) -> tuple[list[Frame], bytes]:
        """Frames that are complete now, and bytes to send at once (upgrade, pongs)."""
        self._data += data
        answer = b""
        if not self._open:
            answer = self._upgrade()
        frames: list[Frame] = []
        while self._open and (frame := self._next()) is not None:
            if frame.opcode == PING:
                answer += pack(PONG, frame.payload)
            else:
                frames.append(frame)
        return frames, answer

    def _upgrade(self) -> bytes:
        end = self._data.find(_END_OF_HEAD)
        if end < 0:
            return b""
        lines = bytes(self._data[:end]).split(b"\r\n")
        del self._data[: end + len(_END_OF_HEAD)]
        headers = {k.strip().lower(): v.strip() for k, _, v in (x.partition(b":") for x in lines)}
        digest = hashlib.sha1(headers[b"sec-websocket-key"] + _GUID).digest()
        self._open = True
        return (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + _END_OF_HEAD
        )

    def _next(self) -> Frame | None:
        data = self._data
        if len(data) < 2:
            return None
        size, at = data[1] & 127, 2
        if size > 125:
            at = 4 if size == 126 else 10
            size = int.from_bytes(data[2:at])
        if len(data) < at + 4 + size:
            return None
        frame = Frame(data[0] & 15, _unmask(data[at : at + 4], data[at + 4 : at + 4 + size]))
        del data[: at + 4 + size]
        return frame


def pack(opcode: int, payload: bytes) -> bytes:
    """A frame from the server, at most 125 bytes for a pong and 64 kB for anything."""
    if len(payload) < 126:
        return bytes([0x80 | opcode, len(payload)]) + payload
    return bytes([0x80 | opcode, 126]) + len(payload).to_bytes(2) + payload


def _unmask(mask: bytearray, payload: bytearray) -> bytes:
    key = bytes(mask) * (len(payload) // 4 + 1)
    size = len(payload)
    return (int.from_bytes(payload) ^ int.from_bytes(key[:size])).to_bytes(size)
