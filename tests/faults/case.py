"""A fault of the suite: what is done, what is expected, and whether it came so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.measure import DEPTH, Outcome
from tests.faults.rig import Rig

Play = Callable[[Path], Outcome]
Act = Callable[[Rig], None]


@dataclass(frozen=True)
class Case:
    """One fault.  ``play`` needs an empty folder; limits are seconds.

    ``recover_s`` is from the moment both service and backoff allow an attempt.

    ``reason`` says why speech may be missing where it may; which speech, `Outcome.excused`.
    """

    name: str
    title: str
    expected: str
    play: Play
    recover_s: float = 1.0
    notice_s: float | None = None
    reason: str = ""

    def failures(self, outcome: Outcome) -> list[str]:
        """What is not as expected, in words."""
        checks = [
            (set(outcome.lost_words) - outcome.excused, "words lost"),
            (outcome.lost_packets - outcome.excused_packets, "packets of speech never arrived"),
            (outcome.excused - set(outcome.lost_words), "words came that cannot have been heard"),
            (outcome.finals_lost, "finals lost"),
            (outcome.duplicates, "words repeated without `replayed`"),
            (_over(outcome.burst, DEPTH + 1e-6), "packets at once: over the pacing bound"),
            (_over(outcome.late_s, self.recover_s), "s to recover: too long"),
            (_over(outcome.notice_s, self.notice_s), "s to notice: too long"),
        ]
        return [f"{value} {text}" for value, text in checks if value] + outcome.notes


def _over(value: float | None, limit: float | None) -> float:
    """``value`` where it is over ``limit``, else 0."""
    return 0.0 if value is None or limit is None or value <= limit else round(value, 3)


@dataclass
class Catalogue:
    """Faults by name, in the order they were written down."""

    cases: dict[str, Case] = field(default_factory=dict)

    def fault(
        self,
        title: str,
        expected: str,
        *,
        recover_s: float = 1.0,
        notice_s: float | None = None,
        reason: str = "",
        **options: Any,
    ) -> Callable[[Act], Act]:
        """Put a function that harms a `Rig` made with ``options`` into the catalogue."""

        def add(act: Act) -> Act:
            name = act.__name__.replace("_", "-")
            self.add(
                Case(name, title, expected, _rigged(act, options), recover_s, notice_s, reason)
            )
            return act

        return add

    def add(self, case: Case) -> None:
        self.cases[case.name] = case


def _rigged(act: Act, options: dict[str, Any]) -> Play:
    def play(folder: Path) -> Outcome:
        with Rig(folder, **options) as rig:
            act(rig)
            rig.finish()
            return rig.outcome()

    return play
