"""Feeds systemd's watchdog, but only while the threads that carry sound make progress."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from agent.control.controller import Controller
from agent.system.systemd import Notifier
from agent.threads import Worker

log = logging.getLogger(__name__)

STALLED_S = 5.0  # a thread that made no progress for this long is not alive


class Supervisor:
    """Looks after the sound threads and tells systemd; used by the main thread."""

    def __init__(
        self, notifier: Notifier, capture: Worker, player: Worker, controller: Controller
    ) -> None:
        self._notifier, self._controller = notifier, controller
        self._capture, self._player = capture, player
        self._feed_at = 0.0
        self._stalled = ""

    def ready(self) -> None:
        """Everything is started."""
        self._notifier.ready()

    def stopping(self) -> None:
        """Everything is being stopped."""
        self._notifier.stopping()

    def show(self, state: Mapping[str, Any]) -> None:
        """The state changed: say so in ``systemctl status``."""
        pair = f"{state['source']} → {state['target'] or '–'}"
        muted = ", muted" if state["muted"] else ""
        self._notifier.status(f"{state['state']}{muted} · {state['service']} · {pair}")

    def check(self, now: float) -> None:
        """Feed the watchdog when it is time and all are alive; cheap, called often."""
        if now < self._feed_at:
            return
        self._feed_at = now + min(1.0, (self._notifier.watchdog_s or 1.0) / 2)
        stalled = ", ".join(w.name for w in self._watched() if now - w.last_beat > STALLED_S)
        if stalled and stalled != self._stalled:
            log.error("no progress for %g s: %s", STALLED_S, stalled)
            self._notifier.status(f"stalled: {stalled}")
        self._stalled = stalled
        if not stalled:
            self._notifier.alive()

    def _watched(self) -> list[Worker]:
        """Capture, sender and player; a microphone that has ended is not expected to go on."""
        capture = [] if self._controller.machine.ended else [self._capture]
        senders = [w for w in self._controller.cloud.workers if w.name == "sender"]
        return [*capture, *senders, self._player]
