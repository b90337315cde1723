"""Secrets as a type that cannot be printed by accident."""

from __future__ import annotations

from agent import redact

#: The emulator's word for everything; known to all, so it is no secret.
DEMO = "demo"


class Secret:
    """A credential: ``repr``, ``str`` and formatting show ``***``; only :meth:`reveal` tells.

    What it holds is hidden in everything this process says from then on (:mod:`agent.redact`).
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value
        if value != DEMO:
            redact.learn(value)

    def reveal(self) -> str:
        """The value itself, for the one place that sends it."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format("***", spec)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str:
        raise TypeError("a Secret is not pickled")
