"""The keys in which two configurations differ."""

from __future__ import annotations

from msgspec.structs import replace

from agent.config.changes import changed
from agent.config.schema import Button, Config, Device, Led, Service, Talk
from agent.config.secret import Secret

OLD = Config(device=Device(id="a"), service=Service(token=Secret("one")))


def test_none() -> None:
    assert changed(OLD, Config(device=Device(id="a"), service=Service(token=Secret("one")))) == []


def test_they_are_named_down_to_the_value() -> None:
    new = replace(
        OLD,
        device=Device(id="b"),
        service=Service(token=Secret("two"), target=None),
        talk=Talk(buttons=(Button(pin=1),), led=Led(pin=2)),
    )
    assert changed(OLD, new) == [
        "device.id",
        "service.target",
        "service.token",
        "talk.buttons",
        "talk.led",
    ]
    assert "two" not in str(changed(OLD, new))


def test_a_section_that_may_be_none_is_looked_into_where_both_have_it() -> None:
    one, other = Config(talk=Talk(led=Led(pin=1))), Config(talk=Talk(led=Led(pin=2)))
    assert changed(one, other) == ["talk.led.pin"]
