"""A changed configuration: what is taken over, what waits, what is refused."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from msgspec.structs import replace

from agent.config.schema import Audio, Button, Config, Logging, Mqtt, Playback, Service, Talk
from agent.config.secret import Secret
from agent.control import reload
from agent.control.controller import Controller
from agent.errors import UsageError
from agent.events import Pair

OLD = Config(service=Service(token=Secret("one")))
ASR = Service(name="twetalk-asr", app_id="1000001")


def volume(percent: int) -> Audio:
    return Audio(playback=Playback(volume=percent))


def done(old: Config, new: Config) -> tuple[list[Any], int]:
    """What a controller is told, and its player's volume."""
    told: list[Any] = []
    player = SimpleNamespace(volume=55)  # a command changed it before
    fake = SimpleNamespace(
        provider=SimpleNamespace(kept=lambda pair: pair),
        player=player,
        cloud=SimpleNamespace(switch_tts=lambda on: told.append(("tts", on))),
        switch=lambda service: told.append(("switch", service.name)),
        speak=lambda pair: told.append(("speak", pair)),
    )
    reload.apply(cast(Controller, fake), old, reload.merged(old, new))
    return told, player.volume


def test_the_same_again_changes_nothing() -> None:
    same = Config(service=Service(token=Secret("one")))
    assert done(OLD, same) == ([], 55)
    assert reload.waiting(OLD, same) == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"source": "en", "target": "ja"}, [("speak", Pair("en", "ja"))]),
        ({"tts": False}, [("tts", False)]),
        ({"token": Secret("two")}, [("switch", "twetalk-v2")]),
        (
            {"url": "ws://127.0.0.1:1", "target": "ja", "tts": False},
            [("switch", "twetalk-v2"), ("speak", Pair("zh", "ja")), ("tts", False)],
        ),
    ],
)
def test_only_what_has_changed_is_changed(changes: dict[str, Any], told: list[Any]) -> None:
    new = replace(OLD, service=replace(OLD.service, **changes))
    assert done(OLD, new) == (told, 55)
    assert reload.waiting(OLD, new) == []


def test_volume_and_logging_need_no_restart() -> None:
    new = replace(OLD, audio=volume(30), logging=Logging(level="debug"))
    assert done(OLD, new) == ([], 30)
    assert reload.waiting(OLD, new) == []
    assert reload.merged(OLD, new).logging.level == "debug"


def test_what_needs_a_restart_is_named_and_left_as_it_is() -> None:
    audio = replace(volume(30), rate=8000)
    new = replace(
        OLD,
        audio=audio,
        mqtt=Mqtt(host="broker", password=Secret("x")),
        services={"twetalk-asr": ASR},
        talk=Talk(mode="open"),
    )
    assert reload.waiting(OLD, new) == [
        "services",
        "audio.rate",
        "talk.mode",
        "mqtt.host",
        "mqtt.password",
    ]
    merged = reload.merged(OLD, new)
    assert merged == replace(OLD, audio=volume(30))


@pytest.mark.parametrize(
    ("old", "service", "words"),
    [
        (OLD, Service(name="twetalk-summary", token=Secret("t")), "works on text"),
        (OLD, Service(name="twetalk-asr", app_id="1", source="fr"), "no model for language"),
        (
            replace(OLD, talk=Talk(buttons=(Button(pin=1, source="fr"),))),
            ASR,
            "no model for language",
        ),
        (
            replace(OLD, audio=Audio(rate=8000)),
            Service(name="tencent-tsi", secret_id=Secret("i"), secret_key=Secret("k")),
            "does not take 8000 Hz",
        ),
    ],
)
def test_a_service_this_device_cannot_use_is_refused(
    old: Config, service: Service, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        reload.merged(old, replace(OLD, service=service))
