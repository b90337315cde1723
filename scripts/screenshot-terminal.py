"""A picture of ``dragoman run --live`` on a real terminal (a pty), as rich draws terminals in SVG.

Nothing in it is made up: the program runs as anybody would run it, hears recorded human speech
and talks to the emulator, which loses the connection once.  The emulator's
scripted engine answers each stretch of speech with the next sentence of ``SCRIPT``.
"""

from __future__ import annotations

import argparse
import html
import io
import re
import sys
import tempfile
import time
from pathlib import Path

from rich.cells import cell_len
from rich.console import CONSOLE_SVG_FORMAT, Console
from rich.terminal_theme import TerminalTheme

from agent.emulator import Emulator
from agent.emulator.engines.script import Script, Sentence
from agent.emulator.engines.scripted import ScriptedEngine
from agent.emulator.faults import Fault
from tests.system.device import recording, silence, write_config, write_wav
from tests.system.terminal import Display, Pty

SCRIPT = {
    "我们坐三点的火车去海边。": "We are taking the three o'clock train to the seaside.",
    "那我们还有时间喝杯咖啡。": "Then we still have time for a coffee.",
    "车站旁边有一家很好的咖啡馆。": "There is a very good café next to the station.",
    "你知道那里的房间多少钱吗?": "Do you know how much a room costs there?",
    "大约四百块一晚,包括早餐。": "About four hundred a night, breakfast included.",
    "早上好,请问火车站在哪里?": "Good morning, could you tell me where the railway station is?",
    "一直走,在第二个红绿灯左转。": "Straight on, then left at the second traffic light.",
    "谢谢,走路要多长时间?": "Thank you. How long does it take on foot?",
}
FAULTS = (Fault("reset", connection=1, after_audio_ms=37_000),)
LISTENING_S = 66.0
NAMES = ("Front_Center", "Rear_Left", "Side_Right", "Front_Left", "Rear_Center", "Side_Left")
THEME = TerminalTheme(
    (22, 24, 29),
    (222, 226, 233),
    [
        (54, 60, 72), (240, 98, 98), (118, 201, 116), (232, 190, 92),
        (98, 158, 240), (206, 140, 226), (92, 200, 206), (222, 226, 233),
    ],
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--columns", type=int, default=80)
    parser.add_argument("--rows", type=int, default=24)
    parser.add_argument("--out", type=Path, default=Path("docs/images/live.svg"))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        display = show(Path(name), args.columns, args.rows)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(picture(display))
    print(f"{args.out}:\n{display.text}")
    return 0


def show(folder: Path, columns: int, rows: int) -> Display:
    """What is on the terminal after a minute."""
    write_wav(folder / "speech.wav", speech())
    script = Script(tuple(Sentence(text, {"en": text_en}) for text, text_en in SCRIPT.items()))
    with Emulator(engine=ScriptedEngine(script), faults=FAULTS) as cloud:
        config = write_config(
            folder,
            cloud.url,
            service={"source": "zh", "target": "en"},
            network={"ping_interval_s": 2},
            audio={"capture": {"loop": True}},
        )
        command = [sys.executable, "-m", "agent", "run", "--config", str(config), "--live"]
        with Pty(command, columns=columns, rows=rows) as terminal:
            end = time.monotonic() + LISTENING_S
            terminal.wait_for(lambda _: time.monotonic() > end, "a minute to pass", 2 * LISTENING_S)
            terminal.wait_for(worth_a_picture, "a caption that grows", LISTENING_S)
            return terminal.display


def speech() -> bytes:
    """Recorded human speech: two recordings to a sentence, and pauses between sentences."""
    pairs = zip(NAMES[::2], NAMES[1::2], strict=True)
    return b"".join(
        recording(first) + silence(0.2) + recording(second) + silence(2.0)
        for first, second in pairs
    )


def worth_a_picture(display: Display) -> bool:
    """Somebody is in the middle of a sentence."""
    growing = [line for line in display.lines if "┃ " in line]
    level = display.lines[1].count("━") / display.columns
    return len(growing) == 2 and len(growing[-1]) > 16 and level > 0.35


def picture(display: Display) -> str:
    """The terminal as SVG, with the fonts of whoever looks at it."""
    console = Console(
        record=True,
        file=io.StringIO(),
        width=display.columns,
        force_terminal=True,
        color_system="standard",
    )
    for line in display.styled():
        console.print(line, no_wrap=True, overflow="ignore", crop=False)
    template = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    template = template.replace(
        "Fira Code, monospace", "'Fira Code', 'DejaVu Sans Mono', monospace"
    )
    svg = console.export_svg(
        title="dragoman run --live", theme=THEME, code_format=template, unique_id="live"
    )
    return re.sub(r'textLength="([0-9.]+)"([^>]*)>([^<]*)<', widened, svg)


def widened(found: re.Match[str]) -> str:
    """A text of the SVG as long as its cells: rich counts its characters."""
    length, rest, text = found.groups()
    characters = html.unescape(text)
    cells = float(length) * cell_len(characters) / max(1, len(characters))
    return f'textLength="{cells:g}"{rest}>{text}<'


if __name__ == "__main__":
    sys.exit(main())
