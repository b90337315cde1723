"""Short sounds for what happens: a subscriber to states and events."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any

from agent.audio.pcm import PACKET_MS
from agent.audio.ring import Ring
from agent.control.controller import Controller
from agent.control.machine import Machine
from agent.events import Notice
from agent.pipeline.player import Player

#: Which sound an event makes.
OF_EVENTS: Mapping[str, str] = {
    "outage": "connection_lost",
    "reconnect": "connection_back",
    "refused": "error",
    "no_result": "error",
    "lost_audio": "error",
    "microphone_lost": "error",
}
WAKE = ("wake", "button")  # in wake mode; a voice that needs no name is speaking already
REST_S = 5.0  # between two of the same
WAITS_S = 1.5  # whoever has not fallen silent so long after the name does not wait for a sound
PAUSE = 200 // PACKET_MS  # packets without a voice: somebody waits


class Sounds:
    """Used by the main thread; ``sounds`` are s16le mono by name, those that are wanted.

    While somebody is listened to nothing sounds but that the device has woken, and that only
    for who waits to hear it: who speaks on is not to be talked over.
    """

    def __init__(self, sounds: Mapping[str, bytes], controller: Controller, ring: Ring) -> None:
        self._sounds, self._ring = sounds, ring
        self._machine: Machine = controller.machine
        self._player: Player = controller.player
        self._waiting: str | None = None  # until nobody is listened to
        self._woken_at: float | None = None
        self._played: dict[str, float] = {}
        self._state: Mapping[str, Any] = {}
        self._now = 0.0
        controller.on_state.append(self.show)
        controller.on_notice.append(self.hear)

    def hear(self, notice: Notice) -> None:
        """An event."""
        name = OF_EVENTS.get(notice.event)
        if name is not None:
            self._want(name)
        elif notice.event in WAKE and self._machine.mode == "wake" and self._machine.gate_open:
            self._woken_at = self._now

    def show(self, state: Mapping[str, Any]) -> None:
        """A state that is published."""
        before, self._state = self._state, state
        turn = before.get("state"), state["state"]
        if state["muted"] and not before.get("muted", True):
            self._want("muted")
        elif self._machine.mode == "wake" and turn == ("listening", "thinking"):
            self._want("done")
        self.check(self._now)

    def check(self, now: float) -> None:
        """Play what has waited, when its time has come; called often."""
        self._now = now
        if self._woken_at is not None:
            self._wake(now - self._woken_at)
        if self._waiting is not None and not self._listening:
            name, self._waiting = self._waiting, None
            self._play(name)

    @property
    def _listening(self) -> bool:
        """Whether somebody is listened to who would be talked over; in open mode that is always."""
        return self._machine.gate_open and self._machine.mode != "open"

    def _wake(self, since_s: float) -> None:
        head = self._ring.head
        pause = not any(self._ring.voiced(seq) for seq in range(max(0, head - PAUSE), head))
        if pause and self._machine.gate_open:
            self._play("wake")
        if pause or since_s > WAITS_S or not self._machine.gate_open:
            self._woken_at = None

    def _want(self, name: str) -> None:
        if name not in self._sounds or self._now - self._played.get(name, -inf) < REST_S:
            return
        if self._listening:
            self._waiting = name
        else:
            self._play(name)

    def _play(self, name: str) -> None:
        if name in self._sounds:
            self._played[name] = self._now
            self._player.chime(self._sounds[name])
