"""The packet ring: the device's short-term memory.

One thread (capture) writes packets; any number of threads read them by sequence
number.  Live sending, the pre-roll before a press, the backlog of an outage and the
replay after a reconnect are the same memory read from different places.

Memory model
------------
* All of it is one flat buffer: ``head`` (8 bytes), then a slot for each packet: when its
  last sample was captured (8 bytes, a double), its flags (1), 7 unused, its bytes.
* ``head`` counts the packets ever written.  Packet ``n`` lies in slot ``n % (capacity + 1)``
  and is readable while ``head - capacity <= n < head``.  Only the writer stores ``head``,
  and it does so *after* the slot is filled; under CPython an attribute store is atomic and
  the interpreter orders it after the stores before it, so a reader that sees ``head > n``
  sees packet ``n`` whole.
* There is one slot more than ``capacity``.  While the writer fills packet ``head`` it
  overwrites packet ``head - capacity - 1``, which is outside the readable range: the
  guard slot.  A reader may be overtaken *during* its copy, so it looks at ``head``
  again afterwards and throws the copy away when its packet has left the range.  A torn
  packet can therefore be made but never be returned.
* The writer takes no lock, waits for nobody and keeps no object it makes: all memory
  is allocated in ``__init__``.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct

import msgspec

VOICED = 1  #: voice activity was found in the packet
GUARDED = 2  #: captured while our own speaker talked (echo guard): send silence instead
FILLED = 4  #: no microphone: silence stands in for it
SOUND = 8  #: louder than the background: it may be speech though no voice was found

HEAD_BYTES = 8
FLAGS_AT = 8  # in a slot, after the time
SLOT_HEAD_BYTES = 16  # before a slot's packet


class Packet(msgspec.Struct, frozen=True, gc=False):
    """One packet as read: ``seq`` on the ring, ``at`` when its last sample was captured (s)."""

    seq: int
    at: float
    flags: int
    data: bytes

    @property
    def voiced(self) -> bool:
        return self.flags & (VOICED | GUARDED) == VOICED

    @property
    def background(self) -> bool:
        """Whether it is certain that nobody speaks in it, so that it may be left out."""
        return self.flags & GUARDED != 0 or not self.flags & (VOICED | SOUND)


class Ring:
    """An overwriting single-producer ring of ``capacity`` packets of ``packet_bytes`` bytes.

    ``memory`` is zeros, or what a ring of the same measures left: then it is gone on with.
    """

    def __init__(self, packet_bytes: int, capacity: int, memory: memoryview | None = None) -> None:
        if packet_bytes < 1 or capacity < 1:
            raise ValueError(f"ring of {capacity} packets of {packet_bytes} bytes")
        self.packet_bytes = packet_bytes
        self.capacity = capacity
        slot = Struct(f"=dB7x{packet_bytes}s")
        self._pack, self._unpack, self._slot = slot.pack_into, slot.unpack_from, slot.size
        self._count = capacity + 1
        size = ring_bytes(packet_bytes, capacity)
        self._memory = bytearray(size) if memory is None else memory[:size]
        self._stored_head = memoryview(self._memory)[:HEAD_BYTES].cast("Q")
        self.head: int = self._stored_head[0]
        self._notify: tuple[Callable[[], None], ...] = ()

    def on_write(self, *notify: Callable[[], None]) -> None:
        """Have these called after each write, in the writer's thread: they must not block."""
        self._notify = notify

    def write(self, packet: bytes, at: float, flags: int = 0) -> int:
        """Store one packet, overwriting the oldest; returns its sequence number.

        Raises ValueError when ``packet`` is not exactly ``packet_bytes`` long.
        """
        if len(packet) != self.packet_bytes:
            raise ValueError(f"a packet is {self.packet_bytes} bytes, not {len(packet)}")
        seq = self.head
        offset = HEAD_BYTES + seq % self._count * self._slot
        self._pack(self._memory, offset, at, flags, packet)
        self._stored_head[0] = self.head = seq + 1
        for notify in self._notify:
            notify()
        return seq

    @property
    def tail(self) -> int:
        """The oldest sequence number still readable."""
        return max(0, self.head - self.capacity)

    def read(self, seq: int) -> Packet | None:
        """Copy packet ``seq``; None when it is not written yet or overwritten already."""
        if not 0 <= seq < self.head:
            return None
        offset = HEAD_BYTES + seq % self._count * self._slot
        at, flags, data = self._unpack(self._memory, offset)
        # Looked at after the copy: the writer may have come round meanwhile.
        return Packet(seq, at, flags, data) if seq >= self.head - self.capacity else None

    def voiced(self, seq: int) -> bool:
        """Whether packet ``seq`` holds speech to send; false where it is not readable."""
        flags = self._flags(seq)
        return flags is not None and flags & (VOICED | GUARDED) == VOICED

    def background(self, seq: int) -> bool:
        """Whether packet ``seq`` certainly holds no speech; true where it is not readable."""
        flags = self._flags(seq)
        return flags is None or flags & GUARDED != 0 or not flags & (VOICED | SOUND)

    def _flags(self, seq: int) -> int | None:
        if not 0 <= seq < self.head:
            return None
        flags = self._memory[HEAD_BYTES + seq % self._count * self._slot + FLAGS_AT]
        return flags if seq >= self.head - self.capacity else None

    def cursor(self, seq: int | None = None) -> Cursor:
        """A reading position at ``seq`` (default: the next packet to be written)."""
        return Cursor(self, self.head if seq is None else seq)


def ring_bytes(packet_bytes: int, capacity: int) -> int:
    """The size of the memory of a ring."""
    return HEAD_BYTES + (capacity + 1) * (SLOT_HEAD_BYTES + packet_bytes)


class Cursor:
    """A reading position.  It is never waited for: who is too slow is lapped and told so."""

    def __init__(self, ring: Ring, seq: int) -> None:
        self._ring = ring
        self.seq = seq
        self.lost = 0  #: packets overwritten before they were read, in all

    def read(self) -> Packet | None:
        """The packet under the cursor, moving on; None when it is not written yet.

        A lapped cursor jumps to the oldest packet; ``lost`` grows by exactly the number
        of packets it did not read.
        """
        while self.seq < self._ring.head:
            self.skip_lost()
            packet = self._ring.read(self.seq)
            if packet is not None:
                self.seq += 1
                return packet
        return None

    def skip_lost(self) -> int:
        """Jump over packets that are overwritten; returns how many these were."""
        gone = max(0, self._ring.tail - self.seq)
        self.seq += gone
        self.lost += gone
        return gone

    @property
    def backlog(self) -> int:
        """Packets written but not read yet."""
        return max(0, self._ring.head - self.seq)
