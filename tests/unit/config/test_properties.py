"""Whatever is in the file: a Config or a ConfigError, and never a secret in a message."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import fields

from agent.config.loader import load
from agent.config.schema import Config, Mqtt, Section, Service, Web
from agent.config.secret import Secret
from agent.config.words import keys
from agent.errors import ConfigError

SECRET = "hunter2-hunter2"
NAMES = sorted({name for _, name in keys(Config)} | {"token_file", "<<", "youdao", "0"})
PLACE = re.compile(r"(f\.yaml:[1-9][0-9]*|f\.yaml|--set.*?): \S.*")

names = st.sampled_from(NAMES) | st.text(max_size=8)
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
    | st.sampled_from(["zh", "${X}", "${Y}", "$${", "${", "null", "hw:1", "127.0.0.1:80", "file:x"])
)  # fmt: skip
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=6),
    max_leaves=30,
)
PUNCTUATION = list(":-[]{},&*!|>'\"%@#\t\\?~\n ")
WORDS = ["<<", "&a", "*a", "---", "\n  ", ": ", "- ", "\\U99999999", "%YAML 9\n", "\ufeff"]
fragments = st.lists(st.sampled_from(NAMES[:12] + PUNCTUATION + WORDS), max_size=40).map("".join)


def attempt(data: bytes, sets: Sequence[str] = ()) -> tuple[Config | None, list[str]]:
    with TemporaryDirectory() as folder:
        (Path(folder) / "f.yaml").write_bytes(data)
        try:
            return load(f"{folder}/f.yaml", sets, {"X": SECRET}), []
        except ConfigError as error:
            return None, [line.replace(f"{folder}/", "") for line in error.problems]


def check(data: bytes, sets: Sequence[str] = ()) -> None:
    config, problems = attempt(data, sets)
    assert (config is None) == bool(problems)
    for problem in problems:
        assert PLACE.fullmatch(problem), problem
        assert SECRET not in problem
    assert SECRET not in repr(config)


@given(st.text(max_size=200) | fragments)
@example("%YAML 1." + "9" * 5000 + "\n---\n")
def test_any_text(text: str) -> None:
    check(text.encode(errors="surrogatepass"))


@given(st.binary(max_size=60))
def test_any_bytes(data: bytes) -> None:
    check(data)


@given(documents)
def test_any_structure(document: object) -> None:
    check(yaml.safe_dump(document, allow_unicode=True).encode(errors="surrogatepass"))


@given(st.text(max_size=40) | fragments | st.builds("{}.{}={}".format, names, names, scalars))
def test_any_setting(setting: str) -> None:
    check(b"service: {token: t}", [setting])


HOLDERS: list[tuple[str, type[Section]]] = [
    ("service", Service),
    ("services.youdao", Service),
    ("mqtt", Mqtt),
    ("web", Web),
]
SECRET_KEYS = [
    f"{section}.{field.name}{suffix}"
    for section, cls in HOLDERS
    for field in fields(cls)
    if field.type == Secret | None
    for suffix in ("", "_file")
]
SHAPES = [
    "{s}", "'{s}'", '"{s}', "'{s}", "[{s}]", "{{a: {s}}}", "*{s}", "&{s} x", "!{s}", "!{s} x",
    "!a!{s} x", "@{s}", "%{s}", "`{s}", "|{s}", ">{s}", '"\\q{s}"', "{s}: x", "{s}\t: x", "${{X}}",
    "${{X", "a${{X}}\\nb", '"${{X}}\\n{s}"', "- {s}", "? {s}", ", {s}", "] {s}", "}} {s}",
]  # fmt: skip


@settings(max_examples=300)
@given(st.sampled_from(SECRET_KEYS), st.sampled_from(SHAPES), st.text(max_size=3), st.booleans())
def test_no_secret_in_a_message(key: str, shape: str, noise: str, spaced: bool) -> None:
    *sections, name = key.split(".")
    indents = ["  " * depth for depth in range(len(sections) + 1)]
    value = shape.format(s=SECRET)
    colon = ": " if spaced else ":"
    lines = [f"{i}{s}:\n" for i, s in zip(indents, sections, strict=False)]
    text = f"{''.join(lines)}{indents[-1]}{name}{colon}{value}{noise}\n"
    check(text.encode(errors="surrogatepass"))
    check(b"", [f"{key}={value}{noise}"])
    check(b"", [f"{key}{colon}{value}{noise}"])
