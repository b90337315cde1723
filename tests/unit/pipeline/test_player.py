"""The player thread's work: prebuffer, barge-in, half duplex, a speaker that goes away."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import pytest

from agent.audio.scripted import ScriptedSpeaker
from agent.errors import DeviceError
from agent.events import Event, Notice, SpeakerStarted, SpeakerStopped
from agent.pipeline.player import Player
from agent.report.telemetry import Telemetry
from tests.unit.pipeline.timeline import Timeline

RATE = 16000
SECOND = RATE * 2


class Rig:
    """A player whose waits pass virtual time."""

    def __init__(self, volume: int = 100, keep_open_s: float = 0, lead_in_ms: int = 0) -> None:
        self.clock = Timeline()
        self.speaker = ScriptedSpeaker(rate=RATE, clock=self.clock)
        self.speaker.open()
        self.events: list[tuple[float, Event]] = []
        self.telemetry = Telemetry(0.0)
        self.player = Player(
            self.speaker,
            RATE,
            120,
            volume,
            self.telemetry,
            lambda event: self.events.append((self.clock.now(), event)),
            self.clock,
            keep_open_s=keep_open_s,
            lead_in_ms=lead_in_ms,
        )
        self.player._wake = _VirtualWake(self.clock)  # type: ignore[assignment]

    def run(self, seconds: float) -> None:
        self.clock.at(seconds, self.player.stop)
        self.player.run()

    def kinds(self) -> list[type]:
        return [type(event) for _, event in self.events]


class _VirtualWake:
    def __init__(self, clock: Timeline) -> None:
        self._clock, self._set = clock, False

    def set(self) -> None:
        self._set = True

    def wait(self, seconds: float | None) -> bool:
        end = self._clock.now() + max(0.001, seconds or 0.0)
        while not self._set and self._clock.now() < end - 1e-9:
            self._clock.advance(min(0.005, end - self._clock.now()))
        was, self._set = self._set, False
        return was


def sound(seconds: float, value: int = 1000) -> bytes:
    return value.to_bytes(2, "little") * round(RATE * seconds)


def test_speech_is_played_whole_whatever_the_messages_sizes() -> None:
    rig = Rig()
    speech = bytes(range(256)) * 60
    for at, start in enumerate(range(0, len(speech), 777)):
        rig.clock.at(0.1 + at * 0.01, partial(rig.player.speech, speech[start : start + 777]))
    rig.run(3.0)
    assert rig.speaker.pcm == speech
    assert rig.kinds() == [SpeakerStarted, SpeakerStopped]


def test_it_begins_with_the_prebuffer_and_not_before() -> None:
    rig = Rig()
    rig.clock.at(0.1, lambda: rig.player.speech(sound(0.06)))
    rig.clock.at(0.15, lambda: rig.player.speech(sound(0.06)))
    rig.run(2.0)
    assert 0.15 <= rig.speaker.written[0].time <= 0.16


def test_a_short_word_is_spoken_too() -> None:
    rig = Rig()
    rig.clock.at(0.1, lambda: rig.player.speech(sound(0.05)))
    rig.run(2.0)
    assert rig.speaker.pcm == sound(0.05)
    assert 0.21 <= rig.speaker.written[0].time <= 0.24


def test_volume() -> None:
    rig = Rig(volume=0)
    rig.clock.at(0.1, lambda: rig.player.speech(sound(0.2)))
    rig.run(1.0)
    assert set(rig.speaker.pcm) == {0}


def test_barge_in_silences_at_once_and_drops_the_rest_of_the_sentence() -> None:
    rig = Rig()
    rig.clock.at(0.1, lambda: rig.player.speech(sound(2.0)))
    rig.clock.at(0.5, rig.player.barge_in)
    rig.clock.at(0.6, lambda: rig.player.speech(sound(1.0, 2000)))
    rig.clock.at(0.8, rig.player.sentence)
    rig.clock.at(0.9, lambda: rig.player.speech(sound(0.2, 3000)))
    rig.run(3.0)
    [dropped] = rig.speaker.drops
    assert dropped - 0.5 < 0.05
    assert sound(0.01, 2000) not in rig.speaker.pcm
    assert rig.speaker.pcm.endswith(sound(0.2, 3000))
    assert rig.kinds() == [SpeakerStarted, SpeakerStopped, SpeakerStarted, SpeakerStopped]


@pytest.mark.parametrize("late_ms", range(0, 41, 3))
def test_barge_in_takes_less_than_50_ms_at_any_moment(late_ms: int) -> None:
    rig = Rig()
    press = 0.5 + late_ms / 1000
    rig.clock.at(0.1, lambda: rig.player.speech(sound(2.0)))
    rig.clock.at(press, rig.player.barge_in)
    rig.run(3.0)
    [dropped] = rig.speaker.drops
    assert 0 <= dropped - press < 0.05
    assert all(write.time <= dropped for write in rig.speaker.written)


def test_speech_is_held_back_while_somebody_talks() -> None:
    rig = Rig()
    rig.player.hold(True)
    rig.clock.at(0.1, lambda: rig.player.speech(sound(0.5)))
    rig.clock.at(1.0, lambda: rig.player.hold(False))
    rig.run(3.0)
    assert rig.speaker.written[0].time >= 1.0
    assert rig.speaker.pcm == sound(0.5)


def test_late_speech_is_an_underrun_and_is_prebuffered_again() -> None:
    rig = Rig()
    rig.clock.at(0.1, lambda: rig.player.speech(sound(0.2)))  # is heard until 0.3
    rig.clock.at(0.45, lambda: rig.player.speech(sound(0.2)))
    rig.run(2.0)
    assert rig.speaker.pcm == sound(0.4)
    assert rig.telemetry.total("underruns") == 1
    [notice] = [event for _, event in rig.events if isinstance(event, Notice)]
    assert notice.event == "underrun"
    assert 140 <= notice.detail["gap_ms"] <= 170
    assert rig.kinds().count(SpeakerStarted) == 1


def test_what_was_missing_is_held_back_from_then_on_and_shown() -> None:
    rig = Rig()
    shown: list[float] = []
    for at in (0.05, 1.0):
        rig.clock.at(at, lambda: shown.append(rig.telemetry.snapshot(9.0)["jitter_ms"]))
    rig.clock.at(0.1, lambda: rig.player.speech(sound(0.2)))
    rig.clock.at(0.4, lambda: rig.player.speech(sound(0.3)))  # 100 ms late
    rig.clock.at(2.0, lambda: rig.player.speech(sound(0.15)))  # more than the first depth
    rig.run(3.0)
    assert shown[0] == 120
    assert 235 <= shown[1] <= 245
    [after, *_] = [write.time for write in rig.speaker.written if write.time >= 2.0]
    assert 2.23 <= after <= 2.26


def test_speech_at_just_its_own_pace_makes_no_underrun() -> None:
    rig = Rig()
    for n in range(100):
        rig.clock.at(0.1 + n * 0.04, lambda: rig.player.speech(sound(0.04)))
    rig.run(6.0)
    assert rig.telemetry.total("underruns") == 0
    assert rig.kinds() == [SpeakerStarted, SpeakerStopped]


def test_a_silence_between_two_sentences_is_no_underrun() -> None:
    rig = Rig()
    rig.clock.at(0.1, lambda: rig.player.speech(sound(0.2)))
    rig.clock.at(0.35, rig.player.sentence)
    rig.clock.at(0.4, lambda: rig.player.speech(sound(0.2)))
    rig.run(2.0)
    assert rig.speaker.pcm == sound(0.4)
    assert rig.telemetry.total("underruns") == 0
    assert Notice not in rig.kinds()


def test_a_player_that_is_late_itself_is_an_underrun_of_its_own() -> None:
    rig = Rig()
    rig.clock.at(0.1, lambda: rig.player.speech(sound(0.2)))  # is heard until 0.3
    rig.clock.at(0.29, lambda: rig.player.speech(sound(0.2)))
    rig.clock.at(0.29, lambda: rig.clock.advance(0.05))  # and nobody runs meanwhile
    rig.run(2.0)
    assert rig.telemetry.total("underruns") == 1
    assert Notice not in rig.kinds(), "no speech was late"
    assert rig.telemetry.snapshot(9.0)["jitter_ms"] == 120


def test_speech_that_waits_to_be_enough_is_not_taken_for_the_end() -> None:
    rig = Rig()
    rig.clock.at(0.1, lambda: rig.player.speech(sound(0.2)))
    rig.clock.at(0.45, lambda: rig.player.speech(sound(0.02)))  # waits longer than silence may be
    rig.run(2.0)
    assert rig.kinds().count(SpeakerStopped) == 1
    assert rig.speaker.pcm == sound(0.22)


def test_more_than_the_buffer_holds_is_counted_and_reported() -> None:
    rig = Rig()
    rig.player.hold(True)
    rig.player.speech(bytes(121 * SECOND))
    for n in range(500):  # a talk that goes on: each message has no room
        rig.clock.at(1.0 + n * 0.02, lambda: rig.player.speech(bytes(100)))
    rig.run(20.0)
    notices = [event for _, event in rig.events if isinstance(event, Notice)]
    assert notices[0] == Notice("speech_dropped", {"bytes": SECOND})
    assert len(notices) <= 4
    assert sum(notice.detail["bytes"] for notice in notices) == SECOND + 50000


def test_underruns_without_end_are_told_in_measure() -> None:
    rig = Rig()
    for n in range(100):
        rig.clock.at(0.1 + n * 0.19, lambda: rig.player.speech(sound(0.02)))
    rig.run(20.0)
    notices = [event for _, event in rig.events if isinstance(event, Notice)]
    assert {notice.event for notice in notices} == {"underrun"}
    assert 2 <= len(notices) <= 6
    total = sum(notice.detail["count"] for notice in notices)
    assert total == rig.telemetry.total("underruns") > 50


def test_a_speaker_that_comes_and_goes_is_away() -> None:
    rig = Rig()
    for n in range(200):
        rig.clock.at(1.0 + n * 0.3, rig.speaker.vanish)
        rig.clock.at(1.15 + n * 0.3, rig.speaker.come_back)
    rig.run(120.0)
    told = [e.event for _, e in rig.events if isinstance(e, Notice)]
    assert told[0] == "speaker_lost"
    assert told[-1] == "speaker_back"
    assert len(told) <= 8


def test_an_unplugged_speaker_comes_back() -> None:
    rig = Rig()
    rig.clock.at(0.1, lambda: rig.player.speech(sound(0.5)))
    rig.clock.at(0.3, rig.speaker.vanish)
    rig.clock.at(2.0, rig.speaker.come_back)
    rig.clock.at(9.0, lambda: rig.player.speech(sound(0.2, 3000)))
    rig.run(12.0)
    assert rig.speaker.pcm.endswith(sound(0.2, 3000))
    assert [e.event for _, e in rig.events if isinstance(e, Notice)] == [
        "speaker_lost",
        "speaker_back",
    ]


def test_speech_that_comes_does_not_hurry_the_search_for_the_speaker() -> None:
    rig = Rig()
    opened: list[float] = []
    open_speaker = rig.speaker.open

    def noted() -> None:
        opened.append(rig.clock.now())
        open_speaker()

    rig.speaker.open = noted  # type: ignore[method-assign]
    rig.clock.at(0.1, lambda: rig.player.speech(sound(0.5)))
    rig.clock.at(0.3, rig.speaker.vanish)
    for n in range(150):
        rig.clock.at(1.0 + n * 0.02, lambda: rig.player.speech(sound(0.02)))
    rig.run(4.0)
    assert 2 <= len(opened) <= 20


def test_the_room_counts_as_audible_a_little_longer() -> None:
    rig = Rig()
    seen: list[tuple[float, bool]] = []
    for tick in range(60):
        rig.clock.at(tick * 0.02, lambda: seen.append((rig.clock.now(), rig.player.audible)))
    rig.clock.at(0.1, lambda: rig.player.speech(sound(0.2)))
    rig.run(2.0)
    audible = [at for at, is_audible in seen if is_audible]
    assert audible[0] <= 0.14
    assert audible[-1] >= 0.5


def test_a_speaker_that_goes_away_in_silence_is_noticed() -> None:
    rig = Rig()
    rig.clock.at(1.0, rig.speaker.vanish)
    rig.clock.at(2.0, rig.speaker.come_back)
    rig.run(4.0)
    assert [e.event for _, e in rig.events if isinstance(e, Notice)] == [
        "speaker_lost",
        "speaker_back",
    ]


def test_a_speaker_that_is_busy_at_the_start_is_waited_for() -> None:
    rig = Rig()
    rig.speaker.close()
    rig.speaker.busy(3)
    rig.player.open(patient=True)
    rig.clock.at(3.0, lambda: rig.player.speech(sound(0.5)))
    rig.run(6.0)
    told = [event.event for _, event in rig.events if isinstance(event, Notice)]
    assert told == ["speaker_lost", "speaker_back"]
    assert rig.speaker.pcm == sound(0.5)


def test_a_file_that_cannot_be_made_at_the_start_does_not_mend_itself() -> None:
    rig = Rig()
    rig.speaker.close()
    rig.speaker.busy(1)
    with pytest.raises(DeviceError):
        rig.player.open(patient=False)


def test_a_speaker_is_kept_open_between_sentences() -> None:
    rig = Rig(keep_open_s=3.0)
    for at in (0.1, 1.5, 3.5):
        rig.clock.at(at, rig.player.sentence)
        rig.clock.at(at, lambda: rig.player.speech(sound(0.4)))
    rig.run(12.0)
    [drained] = rig.speaker.drains
    assert 3.9 + 3.0 <= drained <= 3.9 + 3.0 + 0.6, "silence goes on for 3 s, and then it stops"
    assert rig.speaker.pcm.replace(bytes(640), b"") == sound(1.2)
    gaps = [b.time - a.time for a, b in pairwise(rig.speaker.written)]
    assert max(gaps) < 0.1, "the speaker never ran dry"
    assert rig.kinds() == [SpeakerStarted, SpeakerStopped] * 3, "silence is not speaking"
    assert rig.telemetry.total("underruns") == 0


def test_a_barge_in_silences_a_speaker_that_is_kept_open() -> None:
    rig = Rig(keep_open_s=5.0)
    rig.clock.at(0.1, lambda: rig.player.speech(sound(2.0)))
    rig.clock.at(0.5, rig.player.barge_in)
    rig.run(8.0)
    assert len(rig.speaker.drops) == 1
    assert all(not any(w.pcm) for w in rig.speaker.written if w.time > rig.speaker.drops[0])


@pytest.mark.parametrize("keep_open_s", [0, 30])
def test_a_lead_in_comes_before_speech_after_each_stop(keep_open_s: int) -> None:
    rig = Rig(lead_in_ms=300, keep_open_s=keep_open_s)
    for at in (0.1, 5.0):
        rig.clock.at(at, rig.player.sentence)
        rig.clock.at(at, lambda: rig.player.speech(sound(0.4)))
    rig.run(10.0)
    lead = bytes(round(RATE * 0.3) * 2)
    assert rig.speaker.pcm.startswith(lead + sound(0.4))
    if not keep_open_s:
        assert rig.speaker.pcm == (lead + sound(0.4)) * 2
    assert rig.telemetry.total("underruns") == 0


# --- short sounds ----------------------------------------------------------------------------

SOUND = b"\x00\x10" * (RATE // 5)  # 0.2 s


def test_a_sound_is_played_and_is_no_speech() -> None:
    rig = Rig(volume=100)
    rig.clock.at(0.5, partial(rig.player.chime, SOUND))
    rig.run(2.0)
    assert rig.speaker.pcm == SOUND
    assert rig.events == []
    assert rig.speaker.drains, "and then the speaker rests"


def test_a_sound_has_the_volume_of_the_speaker() -> None:
    loud, quiet = Rig(volume=100), Rig(volume=50)
    for rig in (loud, quiet):
        rig.player.chime(SOUND)
        rig.run(1.0)
    assert 0 < max(quiet.speaker.pcm) < max(loud.speaker.pcm)


def test_a_sound_over_speech_changes_neither_its_length_nor_its_time() -> None:
    speech, alone, both = b"\x00\x01" * RATE, Rig(), Rig()
    for rig in (alone, both):
        rig.player.speech(speech)
    both.clock.at(0.3, partial(both.player.chime, SOUND))
    for rig in (alone, both):
        rig.run(3.0)
    assert len(both.speaker.pcm) == len(alone.speaker.pcm)
    assert [w.time for w in both.speaker.written] == [w.time for w in alone.speaker.written]
    mixed = both.speaker.pcm.count(b"\x00\x11")
    assert mixed == len(SOUND) // 2
    assert both.kinds() == alone.kinds() == [SpeakerStarted, SpeakerStopped]


def test_a_sound_is_heard_while_speech_is_held_back() -> None:
    rig = Rig()
    rig.player.hold(True)
    rig.player.speech(bytes(SECOND))
    rig.player.chime(SOUND)
    rig.run(1.0)
    assert rig.speaker.pcm == SOUND


def test_a_press_cuts_a_sound_and_what_comes_after_it_is_heard() -> None:
    rig = Rig()
    rig.player.chime(SOUND * 10)

    def press() -> None:
        rig.player.barge_in()
        rig.player.chime(SOUND)

    rig.clock.at(0.3, press)
    rig.run(2.0)
    assert rig.speaker.drops
    cut = [w for w in rig.speaker.written if w.time < rig.speaker.drops[0]]
    after = [w for w in rig.speaker.written if w.time >= rig.speaker.drops[0]]
    assert sum(len(w.pcm) for w in cut) < SECOND
    assert b"".join(w.pcm for w in after) == SOUND


def test_what_the_microphone_hears_of_a_sound_is_known() -> None:
    rig = Rig()
    seen: list[tuple[float, bool]] = []
    rig.clock.at(0.5, partial(rig.player.chime, SOUND))
    for tick in range(75):
        rig.clock.at(tick * 0.02, lambda: seen.append((rig.clock.now(), rig.player.chiming)))
    rig.run(1.5)
    heard = [at for at, chiming in seen if chiming]
    assert heard[0] == pytest.approx(0.5, abs=0.03)
    assert heard[-1] + 0.021 >= 0.5 + 0.2 + 0.2
    assert heard[-1] <= 1.1
    assert rig.player.audible is False
