"""One utterance on its way to a Wyoming server, on a TCP connection of its own."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from math import inf

from agent.audio.pcm import PACKET_MS
from agent.errors import LinkError
from agent.events import Garbage
from agent.link.wyoming import READ_SIZE, UNHEARD_S, unheard
from agent.services.wyoming import AUDIO_STOP, Decoder, Event, audio_chunk, audio_start, note

ANSWER_S = 180.0  # for a transcript: a slow machine may have to load its model first
UNSENT_MOST = 4 * 1024 * 1024  # bytes that wait for a server that takes none: a minute and more


class Utterance:
    """Packets ``start`` to ``end`` (exclusive; None while it goes on) of the audio sent.

    ``opening`` is what it is asked for with.  Raises LinkError: ``reset`` and ``closed`` when its
    connection is gone, ``stalled``, ``silent``, and ``garbage`` for what is no Wyoming.
    """

    def __init__(self, number: int, start: int, opening: bytes, rate: int, now: float) -> None:
        self.number, self.start = number, start
        self.end: int | None = None
        self.sock: socket.socket | None = None
        self.slow = False  #: whether it was told that its answer takes long
        self.told_at = now  #: when anything was last told of it (s)
        self._rate, self._begun_at = rate, now
        self._asked_at = inf  # when the transcript was asked for (s)
        self._out = bytearray(opening + audio_start(rate).encode())
        self._decoder = Decoder()

    @property
    def unsent(self) -> bool:
        """Whether something waits for its connection."""
        return bool(self._out)

    def add(self, pcm: bytes) -> None:
        """More of it was said."""
        self._out += audio_chunk(self._rate, pcm).encode()
        if len(self._out) > UNSENT_MOST:
            raise LinkError("the server takes no data", "stalled")

    def ask(self, now: float) -> None:
        """It is over, and its transcript is wanted now; once."""
        if self._asked_at == inf:
            self._asked_at = now
            self._out += AUDIO_STOP.encode()

    def waited(self, now: float) -> float:
        """For how long the transcript has been waited for (s); negative before it was asked for."""
        return now - self._asked_at

    def write(self) -> None:
        """Send what its connection takes now."""
        try:
            while self.sock is not None and self._out:
                del self._out[: self.sock.send(self._out[:READ_SIZE])]
        except BlockingIOError:
            pass
        except OSError as error:
            raise lost(error) from error

    def hear(self, now: float) -> Iterator[Event]:
        """What the server says of it now."""
        data = received(self.sock) if self.sock is not None else None
        if data is None:
            self._doubt(now)
            return
        for event in self._decoder.feed(data):
            if not isinstance(event, Garbage):
                yield event
            elif event.whole:
                raise LinkError(f"what comes is no Wyoming ({event.kind})", "garbage")
        if not data:
            raise LinkError("the server hung up without a transcript", "closed")

    def note(self, event: Event, position: int) -> str:
        """``event`` as a message; ``position`` packets have been sent by now."""
        end = position if self.end is None else self.end
        return note(event, self.number, self.start * PACKET_MS, end * PACKET_MS)

    def _doubt(self, now: float) -> None:
        """LinkError where nothing more is to be hoped for."""
        if self.waited(now) > ANSWER_S:
            raise LinkError(f"no transcript for {ANSWER_S:g} s", "silent")
        used = now - self._begun_at >= UNHEARD_S
        if used and self.sock is not None and unheard(self.sock):
            raise LinkError(f"nothing heard for {UNHEARD_S:g} s", "silent")


def received(sock: socket.socket) -> bytes | None:
    """What has come; empty at the end, None when there is nothing yet."""
    try:
        return sock.recv(READ_SIZE)
    except BlockingIOError:
        return None
    except OSError as error:
        raise lost(error) from error


def lost(error: Exception) -> LinkError:
    """A connection that is gone."""
    return LinkError(f"the connection to the server was lost ({error})", "reset")
