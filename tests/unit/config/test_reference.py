"""``config/dragoman.yaml`` mentions every key of the schema with its true default."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from msgspec import Struct
from msgspec.structs import asdict, fields

from agent.config.loader import load
from agent.config.schema import Button, Config, Hear, Led, Speak, Translate
from agent.config.words import keys
from agent.errors import ConfigError
from tests.unit.config.conftest import Load

REFERENCE = Path(__file__).parents[3] / "config" / "dragoman.yaml"
TEXT = REFERENCE.read_text()
COMMENTED_OUT = re.compile(r"^( *)#(?=[a-z])", re.MULTILINE)
EXAMPLE = re.compile(
    r"^( *)# (services|buttons|led|hear|translate|speak):.*\n(\1#   .*\n)*", re.MULTILINE
)
STANDING_FOR = re.compile(
    r"^ *(services: \{\}|buttons: \[\]|(led|hear|translate|speak): null)\n", re.MULTILINE
)
ROLES = ("hear", "translate", "speak")
OFF = {("talk", "buttons"), ("talk", "led"), *(("service", role) for role in ROLES)}
HASH = re.compile(r"^( *)# ", re.MULTILINE)
ENV = dict.fromkeys(re.findall(r"\$\{([A-Z_]+)\}", TEXT), "1")


def leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else key)
    else:
        yield path, value


def defaults() -> dict[str, object]:
    config = Config()
    found: dict[str, object] = {}
    for section, name in keys(Config):
        if section not in OFF:
            value: object = config
            for part in (*section, name):
                value = getattr(value, part)
            if not hasattr(value, "__struct_fields__"):
                found[".".join((*section, name))] = value
    return found


def written(text: str) -> dict[str, object]:
    found = dict(leaves(yaml.safe_load(text)))
    found.pop("device", None)  # a section whose only key is commented out
    return found


def test_it_lacks_only_the_token() -> None:
    with pytest.raises(ConfigError) as info:
        load(str(REFERENCE), env={})
    (line,) = info.value.problems
    assert re.search(r":\d+: service\.token: \$\{TWETALK_TOKEN\} is not set; ", line)


def test_it_is_the_default_configuration() -> None:
    assert load(str(REFERENCE), env={"TWETALK_TOKEN": "t"}) == load(
        "/dev/null", ["service.token=t"], env={}
    )


def test_every_default_is_written() -> None:
    live = written(TEXT)
    del live["service.token"]
    for key, value in live.items():
        default = defaults()[key]
        assert value == (type(value)() if default in ((), {}) else default), key


def test_what_is_commented_out_has_no_default() -> None:
    commented = set(written(COMMENTED_OUT.sub(r"\1", TEXT))) - set(written(TEXT))
    assert {key for key in commented if defaults()[key] is not None} == {"device.id"}


def test_every_key_is_mentioned_and_no_other() -> None:
    assert set(written(COMMENTED_OUT.sub(r"\1", TEXT))) == set(defaults())


def test_it_loads_with_everything_switched_on(from_text: Load) -> None:
    assert from_text(COMMENTED_OUT.sub(r"\1", TEXT), env=ENV).service.callback_port


def test_the_examples_load(from_text: Load) -> None:
    uncommented = EXAMPLE.sub(lambda match: HASH.sub(r"\1", match.group()), TEXT)
    text = STANDING_FOR.sub("", uncommented)
    Path("youdao.key").write_text("k")
    Path("youdao.secret").write_text("s")
    config = from_text(text, env=ENV)
    assert list(config.services) == ["twetalk-asr", "youdao"]
    assert len(config.talk.buttons) == 2
    assert set(asdict(config.talk.buttons[0])) == set(Button.__struct_fields__)
    assert config.talk.led == Led(pin=22)
    assert config.service.hear == Hear(url="wyoming://nas:10300")
    assert config.service.translate == Translate(url="http://nas:11434/v1", model="qwen3")
    assert config.service.speak == Speak(url="wyoming://nas:10200", voice="en_US-joe-medium")


@pytest.mark.parametrize("section", [Hear, Translate, Speak])
def test_every_key_of_a_role_is_mentioned(section: type[Struct]) -> None:
    about = TEXT[TEXT.index("own: servers") : TEXT.index("# Services the device may switch")]
    assert all(re.search(rf"\b{field.name}\b", about) for field in fields(section))
