"""The doctor on one's own servers: a line for each, with what mends it."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from agent.clock import SystemClock
from agent.config.own import Role
from agent.config.schema import Config, Hear, Service, Speak, Translate
from agent.config.secret import Secret
from agent.doctor.check import Check
from agent.doctor.roles import role
from agent.emulator import Emulator
from tests.system.emulated import emulator as emulator

KEY = Secret("demo")


def look(name: str, source: str = "en", target: str = "es", **roles: Any) -> Check:
    service = Service(name="own", source=source, target=target, **roles)
    return role(name, Config(service=service), SystemClock())


def at(emulator: Emulator) -> str:
    return emulator.url.removeprefix("http://")


def test_servers_that_are_fit(emulator: Emulator) -> None:
    wyoming, url = f"wyoming://{at(emulator)}", emulator.url
    for name, roles, text in (
        ("hear", {"hear": Hear(url=wyoming)}, "emulator, text while you speak"),
        ("hear", {"hear": Hear(url=f"{url}/v1", key=KEY, model="whisper-1")}, "whisper-1"),
        ("translate", {"translate": Translate(url=f"{url}/v1", key=KEY)}, "emulator-chat"),
        ("translate", {"translate": Translate(url=f"libretranslate+{url}")}, "22 languages"),
        ("speak", {"speak": Speak(url=wyoming, voice="es-emulator")}, "and 18 more"),
    ):
        check = look(name, **roles)
        assert (check.name, check.outcome) == (name, "pass"), check
        assert text in check.text
        assert at(emulator) in check.text


EARS, VOICE = "wyoming://AT", Speak(url="wyoming://AT", voice="x")
LIBRE = Translate(url="libretranslate+http://AT")
NOBODY = "127.0.0.1:9"


@pytest.mark.parametrize(
    ("role_", "target", "outcome", "words", "mend"),
    [
        (Hear(url=EARS, model="x"), "es", "fail", "has no x, but emulator", "service.hear.model"),
        (Hear(url="http://AT/v1"), "es", "fail", "Incorrect API key", "service.hear"),
        (Hear(url="http://AT/v1", key=KEY, model="x"), "es", "warn", "does not list x", "model"),
        (Hear(url="http://AT", key=KEY), "es", "pass", "does not list its models", ""),
        (VOICE, "es", "fail", "has no x, but", "service.speak.voice"),
        (Speak(url="wyoming://AT"), "xx", "warn", "not xx", "missing"),
        (LIBRE, "xx", "fail", "from en to xx", "it knows"),
        (Hear(url=f"wyoming://{NOBODY}"), "es", "fail", "refuses", "service.hear.url"),
        (Translate(url=f"http://{NOBODY}/v1"), "es", "fail", "refuses", "service.translate.url"),
    ],
)
def test_servers_that_are_not(
    emulator: Emulator, role_: Role, target: str, outcome: str, words: str, mend: str
) -> None:
    name = type(role_).__name__.lower()
    there = replace(role_, url=role_.url.replace("AT", at(emulator)))
    roles: dict[str, Any] = {name: there}
    check = look(name, target=target, **roles)
    assert check.outcome == outcome, check
    assert words in check.text
    assert mend in check.mend
