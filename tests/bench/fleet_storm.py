"""A fleet that lost its server at one moment and tries to come back: who tries when, who gets in.

Time goes in slices of 100 ms.  A server that is full or away refuses at once, which is
the worst case: connections that hang would come back later.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from agent.clock import Backoff
from agent.pipeline.reach import LEAST_S, first_wait
from agent.report.reconnect import Reconnect
from agent.report.signals import Down

SLICE_S = 0.1
PER_S = round(1 / SLICE_S)
LONGEST_S = 7200

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]


class Policy(Protocol):
    """When devices try again."""

    def delays(self, devices: Indices, now: Floats, away: Floats) -> Floats:
        """Seconds until the next attempt of each of ``devices``, that failed (or was lost) now.

        ``away`` is how long each has been without the server (s).
        """


class FixedDelay:
    """Every device after the same time."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def delays(self, devices: Indices, now: Floats, away: Floats) -> Floats:
        """See :class:`Policy`."""
        return np.full(len(devices), self._seconds)


class NoJitter:
    """At once, then exponential from ``base`` to ``cap`` s, the same for every device."""

    def __init__(self, devices: int, base: float = 0.5, cap: float = 30.0) -> None:
        self._attempts = np.zeros(devices, int)
        self._base, self._cap = base, cap

    def delays(self, devices: Indices, now: Floats, away: Floats) -> Floats:
        """See :class:`Policy`."""
        attempts = self._attempts[devices]
        self._attempts[devices] += 1
        grown = np.minimum(self._cap, self._base * 2.0 ** np.minimum(attempts - 1, 32))
        return np.where(attempts == 0, 0.0, grown)


class Ours:
    """What the device does towards its service: the real backoff, one for each device.

    ``talking``: somebody speaks to every one of them, and so they try at once; otherwise
    they are idle, and their service has closed the connection.
    """

    def __init__(self, devices: int, seed: int, *, talking: bool = False) -> None:
        self._dice = Random(seed)
        self._backoffs = [Backoff(rng=self._dice) for _ in range(devices)]
        self._talking = talking

    def delays(self, devices: Indices, now: Floats, away: Floats) -> Floats:
        """See :class:`Policy`."""
        return np.array([self._next(d, s) for d, s in zip(devices, away.tolist(), strict=True)])

    def _next(self, device: int, away: float) -> float:
        backoff = self._backoffs[device]
        seconds = backoff.next(away)
        if backoff.attempts == 1:
            return first_wait("closed", not self._talking, self._dice)
        return max(LEAST_S, seconds)


class OursMqtt:
    """What the device does towards its broker: the real rule, one for each device."""

    def __init__(self, devices: int, seed: int) -> None:
        dice = Random(seed)
        self._rules = [Reconnect(1.0, 30.0, dice) for _ in range(devices)]

    def delays(self, devices: Indices, now: Floats, away: Floats) -> Floats:
        """See :class:`Policy`."""
        lost = Down("connection refused")
        pairs = zip(devices, now.tolist(), strict=True)
        return np.array([self._rules[device].down(lost, at) for device, at in pairs])


@dataclass(frozen=True, slots=True)
class Storm:
    """What the server saw: per slice of 100 ms, from the loss on."""

    attempts: NDArray[np.int64]
    accepted: NDArray[np.int64]

    def per_second(self) -> list[int]:
        """Attempts in each whole second."""
        padded = np.append(self.attempts, np.zeros(-len(self.attempts) % PER_S, np.int64))
        seconds: list[int] = padded.reshape(-1, PER_S).sum(axis=1).tolist()
        return seconds

    def until(self, share: float) -> float:
        """Seconds from the loss until ``share`` of the devices are back."""
        back = np.cumsum(self.accepted)
        return float(np.searchsorted(back, share * back[-1]) + 1) * SLICE_S


def simulate(
    policy: Policy,
    devices: int,
    back_s: float,
    capacity: float | None,
    seed: int,
    within_s: float = 1.0,
) -> Storm:
    """All ``devices`` lose their connection ``within_s``; the server is back after ``back_s``.

    It then takes ``capacity`` new connections a second, or all of them when None.
    """
    lost = np.sort(np.random.default_rng(seed).uniform(0.0, within_s, devices))
    due = lost + policy.delays(np.arange(devices), lost, np.zeros(devices))
    attempts = np.zeros(round(LONGEST_S * PER_S), np.int64)
    accepted = np.zeros_like(attempts)
    for at in range(len(attempts)):
        room = _room(at, back_s, capacity)
        # Who is refused may try again in the same slice.
        while len(now := _due(due, (at + 1) * SLICE_S)):
            served = int(min(room, len(now)))
            room -= served
            attempts[at] += len(now)
            accepted[at] += served
            due[now[:served]] = np.inf
            refused = now[served:]
            when = due[refused]
            due[refused] = when + policy.delays(refused, when, when - lost[refused])
        if accepted[: at + 1].sum() == devices:
            break
    return Storm(attempts[: at + 1], accepted[: at + 1])


def _due(due: Floats, end: float) -> Indices:
    """The devices whose attempt comes before ``end``, in order."""
    now = np.flatnonzero(due < end)
    return now[np.argsort(due[now], kind="stable")]


def _room(at: int, back_s: float, capacity: float | None) -> float:
    """How many connections the server takes in slice ``at``."""
    since = at - round(back_s * PER_S)
    if since < 0:
        return 0
    if capacity is None:
        return np.inf
    return int(capacity * (since + 1) * SLICE_S) - int(capacity * since * SLICE_S)
