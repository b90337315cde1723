"""A service's own error as the exception it is."""

from __future__ import annotations

from agent.errors import Refused
from agent.events import Failure


def refused(service: str, failure: Failure) -> Refused:
    """What ``service`` said, in words a user can act on."""
    return Refused(
        f"{service} says: {failure.message} (code {failure.code})",
        failure.code,
        retryable=failure.retryable,
        about=failure.about,
        retry_after_s=failure.retry_after_s,
    )
