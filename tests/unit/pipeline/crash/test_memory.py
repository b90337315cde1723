"""The file a crash leaves: taken over where it is whole, set aside where it is anything else."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.audio.pcm import PACKET_MS, packet_bytes
from agent.audio.ring import GUARDED, SOUND, VOICED, Ring
from agent.clock import ManualClock
from agent.errors import RunError
from agent.events import Event, Notice, Pair, Stretch, Unanswered
from agent.link.handover import Handover
from agent.link.tape import KEEP, PAD, Take
from agent.pipeline.crash import file, memory
from agent.pipeline.crash.file import RECORD_AT, RING_AT
from agent.pipeline.crash.memory import CrashMemory
from tests.unit.control.desk import NotingCloud
from tests.unit.pipeline.rig import Rig, packet

PAIR = Pair("en", "zh")
RATE, MEMORY_S = 16000, 8
SERVICE = "twetalk-v2"
PACKET_S = 0.04


class Process:
    """One life of a device: writes packets, tells what is unanswered, dies or stops."""

    def __init__(
        self,
        folder: Path,
        clock: ManualClock,
        *,
        rate: int = RATE,
        memory_s: int = MEMORY_S,
        device: str = "kitchen-1",
        service: str = SERVICE,
    ) -> None:
        self.clock, self.events = clock, list[Event]()
        self.cloud = NotingCloud(Rig(service).provider)
        self.memory = CrashMemory(folder, rate, memory_s, device, clock)
        capacity = memory_s * 1000 // PACKET_MS
        self.ring = Ring(packet_bytes(rate), capacity, self.memory.sound)
        self.keep = self.memory.keep
        self.memory.hand_over(self.cloud, self.events.append)

    def say(self, packets: int, flags: int = VOICED) -> None:
        for _ in range(packets):
            self.clock.advance(PACKET_S)
            mark = self.ring.head + 1
            self.ring.write(packet(mark), self.clock.now(), flags)

    def die(self) -> None:
        """As the kernel does it: the lock goes, the bytes stay."""
        self.memory.close(orderly=False)

    @property
    def recovered(self) -> Handover | None:
        found = [call[1] for call in self.cloud.asked if call[0] == "take over"]
        assert all(isinstance(each, Handover) for each in found)
        return found[0] if found else None  # type: ignore[return-value]

    @property
    def told(self) -> list[tuple[str, object]]:
        notices = [event for event in self.events if isinstance(event, Notice)]
        return [(n.event, n.detail["duration_ms"]) for n in notices]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(1000.0)


def test_the_next_process_takes_over_what_was_not_answered(
    tmp_path: Path, clock: ManualClock
) -> None:
    first = Process(tmp_path, clock)
    assert first.recovered is None
    first.say(30, flags=0)
    left = Unanswered((Stretch(25, None, PAIR),), 30, 30, SERVICE, "s", 3, 25)
    first.keep(left)
    first.say(50)
    first.die()
    clock.advance(2)
    second = Process(tmp_path, clock)
    found = second.recovered
    assert found is not None
    assert found.takes == (Take(30, 80 + KEEP, PAIR),)  # with a pause that ends the sentence
    assert (found.repeats_until, found.session, found.number, found.origin) == (0, "s", 3, 25)
    assert second.told == [("recovered", 2000)]
    ring = second.ring
    read = [ring.read(seq) for seq in range(30, 80)]
    assert [p.data for p in read if p] == [packet(seq + 1) for seq in range(30, 80)]
    assert ring.head == 80 + KEEP


def test_an_orderly_stop_leaves_nothing(tmp_path: Path, clock: ManualClock) -> None:
    first = Process(tmp_path, clock)
    first.say(50)
    first.keep(Unanswered((Stretch(0, None, PAIR),)))
    first.memory.close(orderly=True)
    assert names(tmp_path) == []
    assert Process(tmp_path, clock).recovered is None
    first.say(1)  # a thread that ends late writes to nowhere, and does not die of it


def test_it_is_readable_for_nobody_else(tmp_path: Path, clock: ManualClock) -> None:
    Process(tmp_path / "new", clock).say(1)
    assert stat.S_IMODE((tmp_path / "new" / "memory").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


def test_what_is_older_than_memory_is_not_sent_again(tmp_path: Path, clock: ManualClock) -> None:
    first = Process(tmp_path, clock)
    first.keep(Unanswered((Stretch(0, None, PAIR),)))
    first.say(100)
    first.die()
    clock.advance(MEMORY_S - 2 + 0.01)
    second = Process(tmp_path, clock)
    assert second.recovered is not None
    assert second.recovered.takes[0].start == 50
    assert second.told == [("lost_audio", 2000), ("recovered", 2000)]
    second.die()
    clock.advance(MEMORY_S + 1)
    assert Process(tmp_path, clock).recovered is None


def test_it_begins_where_somebody_may_have_spoken(tmp_path: Path, clock: ManualClock) -> None:
    first = Process(tmp_path, clock)
    first.keep(Unanswered((Stretch(0, None, PAIR),)))
    first.say(60, flags=0)
    first.say(10, flags=SOUND)
    first.say(60, flags=VOICED | GUARDED)  # our own speaker
    first.die()
    found = Process(tmp_path, clock).recovered
    assert found is not None
    assert found.takes[0].start == 60 - PAD


def test_where_nobody_spoke_there_is_nothing(tmp_path: Path, clock: ManualClock) -> None:
    first = Process(tmp_path, clock)
    first.keep(Unanswered((Stretch(0, None, PAIR),)))
    first.say(60, flags=0)
    first.die()
    second = Process(tmp_path, clock)
    assert second.recovered is None
    assert second.told == []
    assert second.ring.head == 60


def test_only_what_is_not_on_the_disk_is_kept(tmp_path: Path, clock: ManualClock) -> None:
    first = Process(tmp_path, clock)
    first.say(60)
    first.keep(Unanswered((Stretch(0, 60, PAIR),), session="s"))
    first.keep(Unanswered((), 60, 60, SERVICE, "s", 1, final=0))
    first.die()
    second = Process(tmp_path, clock)
    found = second.recovered
    assert found is not None
    assert (found.takes[0].start, found.repeats_until, found.number) == (0, 60, 1)
    second.keep(Unanswered((Stretch(0, 60, PAIR),), 0, 60, SERVICE, "s", 1))
    second.keep(Unanswered((), resume=90, session="s", number=2, covered=90, final=1))
    second.memory.saved("s-1")
    second.die()
    assert Process(tmp_path, clock).recovered is None


def test_a_crash_before_anything_was_done_loses_nothing(tmp_path: Path, clock: ManualClock) -> None:
    first = Process(tmp_path, clock)
    first.say(60)
    first.keep(Unanswered((Stretch(0, None, PAIR),), session="s"))
    first.die()
    for _ in range(3):
        clock.advance(1)
        again = Process(tmp_path, clock)
        assert again.recovered is not None
        assert again.recovered.takes[0].start == 0
        again.die()


def test_another_service_gets_what_it_can_speak_under_numbers_of_its_own(
    tmp_path: Path, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    first = Process(tmp_path, clock)
    first.say(60)
    takes = (Stretch(0, 20, Pair("xx", "yy")), Stretch(20, None, PAIR))
    first.keep(Unanswered(takes, service=SERVICE, session="s", number=4))
    first.die()
    second = Process(tmp_path, clock, service="tencent-tsi")
    found = second.recovered
    assert found is not None
    assert second.told == [("lost_audio", 800), ("recovered", 1600)]
    assert [take.pair for take in found.takes] == [PAIR]
    assert (found.session, found.number) == ("", 0)
    assert "xx" in caplog.text


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"rate": 8000}, "audio.rate is 8000"),
        ({"memory_s": 9}, "network.memory_s is another"),
        ({"device": "hall"}, "another device's"),
    ],
)
def test_of_another_configuration_it_is_set_aside(
    tmp_path: Path,
    clock: ManualClock,
    caplog: pytest.LogCaptureFixture,
    other: dict[str, object],
    why: str,
) -> None:
    first = Process(tmp_path, clock)
    first.say(60)
    first.keep(Unanswered((Stretch(0, None, PAIR),)))
    first.die()
    second = Process(tmp_path, clock, **other)  # type: ignore[arg-type]
    assert second.recovered is None
    assert second.ring.head == 0
    assert why in caplog.text
    assert names(tmp_path) == ["memory", "memory.aside"]


def test_after_a_start_of_the_machine_it_means_nothing(
    tmp_path: Path,
    clock: ManualClock,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Process(tmp_path, clock).die()
    monkeypatch.setattr(memory, "boot", lambda: "another")
    assert Process(tmp_path, clock).ring.head == 0
    assert "start of this machine" in caplog.text


def test_a_second_process_goes_without(tmp_path: Path, clock: ManualClock) -> None:
    first = Process(tmp_path, clock)
    first.say(5)
    with pytest.raises(RunError, match="another process uses it"):
        Process(tmp_path, clock)
    assert first.ring.head == 5
    first.die()
    assert Process(tmp_path, clock).ring.head == 5


def test_only_one_is_kept_aside(tmp_path: Path, clock: ManualClock) -> None:
    for device in ("a", "b", "c", "d"):
        Process(tmp_path, clock, device=device).die()
        (tmp_path / "memory").write_bytes(b"rubbish")
    assert len(names(tmp_path)) == 2


def test_what_others_could_have_written_is_not_trusted(tmp_path: Path, clock: ManualClock) -> None:
    first = Process(tmp_path, clock)
    first.say(60)
    first.keep(Unanswered((Stretch(0, None, PAIR),)))
    first.die()
    (tmp_path / "memory").chmod(0o666)
    assert Process(tmp_path, clock).recovered is None


@pytest.mark.parametrize("what", ["link", "folder", "socket", "pipe"])
def test_whatever_is_in_the_way_is_moved(tmp_path: Path, clock: ManualClock, what: str) -> None:
    path = tmp_path / "memory"
    if what == "link":
        path.symlink_to(tmp_path / "elsewhere")
    elif what == "folder":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    else:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(str(path))
    Process(tmp_path, clock).say(1)
    assert path.is_file()
    assert not (tmp_path / "elsewhere").exists()


def test_where_there_is_no_room_it_says_so(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file, "SHARE", 1 << 40)
    with pytest.raises(RunError, match=r"no room for 0 MB; lower network\.memory_s"):
        Process(tmp_path, clock)
    assert names(tmp_path) == []


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path, clock: ManualClock) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="Not a directory"):
        Process(tmp_path / "file" / "run", clock)


def test_more_takes_than_the_record_holds_drop_the_oldest(
    tmp_path: Path, clock: ManualClock
) -> None:
    first = Process(tmp_path, clock)
    first.say(199)
    first.keep(Unanswered(tuple(Stretch(n, n + 1, PAIR) for n in range(-3000, 199))))
    first.die()
    found = Process(tmp_path, clock).recovered
    assert found is not None
    assert found.takes[-1].start == 198


# --- anything at all as the file ---------------------------------------------------------------


def left_behind(folder: Path, clock: ManualClock) -> bytes:
    """A good file: 60 packets of speech, of which those from 20 on are unanswered."""
    path = folder / "memory"
    for old in (path, path.with_name("memory.aside")):
        old.unlink(missing_ok=True)
    process = Process(folder, clock)
    process.say(60)
    process.keep(Unanswered((Stretch(0, None, PAIR),), resume=20, session="s"))
    process.die()
    return path.read_bytes()


def check_whatever_is_found(folder: Path, clock: ManualClock, spoiled: bytes) -> None:
    """It never fails, and what it hands over was said: whole packets of the old ring."""
    path = folder / "memory"
    path.write_bytes(spoiled)
    path.chmod(0o600)
    process = Process(folder, clock)
    if (found := process.recovered) is not None:
        ring = process.ring
        assert 0 <= found.repeats_until <= ring.head
        assert found.number >= 0
        assert found.origin is None or 0 <= found.origin < ring.head
        for take in found.takes:
            assert ring.tail <= take.start < (take.end or 0) <= ring.head
            for seq in range(take.start, take.end or 0):
                assert ring.read(seq) is not None
    process.die()


slow = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@slow
@given(content=st.binary(max_size=400))
def test_any_bytes_may_be_the_file(tmp_path: Path, clock: ManualClock, content: bytes) -> None:
    check_whatever_is_found(tmp_path, clock, content)


@slow
@given(share=st.floats(0, 1))
def test_any_beginning_of_it_may_be_the_file(
    tmp_path: Path, clock: ManualClock, share: float
) -> None:
    whole = left_behind(tmp_path, clock)
    check_whatever_is_found(tmp_path, clock, whole[: int(len(whole) * share)])


@slow
@given(
    places=st.lists(
        st.one_of(
            st.integers(0, 60),
            st.integers(RECORD_AT, RECORD_AT + 120),
            st.integers((RECORD_AT + RING_AT) // 2, (RECORD_AT + RING_AT) // 2 + 120),
            st.integers(RING_AT, RING_AT + 24),
            st.integers(RING_AT, RING_AT + 100_000),
        ),
        min_size=1,
        max_size=4,
    ),
    value=st.integers(0, 255),
)
def test_any_byte_of_it_may_be_another(
    tmp_path: Path, clock: ManualClock, places: list[int], value: int
) -> None:
    spoiled = bytearray(left_behind(tmp_path, clock))
    for place in places:
        spoiled[place] = value
    check_whatever_is_found(tmp_path, clock, bytes(spoiled))


@slow
@given(record=st.binary(max_size=300))
def test_any_record_may_be_in_it(tmp_path: Path, clock: ManualClock, record: bytes) -> None:
    process = Process(tmp_path, clock)
    process.say(10)
    process.memory._record.write(record)
    process.die()
    check_whatever_is_found(tmp_path, clock, (tmp_path / "memory").read_bytes())


@slow
@given(
    takes=st.lists(
        st.tuples(st.integers(-(1 << 63), 1 << 63), st.none() | st.integers(-9, 1 << 63)),
        max_size=4,
    ),
    numbers=st.tuples(*[st.integers(-(1 << 63), (1 << 64) - 1)] * 4),
)
def test_any_numbers_may_be_in_its_record(
    tmp_path: Path,
    clock: ManualClock,
    takes: list[tuple[int, int | None]],
    numbers: tuple[int, int, int, int],
) -> None:
    process = Process(tmp_path, clock)
    process.say(60)
    resume, covered, number, origin = numbers
    stretches = tuple(Stretch(start, end, PAIR) for start, end in takes)
    process.keep(Unanswered(stretches, resume, covered, SERVICE, "s", number, origin))
    process.die()
    check_whatever_is_found(tmp_path, clock, (tmp_path / "memory").read_bytes())
