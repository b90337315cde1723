"""Checks that run inside the guest, each a function that gives rows of the table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """A check: the function of its name in ``module``."""

    module: str
    what: str


CHECKS = {
    "sound": Check("audio", "speech into the card arrives at the cloud bit-exact, at 1:1"),
    "playback": Check("playback", "speech out of the card is what the cloud sent, without gaps"),
    "button": Check("pins", "press and release begin and end an utterance within 50 ms"),
    "light": Check("pins", "the LED line follows the state: a whole turn, no cloud, a refusal"),
    "card": Check("audio", "the card is unloaded and loaded again while the device runs"),
    "doctor": Check("doctor", "dragoman doctor: fit, then with things broken on purpose"),
    "ears": Check(
        "ears",
        "in a room the device does not hear itself, is talked over, and called by its name",
    ),
    "service": Check(
        "service",
        "installed, ready, examined, without its card, killed, frozen, outbox, will, removed",
    ),
}


@dataclass(frozen=True)
class Row:
    """One line of the table; ``good`` is None for what could not be looked at."""

    check: str
    expected: str
    seen: str
    good: bool | None


class Skipped(Exception):
    """Why a check cannot be made here."""
