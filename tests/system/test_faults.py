"""The quick part of the fault suite (scripts/faults runs all of it), and what it stands on."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.audio.vad import Vad
from agent.emulator.engines.tones import WORDS, decode_tones
from tests.faults.case import Case
from tests.faults.measure import burst, duplicates
from tests.faults.speech import GAP_MS, LEAD_MS, PACKET, RATE, WORD_MS, Speech, packets
from tests.faults.suite import CASES
from tests.system.broker import MISSING, MOSQUITTO

QUICK = (
    "torn",
    "torn-before-final",
    "half-close",
    "close-frame",
    "split",
    "killed",
    "crashed",
    "fallback-refused",
)


@pytest.mark.parametrize("case", [CASES[name] for name in QUICK], ids=QUICK)
def test_nothing_is_lost(case: Case, tmp_path: Path) -> None:
    if not MOSQUITTO:
        pytest.skip(MISSING)
    assert case.failures(case.play(tmp_path)) == []


def test_every_word_is_speech_to_the_device_and_a_word_to_the_emulator() -> None:
    speech = Speech(WORDS // 4, each=4)
    assert decode_tones(speech.pcm, RATE) == [word.number for word in speech.words]
    vad = Vad(RATE)
    flags = [vad.voiced(packet) for packet in packets(speech.pcm)]
    for word in speech.words:
        assert all(flags[word.start_ms // 40 : word.end_ms // 40]), word


def test_every_packet_is_unique_and_a_pause_is_silence() -> None:
    speech = Speech(3)
    pieces = packets(speech.pcm)
    assert len(set(pieces)) == len(pieces) == len(speech.pcm) / PACKET
    vad = Vad(RATE)
    assert not any(vad.voiced(packet) for packet in pieces[: LEAD_MS // 40])
    assert (WORD_MS % 40, GAP_MS % 40, LEAD_MS % 40) == (0, 0, 0)


def test_a_burst_over_the_bound_is_seen() -> None:
    steady = [0.04 * n for n in range(50)]
    assert burst([0.0, 0.0, 0.0, *steady[1:]]) == pytest.approx(3)
    assert burst([*steady, *(2.0 for _ in range(4))]) > 3.9


def test_a_word_twice_is_a_double_unless_it_is_marked() -> None:
    first = {"id": "a-0", "text": "w1 w2", "replayed": False}
    again = {"id": "a-1", "text": "w2 w3", "replayed": False}
    assert duplicates([first, again]) == 1
    assert duplicates([first, again | {"replayed": True}]) == 0
    assert duplicates([first, first | {"text": "w9"}]) == 1
