"""The scripted engine: the same audio gives the same results."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.emulator.engines import Heard
from agent.emulator.engines.script import Script, Sentence
from agent.emulator.engines.scripted import ScriptedEngine
from agent.emulator.engines.tones import decode_tones, silence, tone, tone_words

HELLO = Sentence("hello big world", {"es": "hola gran mundo", "zh": "你好大世界"})
SCRIPT = Script((HELLO, Sentence("bye")))


def speech(length_ms: int, rate: int = 16_000) -> bytes:
    return tone(20, rate, length_ms)


def hear(
    pcm: bytes, script: Script = SCRIPT, rate: int = 16_000, source: str = "en"
) -> list[Heard]:
    return ScriptedEngine(script).recognizer(source, rate).feed(pcm)


def finals(heard: list[Heard]) -> list[str]:
    return [step.text for step in heard if step.kind == "final"]


def test_a_sentence_starts_grows_word_by_word_and_ends() -> None:
    heard = hear(silence(16_000, 300) + speech(800) + silence(16_000, 500))
    assert [(step.kind, step.text) for step in heard] == [
        ("start", ""),
        ("partial", "hello"),
        ("partial", "hello big"),
        ("partial", "hello big world"),
        ("final", "hello big world"),
    ]
    assert {step.index for step in heard} == {0}
    assert heard[-1].start_ms == pytest.approx(300, abs=20)
    assert heard[-1].end_ms == pytest.approx(1_100, abs=20)


@pytest.mark.parametrize(("quiet_ms", "expected"), [(490, []), (520, ["hello big world"])])
def test_the_end_comes_after_500_ms_of_silence(quiet_ms: int, expected: list[str]) -> None:
    assert finals(hear(speech(400) + silence(16_000, quiet_ms))) == expected


def test_the_endpoint_is_an_option() -> None:
    script = Script((HELLO,), endpoint_ms=200)
    assert finals(hear(speech(400) + silence(16_000, 220), script)) == ["hello big world"]


def test_the_script_begins_again_and_indexes_go_on() -> None:
    heard = hear((speech(300) + silence(16_000, 600)) * 3)
    assert finals(heard) == ["hello big world", "bye", "hello big world"]
    assert [step.index for step in heard if step.kind == "final"] == [0, 1, 2]


def test_silence_and_clicks_say_nothing() -> None:
    assert hear(silence(16_000, 2_000) + (speech(30) + silence(16_000, 400)) * 3) == []


def test_a_constant_offset_is_silence() -> None:
    assert hear(b"\x00\x20" * 32_000) == []


def test_the_source_language_is_heard_if_the_script_has_it() -> None:
    assert finals(hear(speech(300) + silence(16_000, 600), source="zh")) == ["你好大世界"]


def test_finish_ends_the_open_sentence_once() -> None:
    recognizer = ScriptedEngine(SCRIPT).recognizer("en", 16_000)
    assert recognizer.finish() == []
    recognizer.feed(speech(300))
    assert finals(recognizer.finish()) == ["hello big world"]
    assert recognizer.finish() == []


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from([8_000, 16_000]),
    st.sampled_from([SCRIPT, Script(hear="tones")]),
    st.lists(st.integers(1, 900).map(lambda samples: 2 * samples), min_size=1, max_size=9),
)
def test_results_do_not_depend_on_packets(rate: int, script: Script, sizes: list[int]) -> None:
    pcm = tone_words([4, 8], rate, burst_ms=300) + silence(rate, 600) + tone_words([9], rate)
    recognizer = ScriptedEngine(script).recognizer("en", rate)
    heard, at, turn = [], 0, 0
    while at < len(pcm):
        size = sizes[turn % len(sizes)]
        heard += recognizer.feed(pcm[at : at + size])
        at, turn = at + size, turn + 1
    assert heard == hear(pcm, script, rate)


def test_tones_are_heard_as_their_words() -> None:
    pcm = tone_words([17, 3, 3], 16_000) + silence(16_000, 600) + tone_words([9], 16_000)
    heard = hear(pcm + silence(16_000, 600), Script(hear="tones"))
    assert finals(heard) == ["w17 w3 w3", "w9"]
    assert [step.text for step in heard if step.kind == "partial"][:2] == ["w17", "w17 w3"]


def test_translation_follows_the_script_also_for_beginnings() -> None:
    engine = ScriptedEngine(SCRIPT)
    assert engine.translate("hello big world", "en", "es") == "hola gran mundo"
    assert engine.translate("hello", "en", "es") == "hola"
    assert engine.translate("你好大", "zh", "es") == "hola"
    assert engine.translate("你好大世界", "zh", "es") == "hola gran mundo"
    assert engine.translate("hello big", "en", "zh") == "你好大"
    assert engine.translate("", "en", "es") == ""


def test_translation_of_anything_else_names_the_language() -> None:
    assert ScriptedEngine(SCRIPT).translate("w1 w2", "zh", "en") == "[en] w1 w2"


def test_speech_is_the_same_each_time_and_longer_for_longer_text() -> None:
    engine = ScriptedEngine(SCRIPT)
    spoken = engine.speak("w4 w5", "en")
    assert decode_tones(spoken, 16_000) == [4, 5]
    assert spoken == engine.speak("w4 w5", "en")
    assert len(engine.speak("w4 w5 hello", "en")) > len(spoken)
    assert len(spoken) % 2 == 0


def test_the_script_of_the_package_is_good() -> None:
    engine = ScriptedEngine()
    assert len(engine.script.sentences) >= 3
    text = engine.script.sentences[0].in_language("zh")
    assert engine.translate(text, "zh", "en") == engine.script.sentences[0].text


def test_a_script_without_sentences_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one sentence"):
        Script()
