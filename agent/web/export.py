"""A session as a file, in the formats ``dragoman transcribe`` writes."""

from __future__ import annotations

from collections.abc import Sequence

from agent.events import Transcript
from agent.transcribe.formats import FORMATS
from agent.transcribe.record import Record
from agent.transcribe.streams import result_of


def document(form: str, sentences: Sequence[Transcript]) -> str:
    """``sentences`` of one session (at least one) as ``srt``, ``vtt``, ``json`` or ``txt``."""
    first = sentences[0]
    ends = [each.end_ms for each in sentences if each.end_ms is not None]
    record = Record(first.session, first.service, max(ends, default=None))
    for each in sentences:
        record.put(result_of(each, each.index))
    return FORMATS[form](record)
