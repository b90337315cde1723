from __future__ import annotations

import pickle

import pytest

from agent.config.loader import load
from agent.config.secret import Secret
from agent.redact import hide


@pytest.mark.parametrize("show", [str, repr, "{}".format, "{!r:>9}".format, lambda s: f"{s:>9}"])
def test_nothing_shows_it(show: object) -> None:
    assert callable(show)
    shown = show(Secret("hunter2"))
    assert "hunter2" not in shown
    assert "***" in shown


def test_it_tells_when_asked() -> None:
    assert Secret("hunter2").reveal() == "hunter2"


def test_it_compares_and_hashes_by_value() -> None:
    assert Secret("a") == Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1
    assert not Secret("")


def test_it_is_not_pickled() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Secret("hunter2"))


def test_every_secret_of_a_configuration_is_hidden_from_then_on() -> None:
    sets = [
        "service.token=hunter-one",
        "services.tencent-tsi={secret_id: hunter-two, secret_key: hunter-three}",
        "mqtt.password=hunter-four",
        "web.password=hunter-five",
    ]
    config = load("/dev/null", sets, env={})
    for number in ("one", "two", "three", "four", "five"):
        assert hide(f"a hunter-{number}") == "a ***"
    assert "hunter" not in repr(config)
    assert "hunter" not in str(config)
