"""Pictures of the caption screen in a real browser, of a real run.

Nothing in them is made up: the program runs as anybody would run it, hears recorded human
speech and talks to the emulator, whose scripted engine answers each stretch of speech with the
next sentence of ``SCRIPT``.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from agent.emulator import Emulator
from agent.emulator.engines.script import Script, Sentence
from agent.emulator.engines.scripted import ScriptedEngine
from tests.system.broker import free_port
from tests.system.device import recording, silence, write_config, write_wav

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SCRIPT = {
    "早上好,请问火车站在哪里?": "Good morning, could you tell me where the railway station is?",
    "一直走,在第二个红绿灯左转。": "Straight on, then left at the second traffic light.",
    "谢谢,走路要多长时间?": "Thank you. How long does it take on foot?",
    "大约十分钟。": "About ten minutes.",
    "车站旁边有咖啡馆吗?": "Is there a café next to the station?",
    "有一家很好的。": "There is a very good one.",
}
NAMES = ("Front_Center", "Rear_Left", "Side_Right", "Front_Left", "Rear_Center", "Side_Left")
SHOTS = (
    # file, width, height, dark, side panel
    ("captions.png", 1280, 800, True, True),
    ("captions-phone.png", 390, 844, False, False),
    ("captions-sideways.png", 640, 320, True, False),
)
SENTENCES = 5
PATIENCE_S = 90.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    args = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise SystemExit("screenshot-browser: needs chromium")
    from playwright.sync_api import sync_playwright

    args.out.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as name,
        device(Path(name)) as url,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        for file, width, height, dark, panel in SHOTS:
            shoot(browser, url, args.out / file, (width, height), dark, panel)
            print(args.out / file)
        browser.close()
    return 0


@contextmanager
def device(folder: Path) -> Iterator[str]:
    """A device with its caption screen at the address that is given."""
    pcm = b"".join(
        recording(first) + silence(0.2) + recording(second) + silence(2.0)
        for first, second in zip(NAMES[::2], NAMES[1::2], strict=True)
    )
    write_wav(folder / "speech.wav", pcm)
    script = Script(tuple(Sentence(text, {"en": english}) for text, english in SCRIPT.items()))
    with Emulator(engine=ScriptedEngine(script)) as cloud:
        config = write_config(
            folder,
            cloud.url,
            service={"source": "zh", "target": "en"},
            network={"ping_interval_s": 1},
            audio={"capture": {"loop": True}},
        )
        web = f"127.0.0.1:{free_port()}"
        command = [sys.executable, "-m", "agent", "run", "--config", str(config), "--web", web]
        child = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            yield f"http://{web}/"
        finally:
            child.terminate()
            child.wait(10)


def shoot(
    browser: Browser, url: str, path: Path, size: tuple[int, int], dark: bool, panel: bool
) -> None:
    """The page when some sentences are settled and another one grows."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if dark else "light",
        device_scale_factor=1,
    )
    page = context.new_page()
    end = time.monotonic() + 10
    while True:
        try:
            page.goto(url)
            break
        except Exception:
            if time.monotonic() > end:
                raise
            page.wait_for_timeout(200)
    if panel:
        page.locator("#panel-button").click()
    settled = page.locator(".caption:not(.growing)")
    settled.nth(SENTENCES - 1).wait_for(state="attached", timeout=PATIENCE_S * 1000)
    growing = page.locator(".caption.growing .translation:not([hidden])")
    growing.first.wait_for(state="visible", timeout=PATIENCE_S * 1000)
    page.wait_for_timeout(400)
    page.screenshot(path=path)
    context.close()


if __name__ == "__main__":
    sys.exit(main())
