"""Clips made of presses: one never spans two, each knows its session, time and pair."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.audio.segment import Segmenter
from agent.events import LinkUp, Pair, Stretch, Unanswered
from agent.link.handover import Handover
from agent.link.spool import Recording, Spool
from agent.link.tape import Take
from agent.pipeline.utterances import Utterances
from tests.unit.pipeline.rig import PACKET, Rig

EN_ZH, EN_ES = Pair("en", "zh"), Pair("en", "es")


class Line(Rig):
    def __init__(self, *, limit: int = 100, pause: int | None = None, room: int = 10**9) -> None:
        super().__init__("maas-whisper", network={"idle_close_s": 30.0})
        self.spool = Spool(None, room)
        self.cloud = Utterances(self.parts, self.spool, Segmenter(limit, pause))

    def collect(self) -> list[Recording]:
        """What the recorder would keep now."""
        kept = []
        while (segment := self.cloud.collect()) is not None:
            self.cloud.keep(segment)
            oldest = self.spool.oldest()
            assert oldest is not None
            kept.append(oldest)
            self.spool.done(oldest)
        return kept


@pytest.fixture
def line() -> Line:
    return Line()


def marks(recording: Recording) -> list[int]:
    pcm = recording.pcm
    return [int.from_bytes(pcm[i : i + 2], "little") for i in range(0, len(pcm), PACKET)]


def test_a_press_becomes_one_clip_when_its_tail_is_in(line: Line) -> None:
    line.say(3)
    line.cloud.open(1, EN_ZH)
    line.say(5)
    line.cloud.close(10)
    assert line.collect() == []
    assert line.cloud.recording
    line.say(4)
    [clip] = line.collect()
    assert marks(clip) == list(range(2, 11))
    assert not line.cloud.recording


def test_a_clip_never_spans_two_presses_and_keeps_its_pair(line: Line) -> None:
    line.cloud.open(0, EN_ZH)
    line.say(3)
    line.cloud.close(3)
    line.cloud.open(3, EN_ES)
    line.say(3)
    line.cloud.close(6)
    clips = line.collect()
    assert [(marks(clip), clip.pair) for clip in clips] == [
        ([1, 2, 3], EN_ZH),
        ([4, 5, 6], EN_ES),
    ]


def test_a_long_press_is_cut_at_the_limit() -> None:
    line = Line(limit=4)
    line.cloud.open(0, EN_ZH)
    line.say(10)
    line.cloud.close(10)
    clips = line.collect()
    assert [m for clip in clips for m in marks(clip)] == list(range(1, 11))
    assert all(len(marks(clip)) <= 4 for clip in clips)
    assert [clip.start_ms for clip in clips] == [0, 160, 320]


def test_times_count_from_the_beginning_of_the_session(line: Line) -> None:
    line.say(10)
    line.cloud.open(5, EN_ZH)
    line.say(5)
    line.cloud.close(15)
    line.collect()
    line.say(10)
    line.cloud.open(25, EN_ZH)
    line.say(5)
    line.cloud.close(30)
    [second] = line.collect()
    assert second.start_ms == 20 * 40


def test_a_session_goes_on_until_nobody_spoke_for_a_while(line: Line) -> None:
    for wait in (0.0, 29.0, 31.0):
        line.clock.advance(wait)
        line.cloud.open(line.ring.head, EN_ZH)
        line.cloud.close(line.ring.head)
        line.collect()
    first, second = (up.session for up in line.of(LinkUp))
    assert first != second
    assert line.cloud.session == second


def test_a_new_session_counts_its_times_anew(line: Line) -> None:
    for wait in (0.0, 31.0):
        line.clock.advance(wait)
        head = line.ring.head
        line.cloud.open(head, EN_ZH)
        line.say(5)
        line.cloud.close(head + 5)
        [clip] = line.collect()
        assert clip.start_ms == 0


def test_what_waits_anywhere_is_backlog(line: Line) -> None:
    line.cloud.open(0, EN_ZH)
    line.say(5)
    assert line.cloud.backlog_ms == 200
    assert line.cloud.unanswered_ms == 0
    assert line.cloud.collect() is None
    assert line.cloud.backlog_ms == 200
    line.cloud.close(5)
    segment = line.cloud.collect()
    assert segment is not None
    line.cloud.keep(segment)
    assert line.cloud.backlog_ms == line.cloud.unanswered_ms == 200


def test_silence_within_a_press_is_kept_where_the_button_says_what_is_meant(line: Line) -> None:
    line.cloud.open(0, EN_ZH)
    line.say(5)
    line.say(60, voiced=False)
    line.say(5)
    line.cloud.close(70)
    [clip] = line.collect()
    assert len(marks(clip)) == 70


def test_without_a_button_pauses_end_clips() -> None:
    line = Line(pause=20)
    line.cloud.open(0, EN_ZH)
    line.say(10, voiced=False)
    line.say(10)
    line.say(30, voiced=False)
    line.say(10)
    line.say(20, voiced=False)
    clips = line.collect()
    assert [len(marks(clip)) for clip in clips] == [30, 30]
    assert line.cloud.recording


def test_packets_overwritten_before_they_were_recorded_are_counted(line: Line) -> None:
    line.cloud.open(0, EN_ZH)
    line.say(505)
    line.collect()
    assert line.cloud.lost == 5


def test_what_the_spool_let_go_is_told(tmp_path: Path) -> None:
    line = Line(room=4 * PACKET)
    lost = []
    for head in (0, 3):
        line.cloud.open(head, EN_ZH)
        line.say(3)
        line.cloud.close(head + 3)
        segment = line.cloud.collect()
        assert segment is not None
        lost.append(line.cloud.keep(segment))
    assert [[marks(gone) for gone in each] for each in lost] == [[], [[1, 2, 3]]]


# --- over a crash ------------------------------------------------------------------------------

SERVICE = "maas-whisper"


def test_what_is_not_in_the_spool_is_told(line: Line) -> None:
    told: list[Unanswered] = []
    line.cloud.remember(told.append)
    line.say(3)
    line.cloud.open(1, EN_ZH)
    assert told[-1] == Unanswered((Stretch(1, None, EN_ZH),), 1, service=SERVICE)
    line.say(5)
    line.cloud.close(8)
    assert told[-1].takes == (Stretch(1, 8, EN_ZH),)
    count = len(told)
    line.collect()
    assert told[-1] == Unanswered((), 8, service=SERVICE)
    assert len(told) == count + 2  # never for each packet


def test_a_clip_that_is_kept_is_not_made_again() -> None:
    line = Line(limit=10)
    told: list[Unanswered] = []
    line.cloud.remember(told.append)
    line.cloud.open(0, EN_ZH)
    line.say(25)
    assert len(line.collect()) == 2
    assert (told[-1].takes, told[-1].resume) == ((Stretch(0, None, EN_ZH),), 20)


def test_a_press_while_a_clip_goes_to_the_disk_forgets_neither(line: Line) -> None:
    told: list[Unanswered] = []
    line.cloud.remember(told.append)
    line.cloud.open(0, EN_ZH)
    line.say(5)
    line.cloud.close(5)
    segment = line.cloud.collect()
    assert segment is not None
    line.cloud.open(5, EN_ES)
    assert [take.start for take in told[-1].takes] == [0, 5]
    put = line.spool.put

    def slow(recording: Recording) -> list[Recording]:
        line.cloud.close(9)
        assert (told[-1].resume, [take.start for take in told[-1].takes]) == (0, [0, 5])
        assert told[-1].covered == 5, "one made of it after a crash may repeat this one"
        return put(recording)

    line.spool.put = slow  # type: ignore[method-assign]
    line.cloud.keep(segment)
    assert (told[-1].takes, told[-1].resume) == ((Stretch(5, 9, EN_ES),), 5)


# --- over to another service, and from one ----------------------------------------------------


def stretches(left: Handover) -> list[tuple[int, int | None]]:
    return [(take.start, take.end) for take in left.takes]


def press(line: Line, packets: int, pair: Pair = EN_ZH) -> None:
    """A press of so many packets that waits in the spool."""
    head = line.ring.head
    line.cloud.open(head, pair)
    line.say(packets)
    line.cloud.close(head + packets)
    while (segment := line.cloud.collect()) is not None:
        line.cloud.keep(segment)


def test_what_waits_for_its_answer_goes_over_with_what_is_being_said(line: Line) -> None:
    line.say(30)
    press(line, 10)
    line.say(5)
    press(line, 20, EN_ES)
    line.cloud.open(65, EN_ZH)
    line.say(5)
    assert line.cloud.collect() is None
    left = line.cloud.hand_over()
    assert stretches(left) == [(30, 40), (45, 65), (65, None)]
    assert [take.pair for take in left.takes] == [EN_ZH, EN_ES, EN_ZH]
    assert (left.repeats_until, left.sent_to) == (0, 70)
    assert line.cloud.unanswered_ms == line.cloud.backlog_ms == 0
    assert line.cloud.hand_over().takes == ()


def test_one_that_was_refused_goes_over_in_its_place(line: Line) -> None:
    press(line, 10)
    line.say(5)
    press(line, 20)
    first = line.spool.oldest()
    assert first is not None
    line.spool.later(first)
    assert stretches(line.cloud.hand_over()) == [(0, 10), (15, 35)]


def test_a_clip_on_its_way_to_the_spool_goes_over_too(line: Line) -> None:
    line.say(30)
    line.cloud.open(30, EN_ZH)
    line.say(150)
    segment = line.cloud.collect()
    assert segment is not None
    assert stretches(line.cloud.hand_over()) == [(30, None)]
    assert line.cloud.keep(segment) == []
    assert line.spool.oldest() is None


def test_a_tail_goes_over_that_is_still_to_come(line: Line) -> None:
    line.say(30)
    line.cloud.open(30, EN_ZH)
    line.say(10)
    line.cloud.close(55)
    line.cloud.collect()
    assert stretches(line.cloud.hand_over()) == [(30, 55)]


def test_what_is_said_first_of_all_goes_over_too(line: Line) -> None:
    press(line, 10)
    assert stretches(line.cloud.hand_over()) == [(0, 10)]


def test_what_is_answered_already_stays(line: Line) -> None:
    line.say(30)
    press(line, 10)
    recording = line.spool.oldest()
    assert recording is not None
    assert line.cloud.claim(recording)
    assert line.cloud.hand_over().takes == ()
    assert line.spool.holds(recording)


def test_an_answer_that_comes_after_it_went_over_is_not_ours(line: Line) -> None:
    line.say(30)
    press(line, 10)
    recording = line.spool.oldest()
    assert recording is not None
    line.cloud.hand_over()
    assert not line.cloud.claim(recording)


def test_what_memory_does_not_hold_waits_for_its_own_service(line: Line) -> None:
    press(line, 10)
    line.spool.put(Recording(0, "before", 0, EN_ZH, 16000, bytes(3200)))  # of an earlier run
    line.say(480)
    press(line, 10)
    assert stretches(line.cloud.hand_over()) == [(490, 500)]
    assert line.spool.waiting_ms == 400 + 100


def test_what_another_service_left_is_recorded_like_a_press(line: Line) -> None:
    line.say(100)
    takes = Take(10, 20, EN_ZH), Take(40, 60, EN_ES), Take(90, None, EN_ZH)
    line.cloud.take_over(Handover(takes, repeats_until=50, sent_to=60))
    line.say(10)
    line.cloud.close(110)
    clips = line.collect()
    assert [marks(clip)[0] for clip in clips] == [11, 41, 91]
    assert [clip.pair for clip in clips] == [EN_ZH, EN_ES, EN_ZH]
    assert [clip.replayed for clip in clips] == [True, True, False]
    assert [clip.start_ms for clip in clips] == [0, 1200, 3200]


def test_what_may_repeat_still_may_when_it_goes_on(line: Line) -> None:
    line.say(100)
    line.cloud.take_over(Handover((Take(40, 60, EN_ES),), repeats_until=50))
    segment = line.cloud.collect()
    assert segment is not None
    line.cloud.keep(segment)
    left = line.cloud.hand_over()
    assert stretches(left) == [(40, 60)]
    assert left.repeats_until == 60


def test_it_takes_over_again_what_it_had_recorded(line: Line) -> None:
    line.say(30)
    press(line, 10)
    line.cloud.take_over(line.cloud.hand_over())
    [clip] = line.collect()
    assert marks(clip) == list(range(31, 41))
