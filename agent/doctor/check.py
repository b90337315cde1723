"""One line of the doctor's report."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from agent.errors import DragomanError
from agent.redact import hide

Outcome = Literal["pass", "warn", "fail", "skip"]


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at, how it is, what was seen, and what the user can do about it."""

    name: str
    outcome: Outcome
    text: str
    mend: str = ""


def failed(name: str, error: DragomanError, mend: str = "") -> Check:
    """An error as a failed check; most say the mend after a semicolon."""
    text, _, rest = " ".join(str(error).split()).partition("; ")
    return Check(name, "fail", text.removeprefix(f"{name} "), mend or rest)


def redacted(check: Check) -> Check:
    """``check`` without any secret in it, whoever put it there (a server's message may)."""
    return replace(check, text=hide(check.text), mend=hide(check.mend))
