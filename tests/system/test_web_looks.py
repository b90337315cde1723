"""The caption screen as it is looked at: sizes, themes, hours of captions, accessibility."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

from agent.events import SpeakerStarted, SpeakerStopped
from tests.system.broker import wait_until
from tests.system.browser import MISSING, page
from tests.system.browser import browser as browser
from tests.system.captions import Screen, screen
from tests.system.device import silence

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SIZES = {
    "400 % zoom": (320, 256),
    "small phone": (320, 568),
    "small phone on its side": (640, 320),
    "phone": (390, 844),
    "phone on its side": (844, 390),
    "tablet": (820, 1180),
    "laptop": (1280, 800),
    "television": (1920, 1080),
    "large television": (3840, 2160),
}
SENTENCES = [
    ("早上好，请问火车站在哪里？", "Good morning, where is the railway station?", "zh", "en"),
    ("Turn left at the second light.", "直走，在第二个红绿灯左转。", "en", "zh"),
    ("How much is this coffee?", "كم سعر هذه القهوة من فضلك؟", "en", "ar"),
    ("Donaudampfschifffahrtsgesellschaft" * 3, "https://example.org/" + "x" * 300, "de", "en"),
    ("सुप्रभात", "สวัสดีตอนเช้า", "hi", "th"),
]
KEPT = 150  # as in captions.js

#: Nothing sticks out of the window, and nothing that is to be pressed is small or covered.
MISPLACED = """() => {
  const wrong = [];
  if (document.documentElement.scrollWidth > innerWidth) wrong.push("the page scrolls sideways");
  const all = "button, select, input, .caption p, .state, .stale";
  for (const each of document.querySelectorAll(all)) {
    const box = each.getBoundingClientRect();
    if (!box.width || each.closest("dialog, [hidden]")) continue;
    const name = each.id || each.ariaLabel || each.textContent.slice(0, 20);
    if (box.left < -1 || box.right > innerWidth + 1) wrong.push(`${name} sticks out`);
    const small = Math.min(box.width, box.height) < 40;
    if (small && each.matches("button, select")) wrong.push(`${name} is small`);
  }
  const pressed = ".talk, #mute, #speech, #source, #target, #panel-button";
  for (const each of document.querySelectorAll(pressed)) {
    const box = each.getBoundingClientRect();
    if (!box.width || each.closest(".panel")) continue; // the panel can be scrolled
    const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    const covered = !each.contains(top) && !top?.closest(".panel");
    if (covered) wrong.push(`${each.id || "talk"} is covered`);
  }
  return wrong;
}"""

#: The time between frames, in ms, while the page works.
FRAMES = """() => {
  window.frames_ = [];
  let last = performance.now();
  const tick = (now) => { frames_.push(now - last); last = now; requestAnimationFrame(tick); };
  requestAnimationFrame(tick);
}"""


#: The rows of what is no caption: the middles of all that is to be pressed or read.
ROWS = """() => {
  const middles = [];
  for (const each of document.querySelectorAll("button, select, .state, #gauge")) {
    const box = each.getBoundingClientRect();
    if (box.width < 2 || each.closest("main, dialog, .panel")) continue;
    const middle = box.y + box.height / 2;
    if (!middles.some((other) => Math.abs(other - middle) < 12)) middles.push(middle);
  }
  return middles;
}"""


@pytest.fixture(scope="module")
def modes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Screen]]:
    """A silent device in each talk mode, some things said."""
    with ExitStack() as stack:
        made = {}
        for mode in ("hold", "open", "vad"):
            folder = tmp_path_factory.mktemp(mode)
            talk = {"mode": mode}
            made[mode] = stack.enter_context(screen(folder, sound=silence(5), talk=talk))
            for text, translation, source, target in SENTENCES:
                made[mode].say(text, translation, source=source, target=target)
        yield made


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Screen]:
    with screen(tmp_path_factory.mktemp("shown")) as made:
        for text, translation, source, target in SENTENCES:
            made.say(text, translation, source=source, target=target)
        yield made


def settled(it: Page) -> None:
    it.locator(".caption").nth(len(SENTENCES) - 1).wait_for(state="attached")


def at_bottom(it: Page) -> bool:
    distance = "it => it.scrollHeight - it.scrollTop - it.clientHeight"
    return bool(it.locator("#captions").evaluate(distance) < 2)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
def test_everything_has_its_place(shown: Screen, browser: Browser, size: tuple[int, int]) -> None:
    with page(browser, shown, size) as it:
        settled(it)
        assert it.evaluate(MISPLACED) == []
        for _ in range(10):
            it.keyboard.press("A")  # the largest type
        assert it.evaluate(MISPLACED) == []
        wait_until(lambda: at_bottom(it), "the newest caption to be in sight")
        it.click("#panel-button")
        assert it.evaluate(MISPLACED) == []


@pytest.mark.parametrize(
    ("name", "least"), [("400 % zoom", 0.75), ("small phone on its side", 0.8)]
)
@pytest.mark.parametrize("mode", ["hold", "open"])
def test_in_low_windows_the_captions_have_the_room(
    modes: Mapping[str, Screen], browser: Browser, name: str, least: float, mode: str
) -> None:
    width, height = SIZES[name]
    with page(browser, modes[mode], (width, height)) as it:
        settled(it)
        assert it.evaluate(MISPLACED) == []
        room = it.locator("main").evaluate("it => it.getBoundingClientRect().height")
        assert room >= least * height
        rows = it.evaluate(ROWS)
        assert len(rows) == 1, f"chrome in several rows: {rows}"
        it.click("#panel-button")  # languages and volume are within reach
        it.locator("#source").scroll_into_view_if_needed()
        it.locator(".panel [data-volume]").scroll_into_view_if_needed()


def test_on_a_television_all_can_be_read_from_a_sofa(shown: Screen, browser: Browser) -> None:
    least = 2160 / 60  # px: as one reads 18 px on a screen of 1080
    size = "it => parseFloat(getComputedStyle(it).fontSize)"
    with page(browser, shown, SIZES["large television"]) as it:
        settled(it)
        for part in ("#state-word", "#source", "#mute", ".talk", ".volume"):
            assert it.locator(part).first.evaluate(size) >= least, part
        assert it.locator("#panel-button").evaluate("it => it.offsetWidth") >= 80


@pytest.mark.parametrize("mode", ["open", "vad"])
def test_where_nothing_is_pressed_state_and_meter_are_the_largest(
    modes: Mapping[str, Screen], browser: Browser, mode: str
) -> None:
    area = "it => { const b = it.getBoundingClientRect(); return b.width * b.height; }"
    with page(browser, modes[mode]) as it:
        state = it.locator(".controls #state-word")
        state.wait_for()
        assert it.locator(".talk").is_hidden(), "there is no voice to be stopped"
        largest = it.locator("#gauge").evaluate(area)
        meter = it.locator(".controls #meter").bounding_box()
        assert meter is not None
        assert meter["height"] >= 12
        for each in ("#mute", "#speech", "#source", ".volume"):
            assert it.locator(each).first.evaluate(area) < largest, each


def test_the_voice_can_be_stopped_while_it_speaks(
    modes: Mapping[str, Screen], browser: Browser
) -> None:
    with page(browser, modes["open"]) as it:
        modes["open"].app.post(SpeakerStarted())
        it.get_by_role("button", name="Stop the voice").wait_for()
        assert it.evaluate(MISPLACED) == []
        modes["open"].app.post(SpeakerStopped())
        it.locator(".talk").wait_for(state="hidden")


def test_a_caption_grows_beside_the_side_where_it_begins(
    modes: Mapping[str, Screen], browser: Browser
) -> None:
    shown = modes["vad"]
    bar = """it => { const s = getComputedStyle(it, "::before");
        return [parseFloat(s.left) < parseFloat(s.right) ? "left" : "right", s.opacity]; }"""
    with page(browser, shown, reduced_motion="reduce") as it:
        for index, (text, code, side) in enumerate(
            (("أين المحطة", "ar", "right"), ("Where is it", "en", "left"), ("איפה", "he", "right"))
        ):
            shown.say("…", text, target=code, index=50 + index, final=False)
            line = it.locator(".growing:last-child .translation", has_text=text)
            line.wait_for()
            assert line.evaluate(bar) == [side, "1"]
            shown.say("…", text, target=code, index=50 + index)


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_forced_colours_keep_their_meaning(
    modes: Mapping[str, Screen], browser: Browser, scheme: str
) -> None:
    """What is told by a colour is told by an edge or a system colour there."""
    edge = "it => parseFloat(getComputedStyle(it).borderTopWidth)"
    seen = "it => [it, document.body].map((each) => getComputedStyle(each).backgroundColor)"
    with page(browser, modes["hold"], color_scheme=scheme, forced_colors="active") as it:
        settled(it)
        for part in (".dot", "#mute", "#speech", ".talk", "#panel-button"):
            assert it.locator(part).first.evaluate(edge) >= 1, part
        it.locator("#meter span").wait_for(state="attached")
        front, back = it.locator("#meter span").evaluate(seen)
        assert front != back, "the meter is seen"
        idle = it.locator(".dot").evaluate(seen)
        it.keyboard.down(" ")
        it.locator("[data-state=listening] .dot").wait_for()
        wait_until(lambda: it.locator(".dot").evaluate(seen) != idle, "the dot to show the state")
        front, back = it.locator(".talk").evaluate(seen)
        assert front != back, "a button that is held shows it"
        it.keyboard.up(" ")


def test_two_people_have_two_buttons(
    tmp_path_factory: pytest.TempPathFactory, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.assembly.panel", lambda *_: None)  # no GPIO on this machine
    pairs = (("zh", "en"), ("en", "zh"))
    buttons = [{"pin": 5 + n, "source": s, "target": t} for n, (s, t) in enumerate(pairs)]
    folder = tmp_path_factory.mktemp("two")
    with screen(folder, talk={"buttons": buttons}) as made:
        for size in (SIZES["small phone"], SIZES["small phone on its side"], SIZES["laptop"]):
            with page(browser, made, size) as it:
                assert it.locator(".talk").count() == 2
                assert it.evaluate(MISPLACED) == []
                it.keyboard.down("2")
                made.device.wait_for("listening")
                assert made.app.controller.state()["source"] == "en"
                it.keyboard.up("2")
                wait_until(lambda: made.device.state != "listening", "the release")
                it.get_by_role("button", name="中文 → English").hover()
                it.mouse.down()
                made.device.wait_for("listening")
                assert made.app.controller.state()["source"] == "zh"
                it.mouse.up()
                wait_until(lambda: made.device.state != "listening", "the release")


def test_type_and_theme_and_lines_are_kept(shown: Screen, browser: Browser) -> None:
    def look() -> list[Any]:
        style = "it => { const s = getComputedStyle(it); return [s.fontSize, s.color]; }"
        last = it.locator(".caption").last
        large = last.locator(".original").evaluate(style)
        return [it.evaluate("getComputedStyle(document.body).backgroundColor"), large]

    with page(browser, shown, color_scheme="dark") as it:
        settled(it)
        before = look()
        it.keyboard.press("d")
        it.keyboard.press("l")
        it.keyboard.press("A")
        assert it.locator("html").get_attribute("data-lines") == "original"
        wait_until(lambda: look()[0] == "rgb(250, 249, 247)", "the light theme")
        wait_until(lambda: look()[1][1] == "rgb(20, 22, 26)", "dark letters")
        after = look()
        assert float(after[1][0][:-2]) > 1.9 * float(before[1][0][:-2])
        it.reload()
        settled(it)
        assert look() == after


def test_the_system_chooses_the_theme(shown: Screen, browser: Browser) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    for scheme, wanted in (("dark", "rgb(11, 13, 17)"), ("light", "rgb(250, 249, 247)")):
        with page(browser, shown, color_scheme=scheme) as it:
            assert it.evaluate(colour) == wanted


def test_a_line_can_be_hidden_but_never_the_only_one(shown: Screen, browser: Browser) -> None:
    with page(browser, shown) as it:
        shown.say("only heard", None, target=None)
        it.locator(".alone").wait_for()
        it.click("#panel-button")
        it.select_option("#lines-choice", "only-translation")
        assert it.locator(".original", has_text="Turn left").is_hidden()
        assert it.locator(".translation", has_text="直走").is_visible()
        assert it.locator(".original", has_text="only heard").is_visible()
        it.select_option("#lines-choice", "only-original")
        assert it.locator(".original", has_text="Turn left").is_visible()
        assert it.locator(".translation", has_text="直走").is_hidden()


def test_kiosk_is_captions_only(shown: Screen, browser: Browser) -> None:
    with page(browser, shown, SIZES["television"], "#kiosk") as it:
        settled(it)
        for part in (".top", ".controls", ".panel"):
            assert it.locator(part).is_hidden()
        assert it.locator(".caption").last.is_visible()
        assert it.evaluate(MISPLACED) == []
        it.keyboard.press("Escape")
        it.locator(".controls").wait_for()


def test_full_screen(shown: Screen, browser: Browser) -> None:
    with page(browser, shown) as it:
        it.get_by_role("button", name="Full screen").click()
        wait_until(lambda: it.evaluate("Boolean(document.fullscreenElement)"), "full screen")
        it.keyboard.press("f")
        wait_until(lambda: not it.evaluate("Boolean(document.fullscreenElement)"), "the window")


# --- for long --------------------------------------------------------------------------------


def test_ten_minutes_of_captions_stay_smooth(shown: Screen, browser: Browser) -> None:
    with page(browser, shown) as it:
        settled(it)
        it.evaluate(FRAMES)
        for number in range(200):  # a sentence each three seconds, five partials each
            words = [f"word{number}-{n}" for n in range(12)]
            for length in (2, 4, 6, 8, 10):
                shown.say(" ".join(words[:length]), "…", session="long", index=number, final=False)
            shown.say(" ".join(words), f"frase {number}", session="long", index=number)
            it.wait_for_timeout(10)
        it.locator(".caption:not(.growing)", has_text="word199-11").wait_for()
        wait_until(lambda: at_bottom(it), "the bottom")
        assert it.locator(".caption").count() == KEPT
        assert it.locator(".growing").count() == 0
        assert it.evaluate("document.querySelectorAll('*').length") < 1200
        frames = sorted(it.evaluate("frames_"))
        assert len(frames) > 30
        assert frames[len(frames) // 2] < 100, "ms: half of the frames come this soon, or sooner"
        moving = "document.getAnimations().length"
        wait_until(lambda: it.evaluate(moving) == 0, "everything to come to rest")


def test_who_reads_back_is_left_alone(shown: Screen, browser: Browser) -> None:
    with page(browser, shown) as it:
        settled(it)
        for number in range(30):
            shown.say(f"line {number}", f"línea {number}", session="back", index=number)
        it.locator(".caption", has_text="line 29").wait_for()
        wait_until(lambda: at_bottom(it), "the bottom")
        it.locator("#captions").evaluate("it => { it.scrollTop -= 900; }")
        wait_until(lambda: not at_bottom(it), "the way up")
        where = it.locator("#captions").evaluate("it => it.scrollTop")
        shown.say("something new", "algo nuevo", session="back", index=99)
        it.get_by_role("button", name="Latest").wait_for()
        assert it.locator("#captions").evaluate("it => it.scrollTop") == where
        it.get_by_role("button", name="Latest").click()
        wait_until(lambda: at_bottom(it), "the bottom")
        assert it.get_by_role("button", name="Latest").is_hidden()


# --- for everybody ---------------------------------------------------------------------------


@pytest.mark.skipif(find_spec("axe_playwright_python") is None, reason=MISSING)
@pytest.mark.parametrize(
    ("size", "scheme"),
    [
        ("400 % zoom", "light"),
        ("small phone on its side", "dark"),
        ("phone", "dark"),
        ("laptop", "light"),
        ("television", "dark"),
    ],
)
def test_accessibility(shown: Screen, browser: Browser, size: str, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    # Without motion, as colours on their way are no colours to judge.
    with page(browser, shown, SIZES[size], color_scheme=scheme, reduced_motion="reduce") as it:
        settled(it)
        for panel in (False, True):
            if panel:
                it.click("#panel-button")
            found = Axe().run(it).response["violations"]
            told = [(each["id"], [node["html"] for node in each["nodes"]]) for each in found]
            assert told == []


def test_everything_can_be_reached_with_the_keyboard(shown: Screen, browser: Browser) -> None:
    with page(browser, shown) as it:
        settled(it)
        reached = set()
        for _ in range(16):
            it.keyboard.press("Tab")
            reached.add(it.evaluate("(it => it.id || it.classList[0])(document.activeElement)"))
        assert {"source", "swap", "target", "panel-button", "captions"} <= reached
        assert {"mute", "speech", "talk"} <= reached


def test_who_wants_no_motion_gets_none(shown: Screen, browser: Browser) -> None:
    with page(browser, shown, reduced_motion="reduce") as it:
        settled(it)
        shown.say("no motion", "sin movimiento")
        it.locator(".caption", has_text="no motion").wait_for()
        assert it.evaluate("document.getAnimations().length") == 0
