"""Which service works on texts."""

from __future__ import annotations

import pytest

from agent.config.schema import Config, Hear, Service, Translate
from agent.config.secret import Secret
from agent.services.texts import Task, serving

TOKEN = Secret("t")
CHAT = Service(
    name="own",
    hear=Hear(url="wyoming://nas:1"),
    translate=Translate(url="http://nas/v1", model="m"),
)
LIBRE = Service(
    name="own",
    hear=Hear(url="wyoming://nas:1"),
    translate=Translate(url="libretranslate+http://nas"),
)
EARS = Service(name="own", hear=Hear(url="wyoming://nas:1"))
TRANSLATE = Service(name="twetalk-translate", token=TOKEN)
TWETALK = Service(name="twetalk-v2", token=TOKEN)


@pytest.mark.parametrize(
    ("service", "profiles", "task", "name"),
    [
        (TWETALK, {}, "translates", "twetalk-translate"),
        (TWETALK, {"own": CHAT}, "summarizes", "twetalk-summary"),
        (CHAT, {}, "translates", "own"),
        (CHAT, {}, "summarizes", "own"),
        (LIBRE, {}, "translates", "own"),
        (LIBRE, {}, "summarizes", "twetalk-summary"),
        (EARS, {}, "translates", "twetalk-translate"),
        (Service(name="youdao"), {"own": CHAT}, "summarizes", "own"),
        (Service(name="youdao"), {"home": CHAT}, "translates", "home"),
        (
            Service(name="youdao"),
            {"own": CHAT, "twetalk-translate": TRANSLATE},
            "translates",
            "twetalk-translate",
        ),
        (Service(name="nonsense"), {}, "translates", "twetalk-translate"),
        (TRANSLATE, {"own": CHAT}, "translates", "twetalk-translate"),
    ],
)  # fmt: skip
def test_the_one_that_can(
    service: Service, profiles: dict[str, Service], task: Task, name: str
) -> None:
    assert serving(Config(service=service, services=profiles), task) == name
