"""The caption screen in a real browser, on a real device with the emulator for a cloud."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agent.events import Notice
from tests.system.broker import wait_until
from tests.system.browser import browser as browser
from tests.system.browser import expect_text, page, state
from tests.system.captions import Page as Client
from tests.system.captions import Screen, screen

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SENTENCE = "Good morning, where is the railway station?"

#: Notes what becomes of the captions: every text each element had, in order.
WATCH = """() => {
  window.seen = new Map();
  window.removed = 0;
  const list = document.getElementById("lines");
  const note = () => document.querySelectorAll(".caption").forEach((each) => {
    const texts = seen.get(each) || seen.set(each, []).get(each);
    const text = each.querySelector(".original").textContent;
    if (texts.at(-1) !== text) texts.push(text);
  });
  new MutationObserver((records) => {
    for (const each of records) removed += each.target === list ? each.removedNodes.length : 0;
    note();
  }).observe(list, {childList: true, subtree: true, characterData: true});
}"""


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Screen]:
    """One device for all tests that leave it as it was."""
    with screen(tmp_path_factory.mktemp("shown")) as made:
        yield made


# --- captions --------------------------------------------------------------------------------


def test_captions_grow_in_their_place_and_settle(tmp_path: Path, browser: Browser) -> None:
    with screen(tmp_path) as made, page(browser, made) as it:
        it.evaluate(WATCH)
        it.keyboard.down(" ")
        it.locator(".caption.growing").first.wait_for()
        it.locator(".caption:not(.growing)", has_text=SENTENCE).first.wait_for()
        expect_text(it, ".caption .translation", "Buenos días")
        texts = it.evaluate("[...seen.values()][0]")
        assert it.evaluate("removed") == 0, "no element was replaced"
        assert texts[-1] == SENTENCE
        assert len(texts) >= 3, "it grew"
        assert all(later.startswith(sooner) for sooner, later in pairwise(texts))
        it.locator("#spoken", has_text="Buenos días").wait_for(state="attached")
        assert "Buenos días" in it.locator("#spoken").inner_text()


def test_what_has_settled_stays_settled(shown: Screen, browser: Browser) -> None:
    with page(browser, shown) as it:
        it.evaluate("() => { window.requestAnimationFrame = (draw) => setTimeout(draw, 300); }")
        shown.say("settled", "resuelto", session="late", index=0)
        for number in (1, 2):  # in the same frame, and in a later one
            shown.say("sett", "re", session="late", index=0, final=False)
            shown.say(f"next {number}", "…", session="late", index=number)
            expect_text(it, ".caption", f"next {number}")
            caption = it.locator(".caption:not(.growing)", has_text="settled")
            assert caption.locator(".translation").inner_text() == "resuelto"


def test_words_taken_back_do_not_make_the_page_jump(shown: Screen, browser: Browser) -> None:
    def height() -> float:
        return float(it.locator(".caption").last.evaluate("it => it.offsetHeight"))

    with page(browser, shown) as it:
        partial = {"session": "jump", "index": 0, "final": False}
        shown.say("one", "many words " * 20, **partial)
        expect_text(it, ".growing", "many words")
        tall = height()
        shown.say("two", "few words", **partial)
        expect_text(it, ".growing", "few words")
        assert height() == tall
        shown.say("two", "few words", session="jump", index=0)
        wait_until(lambda: height() < tall, "it to settle")


def test_languages_and_directions_are_marked(shown: Screen, browser: Browser) -> None:
    with page(browser, shown) as it:
        shown.say("Where is it?", "أين هو؟", source="en", target="ar")
        shown.say("在哪里?", "Where?", source="zh", target="en")
        expect_text(it, ".caption", "在哪里?")
        arabic = it.locator(".translation", has_text="أين هو؟")
        assert arabic.get_attribute("lang") == "ar"
        assert arabic.evaluate("it => getComputedStyle(it).direction") == "rtl"
        assert arabic.evaluate("it => it.previousSibling.lang") == "en"
        chinese = it.locator(".original", has_text="在哪里?")
        assert chinese.get_attribute("lang") == "zh"
        assert chinese.evaluate("it => getComputedStyle(it).direction") == "ltr"


def test_more_translations_and_missing_ones(shown: Screen, browser: Browser) -> None:
    with page(browser, shown) as it:
        more = {"translations": {"es": "uno", "fr": "un", "de": "eins"}}
        shown.say("one", "uno", extra=more)
        shown.say("only heard", None, target=None)
        expect_text(it, ".alone .original", "only heard")
        assert it.locator(".caption", has_text="one").locator(".more").all_inner_texts() == [
            "un",
            "eins",
        ]
        size = "it => parseFloat(getComputedStyle(it).fontSize)"
        large = it.locator(".original", has_text="only heard").evaluate(size)
        small = it.locator(".original", has_text="one").evaluate(size)
        assert large > 1.5 * small


def test_text_is_text(shown: Screen, browser: Browser) -> None:
    evil = '<img src=x onerror="document.title=1"><script>document.title=2</script>&amp;'
    with page(browser, shown) as it:
        shown.say(evil, evil, session=evil)
        shown.app.post(Notice(evil, {evil: evil}))
        shown.app.post(Notice("last"))
        expect_text(it, ".caption .translation", evil)
        it.locator("#events", has_text="last").wait_for(state="attached")
        assert it.locator("#lines img, #lines script, #events img, #session img").count() == 0
        assert it.title() == "kitchen-1 · dragoman"


def test_a_late_page_sees_what_was_said(shown: Screen, browser: Browser) -> None:
    shown.say("said before", session="s2")
    with page(browser, shown) as it:
        expect_text(it, ".caption", "said before")
        assert it.locator("#spoken").inner_text() == "", "old news is not read out"
        shown.say("and after", session="s2")
        expect_text(it, ".caption", "and after")
        assert it.locator(".caption").all_inner_texts()[-2:] == ["said before", "and after"]


# --- the talk button -------------------------------------------------------------------------


def test_the_talk_button_drives_a_session(tmp_path: Path, browser: Browser) -> None:
    with screen(tmp_path) as made, page(browser, made) as it:
        talk = it.get_by_role("button", name="Hold to talk")
        talk.hover()
        it.mouse.down()
        made.device.wait_for("listening")
        state(it, "Listening")
        expect_text(it, ".talk.down", "Release to send")
        [connection] = made.cloud.connections
        wait_until(lambda: connection.audio_ms > 1500, "speech in the cloud")
        it.locator(".meter.voiced").wait_for()
        it.mouse.up()
        wait_until(lambda: made.device.state != "listening", "the release")
        expect_text(it, ".caption:not(.growing)", SENTENCE)
        it.keyboard.down(" ")
        made.device.wait_for("listening")
        it.keyboard.up(" ")
        wait_until(lambda: made.device.state != "listening", "the release")


@pytest.mark.parametrize("way", ["close", "blur", "mute"])
def test_no_microphone_is_left_open(tmp_path: Path, browser: Browser, way: str) -> None:
    with screen(tmp_path) as made, page(browser, made) as it:
        it.get_by_role("button", name="Hold to talk").wait_for()
        it.keyboard.down(" ")
        made.device.wait_for("listening")
        if way == "close":
            it.close()
        elif way == "blur":
            it.evaluate("window.dispatchEvent(new Event('blur'))")
        else:
            it.get_by_role("button", name="Mute").evaluate("it => it.click()")
            expect_text(it, ".talk", "Microphone muted")
            assert it.locator(".talk.down").count() == 0
        wait_until(lambda: made.device.state != "listening", "the release")


def test_a_connection_that_dies_lets_go_of_the_button(tmp_path: Path) -> None:
    with screen(tmp_path) as made, Client(made) as client:
        assert client.ask({"talk": "press"})["ok"]
        made.device.wait_for("listening")
        client.socket.socket.shutdown(2)
        wait_until(lambda: made.device.state != "listening", "the release")


def test_tapped_instead_of_held(tmp_path: Path, browser: Browser) -> None:
    with screen(tmp_path) as made, page(browser, made) as it:
        it.click("#panel-button")
        it.select_option("#talk-choice", "tap")
        it.get_by_role("button", name="Tap to talk").click()
        made.device.wait_for("listening")
        it.get_by_role("button", name="Tap to stop").click()
        wait_until(lambda: made.device.state != "listening", "the second tap")
        it.reload()
        it.get_by_role("button", name="Tap to talk").wait_for()


def test_a_screen_reader_that_cannot_hold_can_talk(tmp_path: Path, browser: Browser) -> None:
    with screen(tmp_path) as made, page(browser, made) as it:
        talk = it.get_by_role("button", name="Hold to talk")
        talk.wait_for()
        talk.evaluate("it => it.click()")
        made.device.wait_for("listening")
        it.locator(".talk").evaluate("it => it.click()")
        wait_until(lambda: made.device.state != "listening", "the second click")
