"""The parts of docs/hearing.md, in its order."""

from __future__ import annotations

from types import MappingProxyType

from tests.bench.hearing import alone, bargein, cost, loss, moved, wakeword
from tests.bench.section import Part

_ALL: tuple[Part, ...] = (loss, alone, moved, bargein, wakeword, cost)

PARTS = MappingProxyType({part.NAME: part for part in _ALL})
