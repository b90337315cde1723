"""The spool: order, room, restarts, and files that something happened to."""

from __future__ import annotations

import errno
import io
import stat
import tempfile
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from agent.events import Pair
from agent.link import spool as module
from agent.link.spool import Recording, Spool

RATE = 16000
EN_ES = Pair("en", "es")
SECOND = 2 * RATE


def recording(mark: int, *, seconds: float = 0.01, session: str = "s1") -> Recording:
    pcm = mark.to_bytes(2, "little") * round(seconds * RATE)
    return Recording(0, session, mark * 10, EN_ES, RATE, pcm)


def mark(recording: Recording) -> int:
    mark = recording.start_ms // 10
    assert recording.on_disk or int.from_bytes(recording.pcm[:2], "little") == mark
    return mark


def drain(spool: Spool) -> list[int]:
    """Everything that waits, in order."""
    found = []
    while (oldest := spool.oldest()) is not None:
        found.append(mark(oldest))
        spool.done(oldest)
    return found


def test_a_recording_is_a_whole_wav_file() -> None:
    with wave.open(io.BytesIO(recording(5, seconds=1.5).wav())) as file:
        assert file.getparams()[:4] == (1, 2, RATE, 24000)
        assert file.readframes(24000) == recording(5, seconds=1.5).pcm
    assert recording(5, seconds=1.5).duration_ms == 1500


@pytest.mark.parametrize("on_disk", [True, False])
def test_the_oldest_comes_first_and_may_be_put_back(tmp_path: Path, on_disk: bool) -> None:
    spool = Spool(tmp_path if on_disk else None)
    assert spool.oldest() is None
    for n in (1, 2, 3):
        assert spool.put(recording(n, seconds=1)) == []
    assert spool.waiting_ms == 3000
    first = spool.oldest()
    assert first is not None
    spool.later(first)
    assert drain(spool) == [2, 3, 1]
    assert spool.waiting_ms == 0


def test_what_is_done_already_cannot_be_put_back() -> None:
    spool = Spool(None)
    spool.put(recording(1))
    first = spool.oldest()
    assert first is not None
    spool.done(first)
    spool.later(first)
    spool.done(first)
    assert spool.oldest() is None


def test_a_restart_keeps_everything_about_a_recording(tmp_path: Path) -> None:
    sound, pair = b"\x01\x02" * 800, Pair("zh", None)
    kept = Recording(0, "s7", 1234, pair, 8000, sound, replayed=True)
    Spool(tmp_path / "a" / "b").put(kept)
    again = Spool(tmp_path / "a" / "b").oldest()
    assert again is not None
    assert again == Recording(1, again.session, 1234, pair, 8000, sound, replayed=True)
    assert again.session.startswith("s7."), "ids of the earlier run must not be used again"


def test_numbers_go_on_after_a_restart(tmp_path: Path) -> None:
    Spool(tmp_path).put(recording(1))
    spool = Spool(tmp_path)
    spool.put(recording(2))
    assert drain(Spool(tmp_path)) == [1, 2]


def test_recordings_are_nobody_elses_business(tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    Spool(folder).put(recording(1))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert {path.suffix for path in folder.iterdir()} == {".wav", ".json"}


def test_the_oldest_go_when_there_is_no_room_and_are_told(tmp_path: Path) -> None:
    spool = Spool(tmp_path, limit=2 * SECOND)
    assert spool.put(recording(1, seconds=1)) == []
    assert spool.put(recording(2, seconds=1)) == []
    assert [mark(gone) for gone in spool.put(recording(3, seconds=2))] == [1, 2]
    assert drain(Spool(tmp_path)) == [3]


def test_the_newest_is_kept_even_if_it_is_too_large(tmp_path: Path) -> None:
    spool = Spool(tmp_path, limit=SECOND)
    assert spool.put(recording(1, seconds=3)) == []
    assert spool.oldest() is not None


def test_without_a_folder_to_write_to_memory_has_to_do(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    spool = Spool(tmp_path / "file" / "recordings")
    assert "kept in memory only" in caplog.text
    spool.put(recording(1))
    assert drain(spool) == [1]


def test_what_a_full_disk_did_not_take_is_written_when_there_is_room(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path)
    spool.put(recording(1))
    write = module._write

    def half(path: Path, data: bytes) -> None:
        path.with_suffix(".part").write_bytes(data[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(module, "_write", half)
        spool.put(recording(2))
        spool.put(recording(3))
        assert caplog.text.count("recordings are kept in memory only") == 1
        assert {path.suffix for path in tmp_path.iterdir()} == {".wav", ".json"}
        spool.done(next(r for r in spool._waiting.values() if mark(r) == 2))
    assert module._write is write
    spool.flush()  # as at a stop
    assert drain(Spool(tmp_path)) == [1, 3]


def test_a_folder_that_can_be_written_only_later(tmp_path: Path) -> None:
    place = tmp_path / "disk"
    before = Spool(place / "recordings")
    before.put(recording(7))
    before.put(recording(8))
    place.rename(tmp_path / "unmounted")
    place.touch()
    spool = Spool(place / "recordings")
    for number in (1, 2, 3):
        spool.put(recording(number))
    held = spool.oldest()
    assert held is not None
    place.unlink()
    (tmp_path / "unmounted").rename(place)
    assert mark(spool.oldest() or held) == 7, "older ones first"
    spool.done(held)
    assert [mark(r) for r in Spool(place / "recordings")._waiting.values()] == [2, 3, 7, 8]
    assert drain(spool) == [7, 8, 2, 3]
    assert drain(Spool(place / "recordings")) == []


def test_memory_holds_no_sound_that_the_disk_has(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for number in range(1, 4):
        spool.put(recording(number, seconds=1.0))
    assert sum(len(each.pcm) for each in spool._waiting.values()) == 0
    assert sum(len(each.pcm) for each in Spool(tmp_path)._waiting.values()) == 0
    assert spool.waiting_ms == Spool(tmp_path).waiting_ms == 3000
    assert drain(spool) == [1, 2, 3]


def test_a_recording_the_disk_lost_is_told_and_holds_up_nobody(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for number in (1, 2):
        spool.put(recording(number, seconds=1.0))
    (tmp_path / "00000001.wav").write_bytes(b"a dying card")
    assert mark(spool.oldest() or recording(0)) == 2
    [lost] = spool.spoiled()
    assert (mark(lost), lost.duration_ms) == (1, 1000)
    assert spool.spoiled() == []


def test_half_written_files_of_a_crash_are_removed(tmp_path: Path) -> None:
    Spool(tmp_path).put(recording(1))
    (tmp_path / "00000002.part").write_bytes(b"RIFF")
    assert drain(Spool(tmp_path)) == [1]
    assert not list(tmp_path.iterdir())


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:20])


def _garbage(path: Path) -> None:
    path.write_bytes(b"\xff\x00garbage")


@pytest.mark.parametrize("damage", [Path.unlink, _cut, _garbage])
@pytest.mark.parametrize("suffix", ["wav", "json"])
def test_a_broken_file_costs_one_recording(
    tmp_path: Path, suffix: str, damage: Callable[[Path], Any]
) -> None:
    spool = Spool(tmp_path)
    for n in (1, 2, 3):
        spool.put(recording(n))
    damage(tmp_path / f"00000002.{suffix}")
    assert drain(Spool(tmp_path)) == [1, 3]
    assert not list(tmp_path.glob("*.wav"))


def test_what_another_spool_of_the_folder_gave_up_is_no_loss(tmp_path: Path) -> None:
    before = Spool(tmp_path)
    for n in (1, 2):
        before.put(recording(n))
    after = Spool(tmp_path)
    assert [mark(gone) for gone in before.withdraw(lambda recording: recording.number == 1)] == [1]
    assert drain(after) == [2]
    assert after.spoiled() == []


def test_a_power_cut_while_writing_leaves_nothing_half(tmp_path: Path) -> None:
    Spool(tmp_path).put(recording(1))
    (tmp_path / "00000002.part").write_bytes(b"RIFF")
    assert drain(Spool(tmp_path)) == [1]


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=200), st.sampled_from(["wav", "json"]))
def test_any_bytes_in_a_file_are_survived(data: bytes, suffix: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Spool(Path(folder)).put(recording(1))
        (Path(folder) / f"00000001.{suffix}").write_bytes(data)
        spool = Spool(Path(folder))
        spool.put(recording(2))
        assert drain(spool)[-1:] == [2]


class Model(RuleBasedStateMachine):
    """The spool beside a plain list of what must be in it; restarts at any time."""

    LIMIT = 6 * SECOND // 100

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.spool = Spool(Path(self.folder.name), self.LIMIT)
        self.order: list[int] = []
        self.lengths: dict[int, int] = {}
        self.count = 0

    def teardown(self) -> None:
        self.folder.cleanup()

    @rule(hundredths=st.integers(1, 4))
    def put(self, hundredths: int) -> None:
        self.count += 1
        self.order.append(self.count)
        self.lengths[self.count] = hundredths * SECOND // 100
        gone = self.spool.put(recording(self.count, seconds=hundredths / 100))
        expected = []
        while len(self.order) > 1 and self._bytes() > self.LIMIT:
            expected.append(self.order.pop(0))
        assert [mark(each) for each in gone] == expected

    @rule()
    def answered(self) -> None:
        oldest = self.spool.oldest()
        if oldest is not None:
            self.spool.done(oldest)
            self.order.pop(0)

    @rule()
    def refused(self) -> None:
        oldest = self.spool.oldest()
        if oldest is not None:
            self.spool.later(oldest)
            self.order.append(self.order.pop(0))

    @rule()
    def restart(self) -> None:
        self.spool = Spool(Path(self.folder.name), self.LIMIT)
        self.order.sort()

    @invariant()
    def the_same_waits(self) -> None:
        oldest = self.spool.oldest()
        assert (mark(oldest) if oldest else None) == (self.order[0] if self.order else None)
        assert self.spool.waiting_ms == sum(self.lengths[n] for n in self.order) * 1000 // SECOND
        assert len(list(Path(self.folder.name).iterdir())) == 2 * len(self.order)

    def _bytes(self) -> int:
        return sum(self.lengths[n] for n in self.order)


TestModel = Model.TestCase
TestModel.settings = settings(deadline=None, max_examples=20, stateful_step_count=20)


def test_what_is_answered_but_not_on_the_disk_is_answered_again_after_a_crash(
    tmp_path: Path,
) -> None:
    first = Spool(tmp_path)
    first.put(recording(1))
    here = first.oldest()
    assert here is not None
    first.answered(here)
    assert first.oldest() is None
    assert first.waiting_ms == 0
    again = Spool(tmp_path).oldest()  # the process has died meanwhile
    assert again is not None
    assert again.replayed
    assert again.pcm == here.pcm
    first.done(here)
    assert list(tmp_path.iterdir()) == []
