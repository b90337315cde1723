import argparse
import errno
import json
import sys
from pathlib import Path

import pytest

from agent.audio import alsa_errors
from agent.audio.listing import SoundDevice, devices, parse_cards, parse_pcms, spread_rates
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


CARDS = """\
 0 [Device         ]: USB-Audio - USB PnP Sound Device
                      C-Media at usb-0000:01:00.0-1.2, full speed
 1 [Device_1       ]: USB-Audio - USB PnP Sound Device
                      C-Media at usb-0000:01:00.0-1.3, full speed
 2 [sndrpigooglevoi]: RPi-simple - snd_rpi_googlevoicehat_soundcar
                      snd_rpi_googlevoicehat_soundcard
nonsense
"""


def test_names_of_cards() -> None:
    assert parse_cards(CARDS) == {
        0: "USB PnP Sound Device",
        1: "USB PnP Sound Device",
        2: "snd_rpi_googlevoicehat_soundcar",
    }
    assert parse_cards("--- no soundcards ---\n") == {}


def plugged(sys: Path, number: int, bus: str, name: str) -> None:
    """As the kernel lays it out: a card's device is a link to where it is plugged in."""
    device = sys / "devices" / name
    device.mkdir(parents=True)
    (sys / "bus" / bus).mkdir(parents=True, exist_ok=True)
    (device / "subsystem").symlink_to(sys / "bus" / bus)
    (sys / f"card{number}").mkdir()
    (sys / f"card{number}" / "device").symlink_to(device)


def test_two_cards_of_one_kind_are_told_apart(
    hardware: FakeCard, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pcm").write_text(
        "00-00: USB Audio : USB Audio : capture 1\n01-00: USB Audio : USB Audio : capture 1\n"
        "02-00: hat : hat : capture 1\n"
    )
    (tmp_path / "cards").write_text(CARDS)
    sys = tmp_path / "sys"
    plugged(sys, 0, "usb", "1-1.2:1.0")
    plugged(sys, 1, "usb", "1-1.3:1.0")
    plugged(sys, 2, "platform", "soc:sound")
    found = [device for device in devices(tmp_path, sys) if device.name.startswith("plughw")]
    assert [device.port for device in found] == ["usb 1-1.2", "usb 1-1.3", "platform soc:sound"]
    lines = command.table(found)
    assert "USB Audio; USB PnP Sound Device; usb 1-1.3; 8000" in lines[1]
    assert len({line.split(maxsplit=1)[1] for line in lines}) == 3


def test_cards_this_user_may_not_use_are_listed_and_said_so(
    hardware: FakeCard,
    proc: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(alsa_errors, "_cards_are_locked", lambda: True)
    hardware.open_errors.extend([errno.ENOENT] * 4 + [errno.ENODEV] * 3)
    found = devices(proc)
    assert len(found) == 3
    assert all(device.forbidden for device in found)
    monkeypatch.setattr(command, "devices", lambda: found)
    args = arguments()
    assert args.run(args) == 0
    heard = capsys.readouterr()
    assert heard.out.count("may not be used by this user") == 3
    assert "sudo usermod -aG audio" in heard.err


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
            "forbidden": False,
            "card": "",
            "port": "",
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
