"""Commands carried out: what each changes, and that a refused one changes nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from agent.config.schema import Button, Service
from agent.config.secret import Secret
from agent.errors import UsageError
from agent.events import Command, Notice, Pair, Settled, Stop
from agent.link.handover import Handover
from agent.link.tape import Take
from agent.services.provider import Provider
from tests.unit.control.desk import Desk
from tests.unit.report.test_history import said

EN_ZH, ES_EN = Pair("en", "zh"), Pair("es", "en")
EN_ES, FR_DE = Pair("en", "es"), Pair("fr", "de")
BUTTONS = (Button(pin=1, source="en", target="zh"), Button(pin=2, source="es", target="en"))


@pytest.fixture
def desk() -> Desk:
    made = Desk()
    made.begin(100)
    return made


def test_an_answer_names_its_question(desk: Desk) -> None:
    assert desk.command(volume=5, ref={"id": [1]}) == {"ok": True, "ref": {"id": [1]}}
    assert desk.command(volume=5) == {"ok": True}
    assert desk.command(volume=500, ref=None)["ref"] is None


def test_volume(desk: Desk) -> None:
    desk.command(volume=5)
    assert desk.player.volume == 5


def test_speech_on_and_off(desk: Desk) -> None:
    desk.command(tts=False)
    assert desk.cloud.tts is False
    assert desk.state["tts"] is False


def test_restart(desk: Desk) -> None:
    desk.command(restart=True)
    assert desk.controller.stop == Stop("restart was asked for")


def test_a_toggle_is_a_press_and_a_release(desk: Desk) -> None:
    desk.command(talk="toggle")
    assert desk.state["state"] == "listening"
    desk.command(talk="toggle")
    assert desk.state["state"] == "thinking"


# --- languages -------------------------------------------------------------------------------


def test_a_new_pair_is_for_what_is_said_from_now_on(desk: Desk) -> None:
    desk.command(target="es")
    assert desk.take() == [("renew", Pair("en", "es"))]
    assert (desk.state["source"], desk.state["target"]) == ("en", "es")


def test_an_open_gate_is_opened_anew_for_a_new_pair(desk: Desk) -> None:
    desk.command(talk="press")
    desk.say(10)
    desk.take()
    desk.command(source="es", target="en")
    assert desk.take() == [("close", 110), ("open", 110, ES_EN), ("renew", ES_EN)]
    assert desk.state["state"] == "listening"


def test_the_same_pair_again_changes_nothing(desk: Desk) -> None:
    desk.command(source="en", target="zh")
    assert desk.take() == []


def test_a_button_brings_its_pair() -> None:
    desk = Desk(talk={"buttons": BUTTONS})
    desk.begin(100)
    desk.command(talk="press", button=2)
    assert desk.take() == [("renew", ES_EN), ("open", 93, ES_EN)]
    desk.command(talk="release", button=2)
    assert desk.state["state"] == "thinking"
    assert desk.state["source"] == "es", "a release changes no language"


def test_of_two_buttons_only_the_one_that_opened_the_gate_closes_it() -> None:
    desk = Desk(talk={"buttons": BUTTONS})
    desk.begin(100)
    desk.command(talk="press", button=1)
    desk.command(talk="press", button=2)
    assert desk.state["source"] == "en"
    desk.command(talk="release", button=2)
    assert desk.state["state"] == "listening"
    desk.command(talk="release", button=1)
    assert desk.state["state"] == "thinking"


def test_a_page_does_not_let_go_of_what_another_holds() -> None:
    desk = Desk(talk={})
    desk.begin(100)
    one, other = object(), object()
    for word, who in (("press", one), ("press", other), ("release", other)):
        desk.controller.handle(Command({"talk": word}, origin="web", who=who))
    assert desk.state["state"] == "listening"
    desk.controller.handle(Command({"talk": "release"}, origin="web", who=one))
    assert desk.state["state"] == "thinking"


def test_a_release_without_a_button_closes_any_gate() -> None:
    desk = Desk(talk={"buttons": BUTTONS})
    desk.begin(100)
    desk.command(talk="press", button=1)
    desk.command(talk="release")
    assert desk.state["state"] == "thinking"


# --- mute ------------------------------------------------------------------------------------


def test_mute_closes_the_gate_at_once(desk: Desk) -> None:
    desk.command(talk="press")
    desk.say(5)
    desk.command(mute=True)
    assert desk.take()[-1] == ("close", 105)
    assert desk.state["muted"] is True


def test_a_press_while_muted_does_nothing(desk: Desk) -> None:
    desk.command(mute=True)
    desk.command(talk="press")
    assert desk.take() == []
    assert desk.state["state"] == "idle"


def test_the_pre_roll_never_reaches_into_muted_time(desk: Desk) -> None:
    desk.command(mute=True)
    desk.say(50)
    desk.command(mute=False)
    desk.say(3)
    desk.command(talk="press")
    assert desk.take() == [("open", 150, EN_ZH)]


def test_unmuting_what_is_not_muted_shortens_no_pre_roll(desk: Desk) -> None:
    desk.command(mute=False)
    desk.command(talk="press")
    assert desk.take() == [("open", 93, EN_ZH)]


def test_in_open_mode_unmuting_listens_again_from_there() -> None:
    desk = Desk(talk={"mode": "open"})
    desk.begin(100)
    desk.command(mute=True)
    desk.say(50)
    desk.command(mute=False)
    assert desk.take() == [("open", 0, EN_ZH), ("close", 100), ("open", 150, EN_ZH)]


# --- services and summaries ------------------------------------------------------------------


def profiles() -> Desk:
    desk = Desk()
    desk.know(
        youdao=Service(name="youdao", source="zh", target="en"),
        tencent_tsi=Service(name="tencent-tsi", source="zh", target="ja"),
        summary=Service(name="twetalk-summary", token=Secret("demo")),
    )
    desk.begin(100)
    return desk


def test_another_service_takes_over_with_what_was_set() -> None:
    desk = profiles()
    desk.command(tts=False)
    assert desk.command(service="youdao") == {"ok": True}
    assert len(desk.clouds) == 2
    assert desk.state["service"] == "youdao"
    assert (desk.state["source"], desk.state["target"]) == ("en", "zh")
    assert desk.state["tts"] is False
    assert desk.take() == [("take over", Handover())]


def test_another_service_answers_what_has_no_answer() -> None:
    desk = profiles()
    desk.command(talk="press")
    desk.command(talk="release")
    takes = tuple(Take(n, n + 9, pair) for n, pair in ((3, FR_DE), (30, EN_ES), (90, EN_ZH)))
    desk.cloud.left = Handover(takes, repeats_until=5, sent_to=120)
    desk.command(service="tencent-tsi")
    # It does not hear French, and translates English into Chinese only.
    kept = (Take(30, 39, Pair("en", None)), Take(90, 99, EN_ZH))
    left = Handover(kept, repeats_until=5, sent_to=120)
    assert desk.take() == [("take over", left)]
    assert desk.exchanged == [left], "one is started when the other has handed over"
    lost = Notice("lost_audio", {"packets": 9, "duration_ms": 360})
    assert desk.reports.notices[-1] == lost
    assert desk.state["state"] == "thinking"
    desk.command(talk="press")
    assert desk.take() == [("open", 120, EN_ZH)], "what was sent is not sent once more"


def test_what_a_service_could_not_do_is_wanted_of_the_next() -> None:
    desk = profiles()
    desk.controller.provider.pair = Pair("en", None)
    desk.cloud.left = Handover(pair=Pair("en", "es"))
    desk.command(service="youdao")
    assert desk.controller.provider.pair == Pair("en", "es")


def test_nobody_waits_for_a_service_that_was_left_with_all_answered() -> None:
    desk = profiles()
    desk.command(talk="press")
    desk.command(talk="release")
    assert desk.state["state"] == "thinking"
    desk.command(service="youdao")
    assert desk.state["state"] == "idle"


def test_a_pair_the_new_service_does_not_speak_gives_way_to_its_own() -> None:
    desk = profiles()
    desk.command(source="fr")
    desk.command(service="tencent-tsi")
    assert (desk.state["source"], desk.state["target"]) == ("zh", "ja")


def test_an_open_gate_goes_over_to_the_new_service() -> None:
    desk = profiles()
    desk.command(talk="press")
    desk.say(10)
    desk.command(service="youdao")
    assert desk.clouds[0].asked[-2:] == [("close", 110), ("hand over",)]
    assert desk.take() == [("take over", Handover()), ("open", 110, EN_ZH)]
    assert desk.state["state"] == "listening"


def test_the_service_in_use_is_not_made_anew() -> None:
    desk = profiles()
    assert desk.command(service="twetalk-v2") == {"ok": True}
    assert len(desk.clouds) == 1


def test_a_session_is_summarised_from_what_was_said() -> None:
    desk = Desk()
    desk.know(twetalk_summary=Service(name="twetalk-summary"))
    desk.begin()
    for index, text in enumerate(("one", "two")):
        desk.controller.handle(said(index, text, session="s1"))
    assert desk.command(summarize="s1", ref="r")["ok"]
    assert desk.summarizer.questions == [("s1", "one\ntwo", "r")]


# --- refusals --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"volume": 101}, "volume: expected int <= 100"),
        ({"volum": 3}, "did you mean 'volume'"),
        ({"service": "yodao"}, "unknown service 'yodao'"),
        ({"service": "summary"}, "twetalk-summary works on text, not live"),
        ({"service": "maas-whisper"}, "needs an access_key"),
        ({"service": "tencent-tsi", "source": "fr"}, "does not take the language 'fr'"),
        ({"summarize": "s9"}, "no finished sentences of session 's9'"),
        ({"talk": "press", "button": 7}, "button 7: this device has 1"),
    ],
)
def test_a_refused_command_changes_nothing(fields: dict[str, Any], words: str) -> None:
    desk = profiles()
    desk.command(talk="press")
    desk.take()
    before = dict(desk.state)
    more = {"volume": 1, "tts": False, "mute": True, "restart": True, "target": "es"}
    answer = desk.command(**{**more, **fields}, ref=1)
    assert answer["ok"] is False
    assert answer["ref"] == 1
    assert re.search(words, answer["error"])
    assert desk.state == before
    assert desk.take() == []
    assert len(desk.clouds) == 1
    assert desk.player.volume == 100
    assert desk.controller.stop is None
    assert desk.summarizer.questions == []


def test_a_pair_the_service_does_not_speak_is_refused() -> None:
    desk = Desk("tencent-tsi")
    desk.begin(100)
    answer = desk.command(source="fr")
    assert not answer["ok"]
    assert desk.controller.provider.pair == EN_ZH
    assert desk.take() == []


def test_a_service_that_cannot_be_built_is_refused_in_words() -> None:
    desk = profiles()
    desk.refuses_to_switch = UsageError("audio.rate: youdao takes 16000 Hz, not 8000")
    answer = desk.command(service="youdao")
    assert answer == {"ok": False, "error": "audio.rate: youdao takes 16000 Hz, not 8000"}
    assert desk.state["service"] == "twetalk-v2"
    desk.controller.handle(Settled())
    assert len(desk.clouds) == 1


def test_an_answer_goes_to_who_asked_and_to_nobody_else(desk: Desk) -> None:
    mine: list[Mapping[str, Any]] = []
    desk.controller.handle(Command({"volume": 5, "ref": 1}, origin="web", reply=mine.append))
    desk.controller.handle(Command({"volume": 500}, origin="web", reply=mine.append))
    assert mine[0] == {"ok": True, "ref": 1}
    assert mine[1]["ok"] is False
    assert desk.reports.results == []


def test_the_talk_button_is_told_and_where_it_is(desk: Desk) -> None:
    desk.controller.handle(Command({"talk": "press", "button": 1}, origin="gpio"))
    desk.controller.handle(Command({"talk": "release", "button": 1}, origin="gpio"))
    desk.controller.handle(Command({"talk": "toggle"}, origin="web"))
    desk.controller.handle(Command({"talk": "never"}))
    assert [notice for notice in desk.reports.notices if notice.event == "button"] == [
        Notice("button", {"action": "press", "button": 1, "origin": "gpio"}),
        Notice("button", {"action": "release", "button": 1, "origin": "gpio"}),
        Notice("button", {"action": "toggle", "origin": "web"}),
    ]


def test_the_state_says_how_loud_it_is(desk: Desk) -> None:
    desk.command(volume=35)
    assert desk.state["volume"] == 35


def test_one_that_stands_in_for_another_is_used_for_itself_when_it_is_asked_for() -> None:
    desk = profiles()
    desk.cloud.provider = Provider(desk.config.services["youdao"])  # it stands in
    assert desk.command(volume=5) == {"ok": True}
    assert desk.state["service"] == "youdao"
    assert desk.command(service="youdao") == {"ok": True}
    assert len(desk.clouds) == 2
    assert desk.command(service="youdao") == {"ok": True}
    assert len(desk.clouds) == 2, "it is in use"


def test_the_first_begins_anew_while_another_stands_in() -> None:
    desk = profiles()
    desk.cloud.provider = Provider(desk.config.services["youdao"])
    assert desk.command(service="twetalk-v2") == {"ok": True}
    assert len(desk.clouds) == 2
    assert desk.state["service"] == "twetalk-v2"
