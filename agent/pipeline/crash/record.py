"""A small record in shared bytes that is never torn: two slots, written in turn.

A slot is the number of the writing, the length and the CRC-32 of both and the content,
little endian, then the content.  A process that dies while it writes one slot leaves the
other whole: what counts is the newest slot whose checksum is right.
"""

from __future__ import annotations

import struct
from binascii import crc32

HEAD = struct.Struct("<QII")
_NUMBERED = struct.Struct("<QI")


class Record:
    """A record of at most ``len(memory) / 2 - 16`` bytes in ``memory``, which one thread writes."""

    def __init__(self, memory: memoryview) -> None:
        size = len(memory) // 2
        if size <= HEAD.size:
            raise ValueError(f"{len(memory)} bytes are too few for a record")
        self._slots = (memory[:size], memory[size : 2 * size])
        self.most = size - HEAD.size  #: bytes it can hold
        self._number = max(number for number, _ in map(_read, self._slots))

    def write(self, content: bytes) -> None:
        """Replace the record; ValueError where it is longer than :attr:`most`."""
        if len(content) > self.most:
            raise ValueError(f"a record of {len(content)} bytes; {self.most} is the most")
        self._number += 1
        slot = self._slots[self._number % 2]
        checksum = crc32(content, crc32(_NUMBERED.pack(self._number, len(content))))
        slot[HEAD.size : HEAD.size + len(content)] = content
        HEAD.pack_into(slot, 0, self._number, len(content), checksum)

    def read(self) -> bytes | None:
        """What was written last and whole; None where nothing was."""
        _, content = max(map(_read, self._slots), key=lambda found: found[0])
        return content


def _read(slot: memoryview) -> tuple[int, bytes | None]:
    """The number and the content of a slot; 0 and None where it is empty or torn."""
    number, length, checksum = HEAD.unpack_from(slot)
    if not 0 < number < 1 << 63 or length > len(slot) - HEAD.size:
        return 0, None
    content = bytes(slot[HEAD.size : HEAD.size + length])
    if crc32(content, crc32(_NUMBERED.pack(number, length))) != checksum:
        return 0, None
    return number, content
