"""The presets load, are complete, and keep to what the boards have."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent.config.loader import load
from agent.config.schema import Config

PRESETS = sorted((Path(__file__).parents[3] / "config").glob("preset-*.yaml"))
#: Pins an I2S sound card, its control bus and its lights take.
CARD_PINS = {2, 3, 10, 11, 16, 18, 19, 20, 21}


@pytest.fixture(params=PRESETS, ids=lambda path: path.stem)
def preset(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


@pytest.fixture
def config(preset: Path, tmp_path: Path) -> Config:
    (tmp_path / "dragoman_token").write_text("t0ken\n")
    return load(str(preset), env={"CREDENTIALS_DIRECTORY": str(tmp_path)})


def test_there_is_one_for_each_board() -> None:
    boards = {"usb-headset", "respeaker-2mic", "respeaker-4mic", "i2s"}
    assert {path.stem.removeprefix("preset-") for path in PRESETS} == boards


def test_it_takes_its_token_as_systemd_passes_it(config: Config) -> None:
    assert config.service.token
    assert config.service.token.reveal() == "t0ken"


def test_a_token_can_be_set_instead(preset: Path) -> None:
    assert load(str(preset), ["service.token=t"], env={}).service.token


def test_it_names_its_card(config: Config) -> None:
    for device in (config.audio.capture.device, config.audio.playback.device):
        assert re.fullmatch(r"plughw:CARD=[A-Za-z0-9]{1,15},DEV=0", str(device))


def test_no_pin_of_the_card_is_used(config: Config, preset: Path) -> None:
    pins = {button.pin for button in config.talk.buttons}
    pins |= {config.talk.led.pin} if config.talk.led else set()
    assert not pins & CARD_PINS
    if preset.stem == "preset-respeaker-2mic":
        assert pins == {17}


def test_one_can_talk_to_it(config: Config) -> None:
    assert config.talk.buttons or config.talk.mode == "vad"


def test_it_says_what_was_not_tried(preset: Path) -> None:
    assert "# Not tried on real hardware: " in preset.read_text()
