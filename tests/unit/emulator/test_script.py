"""Scripts and engine options: what is wrong is said in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.emulator.engines import load_engine
from agent.emulator.engines.local import read_options
from agent.emulator.engines.script import Script, Sentence, read_script
from agent.errors import UsageError


@pytest.fixture
def script(tmp_path: Path) -> Path:
    return tmp_path / "script.yaml"


def test_a_script_is_read(script: Path) -> None:
    script.write_text(
        "endpoint_ms: 300\nword_ms: 200\nsentences:\n"
        "  - {text: hello   world, translations: {es: hola mundo}}\n"
    )
    sentence = Sentence("hello world", {"en": "hello world", "es": "hola mundo"})
    assert read_script(script) == Script((sentence,), endpoint_ms=300, word_ms=200)


def test_tones_need_no_sentences(script: Path) -> None:
    script.write_text("hear: tones")
    assert read_script(script).hear == "tones"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected keys"),
        ("[1]", "expected keys"),
        ("sentences: []", "sentences: expected a list"),
        ("sentences: hello", "sentences: expected a list"),
        ("sentences: [hello]", "sentence 1: expected keys"),
        ("sentences: [{text: hi}, {text: ''}]", "sentence 2: text: expected a text"),
        ("sentences: [{text: hi, translation: {}}]", "did you mean 'translations'"),
        ("sentences: [{text: hi, translations: [es]}]", "expected `language: text`"),
        ("sentences: [{text: hi, translations: {es: 1}}]", "translations: es: expected a text"),
        ("sentences: [{text: hi, translations: {no: hei}}]", "language: expected a text"),
        ("hear: tone", "did you mean 'tones'"),
        ("hear: [tones]", "hear: unknown"),
        ("hear: tones\nendpoint_ms: fast", "endpoint_ms: expected a whole number 20 to 10000"),
        ("hear: tones\nword_ms: true", "word_ms: expected a whole number"),
        ("hear: tones\nendpoint: 3", "did you mean 'endpoint_ms'"),
        ("hear: tones\n}", "2: not valid YAML"),
        ("hear: 2020-13-45", "not valid YAML"),
        ("[" * 3_000, "not valid YAML"),
        ("\x00", "not valid YAML"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(script: Path, text: str, message: str) -> None:
    script.write_text(text)
    with pytest.raises(UsageError) as raised:
        read_script(script)
    assert message in str(raised.value)
    assert str(raised.value).startswith(str(script))
    assert "\n" not in str(raised.value)


def test_a_file_that_is_missing_or_not_text_is_named(tmp_path: Path, script: Path) -> None:
    script.write_bytes(b"\xff\xfe\x00")
    for path, message in (
        (tmp_path / "none", "No such file"),
        (script, "UTF-8"),
        (tmp_path, "dir"),
    ):
        with pytest.raises(UsageError, match=message):
            read_script(path)


def test_options_of_the_local_engine(script: Path) -> None:
    script.write_text("{phrases: [front center, rear left], endpoint_ms: 700}")
    assert read_options(script) == (("front center", "rear left"), 700)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("phrases: front", "phrases: expected a list"),
        ("phrases: [front, 2]", "phrase 2: expected a text"),
        ("phrase: []", "did you mean 'phrases'"),
        ("endpoint_ms: 0", "expected a whole number 200 to 3000"),
    ],
)
def test_wrong_options_of_the_local_engine(script: Path, text: str, message: str) -> None:
    script.write_text(text)
    with pytest.raises(UsageError, match=message):
        read_options(script)


def test_an_engine_is_loaded_with_its_script(script: Path) -> None:
    script.write_text("sentences: [{text: hi}]")
    for options in (script, None):
        with load_engine("scripted", options) as engine:
            assert engine.translate("hi", "en", "es") == "[es] hi"
