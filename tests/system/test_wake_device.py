"""A device that is called by its name, on a service of each shape that is live."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agent.app import App
from agent.cli import main
from agent.config import loader
from agent.emulator import Emulator
from agent.events import Event, Transcript
from tests.system import voices
from tests.system.broker import wait_until
from tests.system.device import Running, silence, write_config, write_wav
from tests.system.test_device_alsa import best_match

pytest.importorskip("pymicro_wakeword")
pytestmark = pytest.mark.skipif(not voices.installed(), reason="espeak-ng is not installed")

DEMO = {"secret_id": "demo", "secret_key": "demo", "endpoint": "demo", "access_key": "demo"}
NAME = "okay nah boo"
ASKED = "turn on the lights in the kitchen"


def device_of(folder: Path, cloud: str, speech: bytes, **sections: Any) -> tuple[App, list[Event]]:
    """A device that hears ``speech`` once, and everything that happens to it."""
    write_wav(folder / "speech.wav", speech)
    sections["talk"] = {"mode": "wake"} | sections.get("talk", {})
    app = App(loader.load(str(write_config(folder, cloud, **sections))))
    events: list[Event] = []
    app.watch(events.append)
    return app, events


def notices(app: App) -> list[str]:
    """The names of events, as they are told."""
    told: list[str] = []
    app.controller.on_notice.append(lambda notice: told.append(notice.event))
    return told


@pytest.mark.parametrize("service", ["twetalk-v2", "tencent-tsi", "maas-whisper"])
def test_what_follows_the_name_is_answered(tmp_path: Path, service: str) -> None:
    speech = silence(2) + voices.say(NAME) + voices.say(ASKED) + silence(4)
    target = "es" if service == "twetalk-v2" else "zh" if service == "tencent-tsi" else None
    chosen = {"name": service, "target": target} | DEMO
    with Emulator() as cloud:
        app, events = device_of(tmp_path, cloud.url, speech, service=chosen)
        told = notices(app)
        assert Running(app).start().finish() == 0
    assert told.count("wake") == 1
    assert "no_result" not in told
    [final, *_] = [e for e in events if isinstance(e, Transcript) and e.final]
    assert final.text


def test_the_name_is_not_sent_and_what_follows_is_whole(tmp_path: Path) -> None:
    name, asked = voices.say(NAME), voices.say(ASKED)
    with Emulator() as cloud:
        app, _ = device_of(tmp_path, cloud.url, silence(2) + name + asked + silence(4))
        assert Running(app).start().finish() == 0
    audio = b"".join(connection.audio for connection in cloud.connections)
    half = len(name) // 4 * 2
    first_syllables = asked[:16000]
    assert best_match(audio, first_syllables) > 0.99
    assert best_match(audio, name[half // 2 : half + half // 2]) < 0.5
    assert best_match(audio, name[:half]) < 0.5


def test_nothing_is_sent_without_the_name(tmp_path: Path) -> None:
    with Emulator() as cloud:
        app, events = device_of(tmp_path, cloud.url, silence(2) + voices.say(ASKED) + silence(2))
        assert Running(app).start().finish() == 0
    assert not [e for e in events if isinstance(e, Transcript)]
    audio = b"".join(connection.audio for connection in cloud.connections)
    assert not any(audio), "silence keeps the connection alive, and nothing else is sent"


def test_a_follow_up_needs_no_name(tmp_path: Path) -> None:
    asked = voices.say(ASKED)
    speech = silence(2) + voices.say(NAME) + asked + silence(4)
    with Emulator() as cloud:
        # The second sentence is put where the window is open, however slow this machine is.
        speech += (silence(4) + asked) * 8 + silence(4)
        app, events = device_of(tmp_path, cloud.url, speech, talk={"wake": {"follow_up_s": 10}})
        told = notices(app)
        device = Running(app).start()
        wait_until(lambda: "follow_up" in told, "a follow-up")
        answered = len([e for e in events if isinstance(e, Transcript) and e.final])
        wait_until(
            lambda: len([e for e in events if isinstance(e, Transcript) and e.final]) > answered,
            "its answer",
        )
        app.stop("enough")
        device.finish()
    assert told.count("wake") == 1


def test_nothing_of_it_is_loaded_where_nobody_calls(tmp_path: Path) -> None:
    write_wav(tmp_path / "speech.wav", silence(1))
    config = write_config(tmp_path, "http://127.0.0.1:1", talk={"mode": "vad"})
    code = (
        "import sys; from agent.app import App; from agent.config import loader;"
        f"App(loader.load({str(config)!r}));"
        "print(sorted(m for m in sys.modules if 'ears' in m or 'wake' in m or 'attention' in m))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_library_that_is_missing_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [n for n in sys.modules if n.startswith(("agent.ears", "pymicro_wakeword"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pymicro_wakeword", None)
    write_wav(tmp_path / "speech.wav", silence(1))
    config = write_config(tmp_path, "http://127.0.0.1:1", talk={"mode": "wake"})
    assert main(["run", "--config", str(config)]) == 2
    line = "dragoman: talk.mode wake needs pymicro-wakeword: pip install 'dragoman[ears]'\n"
    assert capsys.readouterr().err.endswith(line)
    assert main(["wake", "list"]) == 2
    assert "pip install 'dragoman[ears]'" in capsys.readouterr().err
