"""What one writes behind ``fleet send``."""

from __future__ import annotations

from typing import Any

import pytest

from agent.errors import UsageError
from agent.fleet.command import parse


@pytest.mark.parametrize(
    ("words", "fields"),
    [
        (['{"volume": 40}'], {"volume": 40}),
        ([' {"talk": "press", "button": 2}'], {"talk": "press", "button": 2}),
        (["talk=press", "volume=40"], {"talk": "press", "volume": 40}),
        (["tts=false", "mute=true"], {"tts": False, "mute": True}),
        (["source=no"], {"source": "no"}),
        (["target=en-US"], {"target": "en-US"}),
        (["restart=true"], {"restart": True}),
        (["summarize=20260101"], {"summarize": "20260101"}),  # a session, not a number
        (["summarize=true"], {"summarize": "true"}),
        (["summarize=a=b"], {"summarize": "a=b"}),
        (["volume=40", '{"tts": true}'], {"volume": 40, "tts": True}),
        (["talk=press", "button=12"], {"talk": "press", "button": 12}),
    ],
)
def test_objects_and_words(words: list[str], fields: dict[str, Any]) -> None:
    assert parse(words) == fields


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["volum=3"], "unknown field 'volum'; did you mean 'volume'?"),
        (['{"volum": 3}'], "unknown field 'volum'; did you mean 'volume'?"),
        (["volume=300"], "volume: expected int <= 100"),
        (["volume=loud"], "volume: expected int | null, got str"),
        (["talk=pres"], "talk: invalid enum value 'pres'"),
        (["source=1"], "source: expected"),
        (['{"volume": 3'], "the command is not JSON"),
        (['{"volume": 3} {}'], "the command is not JSON"),
        (["[1]"], "'[1]' is no command; give"),
        (["=3"], "'=3' is no command"),
        (["press"], "'press' is no command"),
        (["button=1"], "nothing to do"),
        (["{}"], "nothing to do"),
        (["volume=1", '{"volume": 1}'], "volume is given twice"),
        (["volume=1", "ref=7"], "ref: fleet send gives its own"),
        (['{"volume": 1, "ref": null}'], "ref: fleet send gives its own"),
        (["volume=" + "[" * 20_000], "volume: expected int"),
        (["summarize=\udcff"], "not UTF-8"),
    ],
)
def test_a_wrong_one_is_refused_before_it_is_sent(words: list[str], why: str) -> None:
    with pytest.raises(UsageError) as info:
        parse(words)
    assert why in str(info.value)
    assert "\n" not in str(info.value)
