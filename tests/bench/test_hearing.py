"""The computed rooms and the device in them, at their smallest; what a page makes of figures."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy
import pytest

from tests.bench import page
from tests.bench.hearing import alone, bargein, cost, loss, moved
from tests.bench.hearing.loop import Device, Setting, echo, microphone, person, played, power
from tests.bench.hearing.rooms import PERSON, SPEAKER, heard, reverberation, room
from tests.bench.hearing.voices import levelled, speech, spoken

pytest.importorskip("pywebrtc_audio")
speaks = pytest.mark.skipif(not shutil.which("espeak-ng"), reason="espeak-ng is not installed")

RATE = 16000


@pytest.mark.parametrize("seconds", [0.2, 0.6])
@pytest.mark.parametrize("source", [SPEAKER, PERSON])
def test_a_room_rings_for_as_long_as_was_asked_for(
    seconds: float, source: tuple[float, float, float]
) -> None:
    response = room(seconds, source, RATE)
    assert response[0] == 1
    assert reverberation(response, RATE) == pytest.approx(seconds, rel=0.1)


def test_a_room_is_a_linear_filter() -> None:
    click = numpy.zeros(1000)
    click[100] = 2.0
    there = heard(click, numpy.array([1.0, 0.0, 0.5]))
    assert there[[99, 100, 101, 102]] == pytest.approx([0, 2, 0, 1], abs=1e-9)


def test_speech_begins_with_its_first_sound() -> None:
    silence = numpy.zeros(RATE)
    word = numpy.sin(numpy.arange(RATE) / 10)
    found = levelled(numpy.concatenate((silence, word, silence)), RATE)
    assert len(found) == pytest.approx(RATE, abs=RATE // 50)
    assert numpy.sqrt((found**2).mean()) == pytest.approx(1, abs=0.05)


@speaks
def test_a_device_alone_and_talked_over() -> None:
    setting, seconds = Setting(0.25), 9.0
    said = played(speech(RATE, seconds))
    sound = echo(setting, said)
    words = person(setting, spoken("Stop, that is enough.", "en-us+m3", RATE), 0)
    begin = 7 * RATE
    sound[begin : begin + len(words)] += words[: len(sound) - begin]
    taken = list(Device(RATE, microphone(setting, sound), tapped=True).run(said))
    before = [packet for packet in taken if 5 < packet.at < 7]
    near, clean = (sum(power(getattr(p, side)) for p in before) for side in ("near", "clean"))
    assert 10 * numpy.log10(near / clean) > 25
    [started] = [packet.at for packet in taken if packet.started]
    assert 7.0 < started < 7.6
    assert all(packet.linear for packet in taken)


@speaks
@pytest.mark.parametrize("rate", moved.RATES)
def test_a_device_whose_delay_moves_talks_on(rate: int) -> None:
    assert sum(moved.Talker(Setting(0.25, rate)).silenced(110, 60)) <= moved.MOST


FIGURES: dict[str, dict[str, Any]] = {
    "echo": {
        "losses": {"delay 10 ms": [31.0, 30.0, 16.0] * 2, "clips": [40.0, 29.9, 15.0] * 2},
        "curves": {"0.2 s": [[0.5, 10.0], [1.0, 30.0]]},
    },
    "alone": {
        "seconds": 600.0,
        "rows": [
            {
                "room_s": room_s,
                "rate": 16000,
                "starts": starts,
                "voiced": "0.0 %",
                "ungated": 3,
                "ungated_voiced": "1.0 %",
                "raw": 1,
                "raw_voiced": "95.0 %",
                "words": 0,
                "raw_words": 200,
            }
            for room_s, starts in ((0.25, 0), (0.6, 2))
        ],
    },
    "moved": {
        "rows": [
            {"before": 60, "after": 110, "silenced": [0, 0, 0, 0]},
            {"before": 110, "after": 60, "silenced": [0, 3, 0, 0]},
        ]
    },
    "barge-in": {
        "rows": [
            {"room_s": 0.25, "rate": 16000, "db": db, "after_ms": after}
            for db, after in ((0, [180] * 9), (-6, [310] * 6), (-12, []))
        ],
        "levels": [[0.0, -26.0, -60.0, 0], [0.04, -20.0, -30.0, 1]],
    },
    "hearing-cost": {
        "rows": [
            {
                "rate": 16000,
                "canceller": 8.0,
                "linear": 4.0,
                "whole": 15.0,
                "p50_ms": 0.5,
                "p99_ms": 1.0,
                "held_ms": 8.0,
            }
        ]
    },
}


def test_what_is_missed_is_shown_as_missed(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    parts = (loss, alone, moved, bargein, cost)
    figures = json.loads(json.dumps(FIGURES))
    sections = [part.present(figures[part.NAME]) for part in parts]
    met = [verdict.met for section in sections for verdict in section.verdicts]
    assert met == [
        True,
        False,
        True,
        True,
        False,
        True,
        False,
        True,
        True,
        False,
        False,
        True,
        True,
    ]
    (tmp_path / "hearing").mkdir()
    page.write(tmp_path, {"processor": "abacus"}, sections, page.HEARING)
    text = (tmp_path / "hearing.md").read_text()
    assert "29.9 dB (clips)" in text
    assert "](hearing/echo-loss.svg)" in text
    assert {file.name for file in (tmp_path / "hearing").glob("*.svg")} == {
        "echo-loss.svg",
        "barge-in.svg",
    }
