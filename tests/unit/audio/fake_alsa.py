"""A stand-in for the ``alsaaudio`` module whose cards can be made to misbehave."""

from __future__ import annotations

import errno
import os
import sys
from collections import deque
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from agent.audio import alsa_errors, card
from agent.audio.card import Card

STATES = ["OPEN", "SETUP", "PREPARED", "RUNNING", "XRUN", "DRAINING"]
WIDTHS = {"S16_LE": 2, "S24_3LE": 3, "S32_LE": 4, "FLOAT_BE": 4, "U8": 1}


class ALSAAudioError(Exception):
    """As pyalsaaudio's: nothing but a text."""


def failure(code: int, device: str = "card") -> ALSAAudioError:
    return ALSAAudioError(f"{os.strerror(code)} [{device}]")


class FakeCard:
    """The hardware: what it offers, and what it does next."""

    def __init__(self) -> None:
        self.rates: Any = [8000, 16000, 44100, 48000]
        self.channels = [1, 2]
        self.formats = ["S16_LE"]
        self.open_errors: deque[int] = deque()
        self.reads: deque[bytes | int | Exception] = deque()
        self.writes: deque[int | Exception] = deque()
        self.drains: deque[int | Exception] = deque()
        self.state = "PREPARED"
        self.played = bytearray()
        self.opened: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.ready = True


class PCM:
    """One open stream of a :class:`FakeCard`."""

    def __init__(self, card: FakeCard, kind: int, mode: int, **asked: Any) -> None:
        if card.open_errors:
            raise failure(card.open_errors.popleft(), asked["device"])
        self._card = card
        self._fd = os.eventfd(int(card.ready), os.EFD_NONBLOCK)
        card.opened.append({"kind": kind, "mode": mode, **asked})
        self._rate = self._near(asked.get("rate", 44100))
        channels = asked.get("channels", 2)
        self._channels = channels if channels in card.channels else card.channels[0]
        name = asked.get("format", "S16_LE")
        self._format = name if name in card.formats else card.formats[0]
        self._period, self._periods = asked.get("periodsize", 32), asked.get("periods", 4)
        card.state = "PREPARED"

    def _near(self, rate: int) -> int:
        offered = self._card.rates
        if isinstance(offered, tuple):
            return int(min(max(rate, offered[0]), offered[1]))
        choices = [offered] if isinstance(offered, int) else offered
        return int(min(choices, key=lambda choice: abs(choice - rate)))

    def info(self) -> dict[str, Any]:
        return {
            "rate": self._rate,
            "channels": self._channels,
            "format_name": self._format,
            "period_size": self._period,
            "buffer_size": self._period * self._periods,
        }

    def getrates(self) -> Any:
        return self._card.rates

    def getchannels(self) -> list[int]:
        return self._card.channels

    def getformats(self) -> dict[str, int]:
        return dict.fromkeys(self._card.formats, 0)

    def polldescriptors(self) -> list[tuple[int, int]]:
        return [(self._fd, 1)]

    def state(self) -> str:
        return self._card.state

    def read(self) -> tuple[int, bytes]:
        self._card.calls.append("read")
        step = self._card.reads.popleft() if self._card.reads else b""
        if isinstance(step, Exception):
            raise step
        if isinstance(step, int):
            return step, b"garbage"
        return len(step), step

    def write(self, data: bytes) -> int:
        self._card.calls.append("write")
        frame = WIDTHS[self._format] * self._channels
        step = self._card.writes.popleft() if self._card.writes else len(data) // frame
        if isinstance(step, Exception):
            raise step
        self._card.played += bytes(data)[: max(0, step) * frame]
        return step

    def drain(self) -> int:
        self._card.calls.append("drain")
        step = self._card.drains.popleft() if self._card.drains else 0
        if isinstance(step, Exception):
            raise step
        return step

    def drop(self) -> int:
        if self._fd < 0:
            raise ALSAAudioError("PCM device is closed [card]")
        self._card.calls.append("drop")
        self._card.state = "SETUP"
        return 0

    def close(self) -> None:
        self._card.calls.append("close")
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1


def fake_module(card: FakeCard, names: Callable[[int], list[str]] | None = None) -> ModuleType:
    """An ``alsaaudio`` whose every device is ``card``."""
    module = ModuleType("alsaaudio")
    module.__dict__.update(
        ALSAAudioError=ALSAAudioError,
        PCM=lambda kind, mode, **asked: PCM(card, kind, mode, **asked),
        PCM_CAPTURE=1,
        PCM_PLAYBACK=0,
        PCM_NONBLOCK=1,
        pcms=names or (lambda kind: ["null", "default", "plughw:CARD=Mic,DEV=0"]),
        **{f"PCM_STATE_{name}": name for name in STATES},
        **{f"PCM_FORMAT_{name}": name for name in [*WIDTHS, "S24_LE", "S8"]},
    )
    return module


EPIPE = -errno.EPIPE


@pytest.fixture
def hardware(monkeypatch: pytest.MonkeyPatch) -> FakeCard:
    """A card that is the only one ALSA has; waiting for it takes no time."""
    fake = FakeCard()
    monkeypatch.setitem(sys.modules, "alsaaudio", fake_module(fake))
    monkeypatch.setattr(card, "POLL_MS", 0)
    wait = Card.wait

    def noted(self: Card) -> bool:
        fake.calls.append("wait")
        return wait(self)

    monkeypatch.setattr(Card, "wait", noted)
    monkeypatch.setattr(alsa_errors, "_cards_are_locked", lambda: False)
    return fake
