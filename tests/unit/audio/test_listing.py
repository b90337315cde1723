import argparse
import errno
import json
import sys
from pathlib import Path

import pytest

from agent.audio.listing import SoundDevice, devices, parse_pcms, spread_rates
from agent.cli import devices as command
from agent.errors import UsageError
from tests.unit.audio.fake_alsa import FakeCard, fake_module

PCMS = """\
00-00: bcm2835 Headphones : bcm2835 Headphones : playback 8
01-00: USB Audio : USB Audio : playback 1 : capture 1
nonsense
"""


@pytest.fixture
def hardware(monkeypatch: pytest.MonkeyPatch) -> FakeCard:
    fake = FakeCard()
    names = ["null", "pulse", "sysdefault:CARD=Device", "plughw:CARD=Device,DEV=0", "dmix:CARD=0"]
    monkeypatch.setitem(sys.modules, "alsaaudio", fake_module(fake, lambda kind: names))
    return fake


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    (tmp_path / "pcm").write_text(PCMS)
    (tmp_path / "card1").mkdir()
    (tmp_path / "card1" / "id").write_text("Device\n")
    return tmp_path


def test_proc_lines() -> None:
    assert parse_pcms(PCMS) == [
        (0, 0, "bcm2835 Headphones", ["playback"]),
        (1, 0, "USB Audio", ["capture", "playback"]),
    ]
    assert parse_pcms("") == []


def test_devices_as_in_the_configuration(hardware: FakeCard, proc: Path) -> None:
    found = devices(proc)
    assert [(device.name, device.direction) for device in found] == [
        ("default", "capture"),
        ("pulse", "capture"),
        ("plughw:CARD=Device,DEV=0", "capture"),
        ("default", "playback"),
        ("pulse", "playback"),
        ("plughw:CARD=0,DEV=0", "playback"),
        ("plughw:CARD=Device,DEV=0", "playback"),
    ]
    usb = found[2]
    assert usb.rates == (8000, 16000, 44100, 48000)
    assert usb.channels == (1, 2)
    assert not usb.in_use
    assert found[0].rates == ()
    asked = [opened["device"] for opened in hardware.opened]
    assert "hw:CARD=Device,DEV=0" in asked
    assert len(asked) == hardware.calls.count("close")


def test_a_card_in_use_is_listed_and_one_that_fails_is_not_default(
    hardware: FakeCard, proc: Path
) -> None:
    hardware.open_errors.extend([errno.ENOENT, errno.ECONNREFUSED] * 2 + [errno.EBUSY] * 3)
    found = devices(proc)
    assert [device.name for device in found] == [
        "plughw:CARD=Device,DEV=0",
        "plughw:CARD=0,DEV=0",
        "plughw:CARD=Device,DEV=0",
    ]
    assert all(device.in_use and not device.rates for device in found)


def test_ranges_become_common_rates() -> None:
    assert spread_rates((8000, 48000)) == (8000, 16000, 22050, 32000, 44100, 48000)
    assert spread_rates(48000) == (48000,)
    assert spread_rates([48000, 16000]) == (16000, 48000)


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())
    return parser.parse_args(["devices", *words])


MIC = SoundDevice("plughw:CARD=Mic,DEV=0", "capture", "USB Audio", (48000,), (1, 2))
CARD = SoundDevice("default", "playback", "anything", in_use=True)


def test_command_prints_a_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "devices", lambda: [MIC, CARD])
    args = arguments()
    assert args.run(args) == 0
    assert capsys.readouterr().out.splitlines() == [
        "plughw:CARD=Mic,DEV=0  microphone  USB Audio; 48000 Hz; 1 2 ch",
        "default                speaker     anything; in use",
    ]


def test_command_prints_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "devices", lambda: [MIC])
    args = arguments("--json")
    assert args.run(args) == 0
    assert json.loads(capsys.readouterr().out) == [
        {
            "name": "plughw:CARD=Mic,DEV=0",
            "direction": "capture",
            "description": "USB Audio",
            "rates": [48000],
            "channels": [1, 2],
            "in_use": False,
        }
    ]


def test_nothing_found_is_one_line_and_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "devices", list)
    args = arguments("--json")
    assert args.run(args) == 1
    said = capsys.readouterr()
    assert json.loads(said.out) == []
    assert len(said.err.splitlines()) == 1


def test_without_pyalsaaudio_it_is_one_line_and_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "alsaaudio", None)
    with pytest.raises(UsageError):
        devices()
    args = arguments()
    assert args.run(args) == 1
    assert "dragoman[pi]" in capsys.readouterr().err
