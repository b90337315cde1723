"""The script of the scripted engine: what it hears, read from YAML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

from agent.emulator.yamlfile import choice, integer, mapping, read_yaml, string
from agent.errors import UsageError

DEFAULT_SCRIPT = Path(__file__).parent.parent / "script.yaml"


@dataclass(frozen=True)
class Sentence:
    """Something to be heard: its text, and the same in other languages by code."""

    text: str
    translations: Mapping[str, str] = field(default_factory=dict)

    def in_language(self, language: str) -> str:
        """How it sounds when this language is spoken."""
        return self.translations.get(language, self.text)


@dataclass(frozen=True)
class Script:
    """What the engine hears, and when it thinks that a sentence has ended."""

    sentences: tuple[Sentence, ...] = ()
    hear: Literal["script", "tones"] = "script"
    endpoint_ms: int = 500
    word_ms: int = 300

    def __post_init__(self) -> None:
        if self.hear == "script" and not self.sentences:
            raise ValueError("a script needs at least one sentence")


def read_script(path: Path) -> Script:
    """The script in this YAML file; `UsageError` says what is wrong with it."""
    keys = ("sentences", "language", "hear", "endpoint_ms", "word_ms")
    top = mapping(read_yaml(path), str(path), keys)
    hear = choice(top.get("hear", "script"), f"{path}: hear", ("script", "tones"))
    language = string(top.get("language", "en"), f"{path}: language")
    listed = top.get("sentences") or []
    if not isinstance(listed, list) or (hear == "script" and not listed):
        raise UsageError(f"{path}: sentences: expected a list of entries with `text`")
    return Script(
        tuple(
            _sentence(entry, language, f"{path}: sentence {n}") for n, entry in enumerate(listed, 1)
        ),
        cast(Literal["script", "tones"], hear),
        integer(top.get("endpoint_ms", 500), f"{path}: endpoint_ms", 20, 10_000),
        integer(top.get("word_ms", 300), f"{path}: word_ms", 10, 10_000),
    )


def _sentence(entry: object, language: str, where: str) -> Sentence:
    keys = mapping(entry, where, ("text", "translations"))
    translations = keys.get("translations") or {}
    if not isinstance(translations, dict):
        raise UsageError(f"{where}: translations: expected `language: text`")
    text = _text(keys.get("text"), f"{where}: text")
    others = {
        string(code, f"{where}: language"): _text(said, f"{where}: translations: {code}")
        for code, said in translations.items()
    }
    return Sentence(text, {language: text, **others})


def _text(value: object, where: str) -> str:
    return " ".join(string(value, where).split())
