"""Summaries: deterministic, and made of the text's own sentences."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.emulator.engines.scripted import ScriptedEngine
from agent.emulator.engines.summary import sentences, summary

TRAINS = (
    "Lunch was late. The night train to Vienna leaves Rome at seven. It rained. "
    "The night train reaches Vienna in the morning. Somebody laughed. We all went home."
)


def test_sentences_end_with_their_punctuation() -> None:
    assert sentences("One. Two? 三。四！\nfive") == ["One.", "Two?", "三。", "四！", "five"]
    assert sentences(" \n ") == []


def test_what_is_repeated_is_kept_in_its_order() -> None:
    assert summary(TRAINS) == (
        "The night train to Vienna leaves Rome at seven. "
        "The night train reaches Vienna in the morning."
    )


def test_a_length_is_kept_but_one_sentence_stays() -> None:
    assert summary(TRAINS, 60) == "The night train reaches Vienna in the morning."
    assert summary("Only one sentence here.", 3) == "Only one sentence here."


def test_scripts_without_spaces_are_counted_too() -> None:
    text = "今天下雨。火车从北京出发。大家都笑了。火车到北京晚点。午饭很好。再见。"
    assert summary(text) == "火车从北京出发。火车到北京晚点。"


@given(st.text(), st.none() | st.integers(0, 99))
def test_a_summary_is_made_of_sentences_of_the_text(text: str, longest: int | None) -> None:
    for part in sentences(summary(text, longest)):
        assert part in text


def test_the_scripted_engine_takes_the_first_sentence() -> None:
    assert ScriptedEngine().summarise(TRAINS) == "Lunch was late."
    assert ScriptedEngine().summarise(TRAINS, 5) == "Lunch"
    assert ScriptedEngine().summarise("") == ""
