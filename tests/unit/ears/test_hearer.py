"""The hearer: a ring with words in it, and what it says of them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from agent.audio.ring import GUARDED, VOICED, Ring
from agent.clock import ManualClock
from agent.ears.hearer import ECHO, Hearer
from agent.ears.spotted import Spotted
from agent.events import Event, StopWord, VoiceStarted, VoiceStopped, WakeWord

PACKET = 4


class Scripted:
    """Spots at the packets it is told to."""

    def __init__(self, at: Mapping[int, Spotted]) -> None:
        self._at, self._heard = at, 0

    def feed(self, pcm: bytes) -> list[Spotted]:
        found = [self._at[self._heard]] if self._heard in self._at else []
        self._heard += 1
        return found


class Ears:
    """A hearer of a ring of which every letter is a packet: ``v`` voiced, ``g`` guarded."""

    def __init__(self, at: Mapping[int, Spotted], *, stop: str | None = None) -> None:
        self.ring, self.events = Ring(PACKET, 100), list[Event]()
        self.hearer = Hearer(Scripted(at), stop, self.ring, self.events.append, ManualClock())

    def hear(self, packets: str) -> list[Event]:
        flags = {"v": VOICED, "g": VOICED | GUARDED, ".": 0}
        for letter in packets:
            self.ring.write(bytes(PACKET), 0.0, flags[letter])
            while self.hearer.step():
                pass
        return self.events


def nabu(ago_s: float) -> Spotted:
    return Spotted("okay_nabu", 0.9, ago_s)


def test_the_word_ended_so_long_before_the_packet_it_was_known_in() -> None:
    ears = Ears({20: nabu(0.2)})
    [word] = [e for e in ears.hear("v" * 21) if isinstance(e, WakeWord)]
    assert word == WakeWord("okay_nabu", 0.9, 16)


def test_a_pause_after_the_word_is_where_it_ended() -> None:
    ears = Ears({20: nabu(0.2)})
    [word] = [e for e in ears.hear("v" * 18 + ".." + "v") if isinstance(e, WakeWord)]
    assert word.seq == 18


def test_the_end_of_the_word_itself_is_no_speech() -> None:
    ears = Ears({20: nabu(0.2)})
    events = ears.hear("v" * 23 + "." * 40)
    voices = [e for e in events if isinstance(e, VoiceStarted | VoiceStopped)]
    assert voices == [VoiceStarted(0)], "only the one before the word; it began anew with it"


def test_what_is_said_right_after_it_is_speech_and_has_an_end() -> None:
    ears = Ears({20: nabu(0.2)})
    events = ears.hear("v" * 40 + "." * 20)
    after = events[next(n for n, e in enumerate(events) if isinstance(e, WakeWord)) + 1 :]
    assert after == [VoiceStarted(21 + ECHO), VoiceStopped(40)]


def test_after_a_pause_speech_counts_at_once() -> None:
    ears = Ears({20: nabu(0.2)})
    events = ears.hear("v" * 21 + ".." + "vv")
    assert events[-1] == VoiceStarted(23)


def test_the_word_is_heard_while_the_speaker_talks() -> None:
    ears = Ears({20: nabu(0.2)})
    assert ears.hear("g" * 21) == [WakeWord("okay_nabu", 0.9, 16)], "and its own voice is none"


def test_the_stop_word_is_told_as_such() -> None:
    ears = Ears({3: Spotted("stop", 0.8, 0.1)}, stop="stop")
    assert ears.hear("....") == [StopWord("stop", 0.8)]


def test_a_voice_that_goes_on_counts_anew_when_asked() -> None:
    ears = Ears({})
    ears.hear("v" * 10)
    ears.hearer.afresh()
    assert ears.hear("v" * 3) == [VoiceStarted(0), VoiceStarted(10)]


def test_a_tap_is_heard_and_the_ring_judged() -> None:
    ring, tap, events = Ring(PACKET, 100), Ring(PACKET, 100), list[Event]()
    hearer = Hearer(Scripted({2: nabu(0.0)}), None, ring, events.append, ManualClock(), tap=tap)
    for seq in range(3):
        tap.write(bytes(PACKET), 0.0, 0)
        assert not hearer.step(), "the ring does not have it yet"
        ring.write(bytes(PACKET), 0.0, VOICED)
        assert hearer.step()
        assert not hearer.step(), seq
    assert events == [VoiceStarted(0), WakeWord("okay_nabu", 0.9, 3)]


def test_what_it_was_too_slow_for_is_told(caplog: pytest.LogCaptureFixture) -> None:
    ring, events = Ring(PACKET, 10), list[Event]()
    hearer = Hearer(Scripted({}), None, ring, events.append, ManualClock())
    for _ in range(13):
        ring.write(bytes(PACKET), 0.0, 0)
    assert hearer.step()
    assert caplog.messages == ["too slow to listen: 120 ms unheard"]
