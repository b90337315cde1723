"""The ledger: the service's times on the microphone's clock, replay places, what is answered."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.events import Result
from agent.link.ledger import GAP, LATENCY, MAX_OPEN, MAX_SPEECH, PAD, SLACK, Ledger


def said(index: int = 0, start: int | None = None, end: int | None = None) -> Result:
    """A final; times are in packets."""
    times = [None if place is None else place * 40 for place in (start, end)]
    return Result(index, "x", final=True, start_ms=times[0], end_ms=times[1])


class Sent(Ledger):
    """A ledger to which ``pattern`` was sent: ``x`` speech, ``.`` silence, ``m`` made silence."""

    def __init__(self, pattern: str = "", start: int = 0) -> None:
        self.speech: set[int] = set()
        super().__init__(start)
        self.connected()
        self._next = self._furthest = start
        self.send(pattern)

    def send(self, pattern: str) -> None:
        for letter in pattern:
            if letter == "m":
                self.sent(None)
                continue
            if letter == "x" and self._next >= self._furthest:
                self.speech.add(self._next)  # in a replay a packet is what it was
            self.sent(self._next, self._next in self.speech)
            self._next += 1
            self._furthest = max(self._furthest, self._next)

    def again(self) -> None:
        """A new connection: what follows is the replay."""
        self.connected()
        self._next = self.resume


def test_times_count_what_was_sent_on_the_connection() -> None:
    ledger = Sent("xx" + "mmm" + "xx", start=100)
    places = [ledger.ring_seq(position * 40) for position in range(8)]
    assert places == [100, 101, 102, 102, 102, 102, 103, 104]


def test_times_within_a_packet_belong_to_it() -> None:
    ledger = Sent("xxx", start=10)
    assert [ledger.ring_seq(ms) for ms in (0, 39, 40, 119)] == [10, 10, 11, 12]


def test_times_beyond_what_was_sent_are_its_end() -> None:
    assert Sent("xxx", start=10).ring_seq(10_000_000) == 13


def test_an_end_in_made_silence_is_the_end_of_the_speech_before_it() -> None:
    """The sound was cut in mid-speech; the service ends the sentence in what came after."""
    ledger = Sent("." * 5 + "x" * 20 + "m" * 30)
    place = ledger.final(said(start=5, end=33))
    assert (place.start, place.end) == (5, 25)
    assert ledger.answered
    between = Sent("x" * 10 + "m" * 20 + "x" * 10)
    place = between.final(said(start=0, end=20))
    assert (place.start, place.end) == (0, 10)
    assert between.final(said(1, start=25, end=40)).start == 10


def test_a_service_without_times_that_is_late_makes_no_cue_late() -> None:
    """Each sentence's partials and its final come 1.2 s after what they are made of."""
    ledger, lag = Sent(), 30
    sentence = "x" * 20 + "." * 6 + "x" * 20 + "." * 25  # with a short breath in it
    sound = "." * 10 + sentence * 3 + "." * 40
    places = []
    for n, letter in enumerate(sound):
        ledger.send(letter)
        index, at = divmod(n - lag - 10, len(sentence))
        if 0 <= index < 3 and at in (10, 20, 45):
            ledger.partial(Result(index, "x" * at))
        if 0 <= index < 3 and at == 64:
            place = ledger.final(Result(index, "x", final=True))
            places.append((place.start, place.end))
    assert places == [(10 + 71 * n, 10 + 71 * n + 46) for n in range(3)]


def test_left_out_silence_is_jumped_over() -> None:
    ledger = Sent("xx")
    ledger._next = 50
    ledger.send("xx")
    assert [ledger.ring_seq(position * 40) for position in range(4)] == [0, 1, 50, 51]


def test_times_begin_at_zero_again_on_a_new_connection() -> None:
    ledger = Sent("x" * 10)
    ledger.final(said(start=0, end=4))
    ledger.again()
    ledger.send("x" * 6)
    assert ledger.ring_seq(0) == 4


def test_with_times_a_replay_begins_exactly_after_the_last_final() -> None:
    ledger = Sent("." * 3 + "x" * 30)
    place = ledger.final(said(start=3, end=9))
    assert (place.start, place.end, place.replayed) == (3, 9, False)
    assert ledger.resume == 9
    assert ledger.unanswered == 24
    assert not ledger.answered


def test_two_detectors_may_differ_a_little_about_where_speech_ends() -> None:
    ledger = Sent("x" * (20 + SLACK))
    ledger.final(said(start=0, end=20))
    assert ledger.answered
    assert ledger.certain
    ledger.send("x")
    assert not ledger.answered


def test_without_times_a_replay_begins_where_the_newest_partial_may_have_ended() -> None:
    ledger = Sent("x" * 60)
    ledger.partial(Result(0, "x"))
    ledger.send("x" * 10 + "." * GAP)
    ledger.final(said())
    assert ledger.resume == 60 - LATENCY


def test_or_at_the_first_pause_after_that() -> None:
    ledger = Sent("x" * 5 + "." * (LATENCY + GAP))
    ledger.partial(Result(0, "x"))
    ledger.send("x" * 5)
    place = ledger.final(said())
    assert (place.start, ledger.resume) == (0, 5)


def test_a_sentence_without_times_begins_with_its_speech() -> None:
    ledger = Sent("...xx")
    assert ledger.partial(Result(0, "x")).start == 3


def test_a_silent_beginning_is_never_replayed_but_for_a_pad() -> None:
    ledger = Sent("." * 50)
    assert ledger.nothing_said
    assert ledger.resume == 50 - PAD


def test_answered_is_when_all_speech_lies_before_the_last_final() -> None:
    ledger = Sent("xxxx")
    assert not ledger.answered
    ledger.partial(Result(0, "x"))
    assert ledger.open_sentences == 1
    ledger.final(said(start=0, end=4))
    assert ledger.answered
    assert ledger.certain
    ledger.send("." * SLACK + "x")
    assert not ledger.answered


def test_an_open_sentence_is_not_answered() -> None:
    ledger = Sent("xxxx")
    ledger.final(said(0, start=0, end=4))
    ledger.partial(Result(1, "more"))
    assert not ledger.answered


def test_the_last_final_may_come_a_little_before_our_detector_lets_go() -> None:
    ledger = Sent("xxxxxxxx....xxxxxx")
    ledger.partial(Result(0, "a"))
    ledger.send("xx")
    ledger.final(Result(0, "a", final=True))
    assert ledger.likely
    ledger.send("x" * SLACK)
    assert ledger.likely
    ledger.send("x")
    assert not ledger.likely


def test_a_service_that_never_finishes_a_sentence_does_not_fill_the_memory() -> None:
    ledger = Ledger()
    ledger.connected()
    for seq in range(MAX_SPEECH + 10):
        ledger.sent(seq, True)
    assert len(ledger._speech) <= MAX_SPEECH
    assert ledger.resume > 0
    assert ledger.unanswered == len(ledger._speech)


def test_what_a_replay_repeats_is_marked() -> None:
    ledger = Sent("x" * 60)
    ledger.partial(Result(0, "x"))
    ledger.send("x" * 10 + "." * GAP)
    assert not ledger.final(said()).replayed
    ledger.again()
    ledger.send("x" * 10)
    assert ledger.partial(Result(0, "x")).replayed
    assert ledger.final(said()).replayed


def test_what_had_no_final_is_not_marked_when_it_comes_again() -> None:
    ledger = Sent("x" * 20)
    ledger.final(said(start=0, end=10))
    ledger.again()
    ledger.send("x" * 10)
    assert not ledger.final(said(start=0, end=10)).replayed


def test_what_is_settled_is_never_replayed() -> None:
    ledger = Sent("xxxxxx")
    ledger.partial(Result(0, "x"))
    ledger.settle(4)
    assert (ledger.resume, ledger.open_sentences) == (4, 0)
    ledger.settle()
    assert ledger.resume == 6
    assert ledger.answered
    assert ledger.unanswered == 0


def test_a_new_take_leaves_everything_before_it_behind() -> None:
    ledger = Sent("xxxx")
    ledger.begin(100)
    assert ledger.resume == 100
    assert ledger.nothing_said
    ledger.begin(50)
    assert ledger.resume == 100, "never back"


steps = st.lists(
    st.one_of(
        st.text("x.m", min_size=1, max_size=30),
        st.integers(0, 3).map(lambda index: Result(index, "x")),
        st.builds(
            lambda index, start, length: said(index, start, start + length),
            st.integers(0, 3),
            st.integers(0, 200),
            st.integers(0, 60),
        ),
        st.integers(0, 3).map(said),
        st.just(None),
    ),
    max_size=30,
)


@given(steps)
def test_places_stay_in_order_and_a_replay_never_goes_back(
    steps: list[str | Result | None],
) -> None:
    ledger = Sent()
    for step in steps:
        before = ledger.resume
        if step is None:
            ledger.again()
        elif isinstance(step, str):
            ledger.send(step)
        else:
            place = ledger.final(step) if step.final else ledger.partial(step)
            assert place.start <= place.end
            assert place.end <= ledger.reached
        assert before <= ledger.resume <= ledger.reached
        assert not (ledger.nothing_said and ledger.unanswered)


@given(st.text("x.m", max_size=200), st.integers(0, 300))
def test_every_time_lies_on_what_was_sent(pattern: str, position: int) -> None:
    ledger = Sent(pattern)
    assert 0 <= ledger.ring_seq(position * 40) <= ledger.reached


def test_sentences_without_end_that_are_never_final_are_not_all_kept_in_mind() -> None:
    ledger = Sent("xxx")
    for index in range(1000):
        ledger.partial(Result(index, "x"))
    assert ledger.open_sentences <= MAX_OPEN
