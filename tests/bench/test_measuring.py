"""The measuring itself: the clocked microphone, the floor and the service, for a second."""

from __future__ import annotations

import shutil
import subprocess
import sys
from itertools import groupby, pairwise
from pathlib import Path

import pytest

from tests.bench import figures, trial
from tests.bench.arrivals import Report, Sink
from tests.bench.contestants import Contestant, Started, running
from tests.bench.frames import BINARY, PING, Frame, Peer, pack
from tests.bench.workshop import MICROPHONE, Workshop
from tests.system.broker import wait_until

needs_alsa = pytest.mark.skipif(
    not shutil.which("gcc") or not Path("/usr/include/alsa/pcm_ioplug.h").exists(),
    reason="gcc or libasound2-dev is not installed",
)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("workshop"))


def floor(workshop: Workshop) -> Contestant:
    return Contestant("floor", lambda port: [str(workshop.floor), MICROPHONE, str(port)])


def listen(workshop: Workshop, packets: int, outage_s: float = 0.0) -> tuple[Report, Started]:
    with Sink() as sink:
        with running(floor(workshop), workshop, sink.port) as started:
            wait_until(lambda: sink.state()["packets"] >= packets, "packets")
            if outage_s:
                sink.outage(outage_s)
                wait_until(lambda: sink.state()["packets"] >= 2 * packets, "packets again")
        return sink.report(), started


@needs_alsa
def test_every_packet_of_the_microphone_arrives_once_with_its_time(workshop: Workshop) -> None:
    report, started = listen(workshop, 25)
    for _, stream in groupby(report.arrivals, lambda arrival: arrival.epoch):  # after an overrun
        numbers = [arrival.number for arrival in stream]
        assert numbers == list(range(len(numbers)))
    assert report.unmarked == 0
    first = report.arrivals[0]
    assert started.at < first.epoch < first.captured
    latencies = figures.latencies_ms(report.arrivals)
    assert min(latencies) > 0
    assert min(latencies) < 20, "a time base is wrong"


@needs_alsa
def test_an_outage_tears_the_connection_and_what_was_said_is_lost(workshop: Workshop) -> None:
    report, _ = listen(workshop, 10, outage_s=0.5)
    (begin, end), *others = report.outages
    assert not others
    assert end - begin >= 0.5e9
    assert not figures.between(report.arrivals, begin, end)
    assert {arrival.connection for arrival in report.arrivals} == {0, 1}
    captured = [arrival.captured for arrival in report.arrivals]
    assert max(b - a for a, b in pairwise(captured)) >= 0.4e9


@needs_alsa
def test_a_card_that_is_not_read_overruns_and_begins_anew(workshop: Workshop) -> None:
    pytest.importorskip("alsaaudio")
    script = (
        "import alsaaudio, time\n"
        f"mic = alsaaudio.PCM(alsaaudio.PCM_CAPTURE, device={MICROPHONE!r}, channels=1,"
        " rate=16000, format=alsaaudio.PCM_FORMAT_S16_LE, periodsize=320, periods=12)\n"
        "while mic.read()[0] != 320: pass\n"
        "time.sleep(0.4)\n"
        "print(mic.read()[0])\n"
        "while mic.read()[0] != 320: pass\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=workshop.environment,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.stdout.split() == ["-32"], done.stderr


@needs_alsa
def test_a_contestant_that_ends_is_a_broken_run(workshop: Workshop) -> None:
    with pytest.raises(RuntimeError, match="none ended by itself"):
        trial.start_ms(Contestant("none", lambda _: ["/bin/false"]), workshop)


def test_frames_are_read_however_they_are_cut() -> None:
    request = b"GET / HTTP/1.1\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    mask = b"\1\2\3\4"
    ping = bytes([0x80 | PING, 0x80 | 2]) + mask + bytes([ord("h") ^ 1, ord("i") ^ 2])
    audio = bytes(range(256)) * 5
    masked = bytes(byte ^ mask[n % 4] for n, byte in enumerate(audio))
    binary = bytes([0x80 | BINARY, 0x80 | 126]) + len(audio).to_bytes(2) + mask + masked
    peer, frames, answers = Peer(), list[Frame](), b""
    sent = request + ping + binary
    for at in range(0, len(sent), 7):
        new, answer = peer.feed(sent[at : at + 7])
        frames, answers = frames + new, answers + answer
    assert frames == [Frame(BINARY, audio)]
    assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in answers
    assert answers.endswith(pack(10, b"hi"))
