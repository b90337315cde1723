"""The controls of the caption screen in a real browser, and what it does without its device."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from agent.config.schema import Web
from agent.report.history import History
from agent.web.screen import CaptionScreen
from tests.system.broker import wait_until
from tests.system.browser import browser as browser
from tests.system.browser import expect_text, expect_value, page, state
from tests.system.captions import Page as Client
from tests.system.captions import Screen, screen

if TYPE_CHECKING:
    from playwright.sync_api import Browser, WebSocketRoute


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Screen]:
    """One device for all tests that leave it as it was."""
    with screen(tmp_path_factory.mktemp("shown")) as made:
        yield made


def test_a_language_that_is_chosen_stays_while_older_news_come(
    tmp_path: Path, browser: Browser
) -> None:
    """What the device said before it took the choice must not be what is swapped."""
    held: list[Callable[[], None]] = []

    def slow_up(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()
        socket.on_message(lambda words: held.append(lambda: server.send(words)))

    with screen(tmp_path) as made, page(browser, made) as it:
        device = made.app.controller.state
        it.route_web_socket("**/live", slow_up)
        it.reload()
        it.locator(".talk").first.wait_for(state="attached")
        it.select_option("#source", "fr")
        with Client(made) as other:
            other.ask({"volume": 70})
        expect_value(it, ".volume input", "70")
        it.click("#swap")
        expect_value(it, "#target", "fr")
        for pass_on in held:
            pass_on()
        wait_until(lambda: (device()["source"], device()["target"]) == ("es", "fr"), "the swap")


def test_controls_change_the_device(tmp_path: Path, browser: Browser) -> None:
    with screen(tmp_path) as made, page(browser, made) as it:
        device = made.app.controller.state
        it.select_option("#source", "fr")
        wait_until(lambda: device()["source"] == "fr", "the language")
        it.click("#swap")
        wait_until(lambda: (device()["source"], device()["target"]) == ("es", "fr"), "the swap")
        it.locator("#source", has_text="Español").wait_for()
        it.get_by_role("button", name="Speech on").click()
        it.get_by_role("button", name="Speech off").wait_for()
        assert device()["tts"] is False
        it.keyboard.press("m")
        it.get_by_role("button", name="Muted", exact=True).wait_for()
        it.locator(".volume input").fill("30")
        wait_until(lambda: made.app.player.volume == 30, "the volume")
        it.keyboard.press("+")
        assert it.locator(".volume input").input_value() == "35", "the slider follows the key"
        wait_until(lambda: made.app.player.volume == 35, "the volume")
        for key in "--+":
            it.keyboard.press(key)
        assert it.locator(".volume input").input_value() == "30"
        wait_until(lambda: made.app.player.volume == 30, "the volume")
        with Client(made) as other:
            other.ask({"volume": 70, "mute": False})
        it.get_by_role("button", name="Mute", exact=True).wait_for()
        wait_until(
            lambda: it.locator(".volume input").input_value() == "70", "the slider to follow"
        )


def test_keys_that_come_together_each_count(tmp_path: Path, browser: Browser) -> None:
    with screen(tmp_path) as made, page(browser, made) as it:
        state(it, "Ready")
        press = "key => document.dispatchEvent(new KeyboardEvent('keydown', {key}))"
        it.evaluate(f"keys => keys.forEach({press})", list("mmm++tt"))
        it.get_by_role("button", name="Muted", exact=True).wait_for()
        wait_until(lambda: made.app.player.volume == 100, "the volume")
        now = made.app.controller.state()
        assert (now["muted"], now["tts"]) == (True, True)


def test_speech_is_not_offered_by_a_service_that_never_speaks(
    tmp_path: Path, browser: Browser
) -> None:
    both = {"app_id": "1000001"}  # what twetalk-asr wants beside; at the emulator, too
    with screen(tmp_path, service=both) as made, page(browser, made) as it:
        it.get_by_role("button", name="Speech on").wait_for()
        with Client(made) as other:
            assert other.ask({"service": "twetalk-asr"})["ok"]
            it.locator("#speech").wait_for(state="hidden")
            assert it.locator("#target").is_hidden()
            assert other.ask({"service": "twetalk-v2"})["ok"]
        it.get_by_role("button", name="Speech o").wait_for()


def test_a_refusal_is_shown(shown: Screen, browser: Browser) -> None:
    with page(browser, shown) as it:
        state(it, "Ready")
        it.evaluate("document.getElementById('source').append(new Option('?', '??'))")
        it.select_option("#source", "??")
        expect_text(it, ".toasts p", "source: expected")


def test_plots_move(shown: Screen, browser: Browser) -> None:
    def backlog() -> str:
        line = it.locator(".plot").nth(2).locator("path").last
        return line.get_attribute("d") or ""

    with page(browser, shown) as it:
        it.click("#panel-button")
        wait_until(lambda: "L" in backlog(), "a second point")
        before = backlog()
        wait_until(lambda: backlog() != before, "the plot to move")
        names = ["Round trip", "Pacing error", "Backlog", "Reconnects"]
        assert it.locator(".plot dt").all_inner_texts() == names


def test_a_session_is_downloaded(tmp_path: Path, shown: Screen, browser: Browser) -> None:
    kinds = {"SRT": "1\n00:00:0", "VTT": "WEBVTT\n", "JSON": "{", "Text": "hello  →  hola\n"}
    with page(browser, shown, accept_downloads=True) as it:
        shown.say("hello", "hola", session="saved", index=0)
        expect_text(it, ".caption", "hello")
        it.click("#panel-button")
        for kind, begins in kinds.items():
            with it.expect_download() as download:
                it.get_by_role("button", name=kind, exact=True).click()
            extension = "txt" if kind == "Text" else kind.lower()
            assert download.value.suggested_filename == f"kitchen-1-saved.{extension}"
            download.value.save_as(tmp_path / kind)
            assert (tmp_path / kind).read_text().startswith(begins)


def test_what_stands_there_can_be_downloaded_after_a_restart(
    tmp_path: Path, browser: Browser
) -> None:
    """The device has forgotten it; the page makes the file of what it shows."""

    def saved(kind: str) -> str:
        with it.expect_download() as download:
            it.get_by_role("button", name=kind, exact=True).click()
        extension = "txt" if kind == "Text" else kind.lower()
        assert download.value.suggested_filename == f"kitchen-1-old.{extension}"
        download.value.save_as(tmp_path / kind)
        return (tmp_path / kind).read_text()

    with screen(tmp_path) as made, page(browser, made, accept_downloads=True) as it:
        made.say("<i>hello</i> --> you", "hola", session="old", index=0)
        made.say("bye", "adiós", session="old", index=1, start_ms=None, end_ms=None)
        expect_text(it, ".caption", "bye")
        it.click("#panel-button")
        whole = {kind: saved(kind) for kind in ("SRT", "VTT", "Text", "JSON")}
        host, port = made.address
        made.screen.__exit__(None, None, None)
        state(it, "Not connected")
        assert saved("Text") == whole["Text"], "without the device"
        made.app.config = replace(made.app.config, web=Web(listen=f"{host}:{port}"))
        made.app.controller.history = History()
        with CaptionScreen(made.app):
            state(it, "Ready")
            assert it.locator("#summarize").is_disabled()
            assert (
                saved("Text") == whole["Text"] == "<i>hello</i> --> you  →  hola\nbye  →  adiós\n"
            )
            spoken = json.loads(saved("JSON"))["transcripts"]
            assert spoken == json.loads(whole["JSON"])["transcripts"]
            for kind in ("SRT", "VTT"):
                lines, expected = saved(kind).splitlines(), whole[kind].splitlines()
                assert lines[:6] == expected[:6]
                assert lines[-3:] == expected[-3:]


def test_a_session_is_summarised(tmp_path: Path, browser: Browser) -> None:
    with screen(tmp_path) as made, page(browser, made) as it:
        made.say("The meeting is at nine.", "…")
        expect_text(it, ".caption", "The meeting")
        it.click("#panel-button")
        it.get_by_role("button", name="Summarize").click()
        it.locator("#summary:not(:empty):not(:text('Asking'))").wait_for()


# --- when the device is gone -----------------------------------------------------------------


def test_a_stale_screen_shows_it_and_comes_back(tmp_path: Path, browser: Browser) -> None:
    with screen(tmp_path) as made, page(browser, made) as it:
        made.say("the last words")
        expect_text(it, ".caption", "the last words")
        assert it.locator("#stale").is_hidden()
        host, port = made.address
        made.screen.__exit__(None, None, None)
        expect_text(it, "#stale", "Connection to the device lost – last heard")
        state(it, "Not connected")
        expect_text(it, ".talk[aria-disabled=true]", "Not connected")
        assert it.locator(".stopped .caption").count() == 1, "captions step back"
        for needing in ("#mute", "#speech", "#source", "#target", "#swap", "#summarize"):
            assert it.locator(needing).is_disabled(), needing
        assert it.locator("[data-volume]:enabled").count() == 0
        made.app.config = replace(made.app.config, web=Web(listen=f"{host}:{port}"))
        with CaptionScreen(made.app):
            it.locator("#stale").wait_for(state="hidden")
            state(it, "Ready")
            assert it.locator("#mute").is_enabled()
            assert it.locator(".caption").count() == 1, "the history is not shown twice"
            made.say("and on it goes")
            expect_text(it, ".caption", "and on it goes")


def test_a_device_that_hangs_is_stale_too(tmp_path: Path, browser: Browser) -> None:
    """The connection is up, but nothing comes any more."""
    with screen(tmp_path) as made, page(browser, made) as it:
        state(it, "Ready")
        loop = made.screen.server._loop
        assert loop is not None
        loop.call_soon_threadsafe(time.sleep, 4)
        expect_text(it, "#stale", "Connection to the device lost")
        it.locator("#stale").wait_for(state="hidden")


# --- the password ----------------------------------------------------------------------------


def test_the_password_is_asked_for(tmp_path: Path, browser: Browser) -> None:
    with screen(tmp_path, password="geheim") as made, page(browser, made, greeted=False) as it:
        made.say("secret words")
        it.fill("#password-text", "falsch")
        it.keyboard.press("Enter")
        expect_text(it, "#password-wrong", "That is not the password.")
        assert it.locator(".caption").count() == 0
        it.fill("#password-text", "geheim")
        it.check("#password-keep")
        it.get_by_role("button", name="Open").click()
        expect_text(it, ".caption", "secret words")
        assert it.locator("#password").is_hidden()
        it.reload()
        expect_text(it, ".caption", "secret words")
        assert it.locator("#password").is_hidden()
