"""The tape: which packets leave, in which order, and what is left out to catch up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.audio.ring import SOUND, VOICED, Ring
from agent.events import Pair
from agent.link.tape import FAR, KEEP, LEAST, LONG_SILENCE, PAD, Tape

SIZE = 4
ONE, OTHER = Pair("en", "es"), Pair("es", "en")


def write(ring: Ring, pattern: str) -> None:
    """``x`` is speech, ``o`` may be, ``.`` is silence; each packet carries its place."""
    for letter in pattern:
        flags = {"x": VOICED | SOUND, "o": SOUND}.get(letter, 0)
        ring.write(ring.head.to_bytes(SIZE, "big"), ring.head * 0.04, flags)


def play(tape: Tape, count: int = 10_000, pair: Pair | None = None) -> list[int]:
    """Send what can be sent, at most ``count`` packets."""
    sent: list[int] = []
    while len(sent) < count and (packet := tape.next(pair)) is not None:
        assert int.from_bytes(packet.data, "big") == packet.seq
        tape.sent(packet)
        sent.append(packet.seq)
    return sent


def recorded(pattern: str, *, capacity: int = 500, catch_up: bool = False) -> Tape:
    """A tape whose gate was open all the time while ``pattern`` was captured."""
    ring = Ring(SIZE, capacity)
    tape = Tape(ring, catch_up=catch_up)
    tape.open(0, ONE)
    write(ring, pattern)
    return tape


def test_only_takes_are_played() -> None:
    ring = Ring(SIZE, 100)
    write(ring, "x" * 30)
    tape = Tape(ring, catch_up=False)
    assert tape.next() is None
    tape.open(5, ONE)
    tape.close(8)
    tape.open(20, ONE)
    tape.close(23)
    assert tape.backlog == 6
    assert play(tape) == [5, 6, 7, 20, 21, 22]
    assert tape.backlog == 0
    assert tape.current is None


@given(st.text("xo.", max_size=400))
def test_what_may_be_speech_is_never_left_out(pattern: str) -> None:
    sent = play(recorded(pattern, catch_up=True))
    assert {n for n, letter in enumerate(pattern) if letter != "."} <= set(sent)


def test_an_open_take_goes_on_as_it_is_captured() -> None:
    ring = Ring(SIZE, 100)
    tape = Tape(ring)
    tape.open(0, ONE)
    write(ring, "xx")
    assert play(tape) == [0, 1]
    write(ring, "x")
    assert play(tape) == [2]
    assert tape.is_open


def test_a_pre_roll_that_reaches_into_the_last_take_repeats_nothing() -> None:
    ring = Ring(SIZE, 100)
    tape = Tape(ring, catch_up=False)
    tape.open(0, ONE)
    write(ring, "x" * 10)
    tape.close(15)
    assert play(tape) == list(range(10))
    tape.open(3, OTHER)
    write(ring, "x" * 5)
    tape.close(15)
    assert play(tape) == list(range(10, 15))


def test_a_press_in_the_tail_goes_on_where_the_take_before_it_stands() -> None:
    ring = Ring(SIZE, 100)
    tape = Tape(ring, catch_up=False)
    tape.open(0, ONE)
    write(ring, "x" * 10)
    tape.close(15)
    tape.open(3, OTHER)
    write(ring, "x" * 5)
    assert tape.backlog == 15
    assert play(tape) == list(range(15))
    assert [(take.start, take.end) for take in tape.takes] == [(0, 10), (10, None)]


def test_opening_an_open_gate_changes_nothing() -> None:
    tape = recorded("xxx")
    tape.open(0, OTHER)
    assert len(tape.takes) == 1
    assert tape.takes[0].pair == ONE


def test_a_closed_take_can_only_be_made_shorter() -> None:
    tape = recorded("x" * 10)
    tape.close(6)
    tape.close(8)
    assert play(tape) == list(range(6))
    tape = recorded("x" * 10)
    tape.close(6)
    tape.close(4)
    assert play(tape) == list(range(4))


def test_closing_a_gate_that_was_never_open_changes_nothing() -> None:
    tape = Tape(Ring(SIZE, 10))
    tape.close(5)
    assert not tape.takes


def test_another_pair_is_waited_for() -> None:
    ring = Ring(SIZE, 100)
    write(ring, "x" * 6)
    tape = Tape(ring)
    tape.open(0, ONE)
    tape.close(3)
    tape.open(3, OTHER)
    assert play(tape, pair=ONE) == [0, 1, 2]
    assert tape.current is not None
    assert tape.current.pair == OTHER
    assert play(tape, pair=OTHER) == [3, 4, 5]


def test_a_replay_plays_again_and_counts_nothing_as_lost() -> None:
    tape = recorded("x" * 10)
    assert play(tape) == list(range(10))
    tape.rewind(4)
    assert play(tape) == list(range(4, 10))
    assert tape.furthest == 10
    assert tape.lost == 0


def test_rewinding_forward_is_no_skipping() -> None:
    tape = recorded("x" * 10)
    play(tape, 3)
    tape.rewind(8)
    assert play(tape) == list(range(3, 10))


def test_what_was_overwritten_before_a_replay_is_lost_as_well() -> None:
    tape = recorded("x" * 6, capacity=10)
    assert play(tape, 4) == [0, 1, 2, 3]
    write(tape._ring, "x" * 10)
    tape.rewind(0)
    assert play(tape) == list(range(6, 16))
    assert tape.lost == 6


def test_losses_end_with_the_take() -> None:
    ring = Ring(SIZE, 10)
    tape = Tape(ring)
    tape.open(0, ONE)
    write(ring, "xxx")
    tape.close(3)
    write(ring, "x" * 20)
    assert play(tape) == []
    assert tape.lost == 3


def test_answered_takes_are_forgotten_and_others_kept() -> None:
    ring = Ring(SIZE, 100)
    write(ring, "xxxx....xxxx")
    tape = Tape(ring, catch_up=False)
    tape.open(0, ONE)
    tape.close(8)
    tape.open(8, ONE)
    tape.close(12)
    play(tape)
    tape.forget(3)
    assert len(tape.takes) == 2
    tape.forget(4)
    assert len(tape.takes) == 1
    tape.forget(12)
    assert not tape.takes


def test_speech_is_only_what_a_take_holds() -> None:
    ring = Ring(SIZE, 100)
    write(ring, "xxx.xx")
    tape = Tape(ring)
    tape.open(1, ONE)
    tape.close(5)
    assert [tape.voiced(seq) for seq in range(7)] == [
        *(False, True, True, False, True, False, False)
    ]


def test_of_a_long_silence_the_end_of_a_sentence_and_a_pad_stay() -> None:
    tape = recorded("x" * 5 + "." * 60 + "x" * 5, catch_up=True)
    sent = play(tape)
    assert sent == [*range(5 + LEAST), *range(65 - PAD, 70)]
    assert tape.skipped == 60 - LEAST - PAD


def test_a_little_behind_more_of_a_silence_stays() -> None:
    ring = Ring(SIZE, 200)
    tape = Tape(ring)
    tape.open(0, ONE)
    write(ring, "x" + "." * (FAR - 2))
    sent: list[int] = []
    for _ in range(60):
        sent += play(tape, 1)
        write(ring, ".")
    assert sent[: 1 + KEEP] == list(range(1 + KEEP)), "the first that is left out comes after"
    assert tape.skipped > 0


def test_a_lag_shorter_than_the_pad_is_won_back_only_in_a_long_silence() -> None:
    ring = Ring(SIZE, 200)
    tape = Tape(ring)
    tape.open(0, ONE)
    write(ring, "x" + "." * (PAD - 1))
    skipped = []
    for _ in range(LONG_SILENCE + PAD):
        play(tape, 1)
        skipped.append(tape.skipped)
        write(ring, ".")
    assert skipped[LONG_SILENCE] == 0
    assert skipped[-1] > 0


def test_nothing_is_left_out_without_lag() -> None:
    ring = Ring(SIZE, 100)
    tape = Tape(ring)
    tape.open(0, ONE)
    sent: list[int] = []
    for letter in "x" * 3 + "." * 60 + "x":
        write(ring, letter)
        sent += play(tape)
    assert sent == list(range(64))


@given(st.text("x.", max_size=300), st.booleans())
def test_catching_up_leaves_out_silence_only_and_keeps_the_order(
    pattern: str, catch_up: bool
) -> None:
    tape = recorded(pattern, catch_up=catch_up)
    tape.close(len(pattern))
    sent = play(tape)
    assert sent == sorted(set(sent))
    assert len(sent) + tape.skipped == len(pattern)
    assert {n for n, letter in enumerate(pattern) if letter == "x"} <= set(sent)
    assert catch_up or tape.skipped == 0


@given(
    st.lists(
        st.tuples(st.sampled_from(["open", "close", "write", "play", "rewind"]), st.integers(0, 9)),
        max_size=60,
    )
)
def test_whatever_happens_speech_of_takes_is_sent_or_counted_as_lost(
    steps: list[tuple[str, int]],
) -> None:
    ring = Ring(SIZE, 25)
    tape = Tape(ring)
    sent: set[int] = set()
    wanted: set[int] = set()
    for step, amount in steps:
        if step == "open":
            tape.open(max(0, ring.head - amount), ONE)
        elif step == "close":
            tape.close(ring.head + amount)
        elif step == "write":
            write(ring, "x" * amount)
        elif step == "play":
            sent |= set(play(tape, amount))
        else:
            tape.rewind(max(0, tape.seq - amount))
        for take in tape.takes:
            end = ring.head if take.end is None else min(ring.head, take.end)
            wanted |= set(range(take.start, end))
    sent |= set(play(tape))
    rewound = any(step == "rewind" for step, _ in steps)
    never = len(wanted - sent)
    assert never <= tape.lost <= len(wanted) if rewound else tape.lost == never
    assert sent <= wanted
