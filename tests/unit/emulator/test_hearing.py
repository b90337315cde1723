"""Whole recordings: sentences, words, and languages an engine can hear."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.emulator.engines import Heard, Unsupported
from agent.emulator.engines.scripted import ScriptedEngine
from agent.emulator.hearing import first_heard, joined, listen, words
from tests.unit.emulator.calls import TONES, speech


class EnglishOnly(ScriptedEngine):
    def require(self, source: str, target: str | None) -> None:
        if source != "en":
            raise Unsupported(f"not {source}")


def test_sentences_of_a_recording() -> None:
    heard = listen(TONES, speech(1, 2) + speech(3), "en")
    assert [(h.index, h.text) for h in heard] == [(0, "w1 w2"), (1, "w3")]
    assert listen(TONES, bytes(32_000), "en") == []


def test_a_sentence_that_is_cut_off_counts() -> None:
    assert [h.text for h in listen(TONES, speech(1, 2)[:-8_000], "en")] == ["w1 w2"]


def test_the_first_language_that_can_be_heard() -> None:
    assert first_heard(EnglishOnly(), ["zh", "en"]) == "en"
    with pytest.raises(Unsupported, match="not zh"):
        first_heard(EnglishOnly(), ["zh", "es"])
    with pytest.raises(Unsupported):
        first_heard(EnglishOnly(), [])


def test_sentences_are_joined_as_the_language_writes() -> None:
    assert joined(["One.", "Two."], "en") == "One. Two."
    assert joined(["一。", "二。"], "zh") == "一。二。"


def test_words_as_the_documents_sample_has_them() -> None:
    heard = Heard("final", 0, "Hello,我是谁啊?", 160, 1_600)
    assert [word.text for word in words(heard)] == ["Hello,", "我", "是", "谁", "啊?"]


@given(st.text(), st.integers(0, 10**6), st.integers(0, 10**5))
def test_words_fill_their_sentence(text: str, start: int, length: int) -> None:
    found = words(Heard("final", 0, text, start, start + length))
    assert "".join(word.text for word in found) == "".join(text.split())
    for word, after in pairwise(found):
        assert word.end_ms == after.start_ms
    if found:
        assert (found[0].start_ms, found[-1].end_ms) == (start, start + length)
