"""The figures of the bench, on arrivals made up so that each figure is known."""

from __future__ import annotations

import pytest

from tests.bench import figures, marker
from tests.bench.arrivals import Arrival, Report
from tests.bench.growth import growth, verdict
from tests.bench.limits import verdicts
from tests.bench.marker import BLOCK_NS, CYCLE_NS, SECOND, SPEECH_NS
from tests.bench.trial import Usage, judged

EPOCH = 100 * CYCLE_NS  # speech begins here
MS = 1_000_000


def arrivals(
    count: int, latency_ms: float = 1.0, connection: int = 0, first: int = 0
) -> list[Arrival]:
    """Packets from number ``first`` on, each ``latency_ms`` after its last sample."""
    captured = [EPOCH + (number + 1) * BLOCK_NS for number in range(first, first + count)]
    return [
        Arrival(connection, EPOCH, first + n, at + round(latency_ms * MS), at)
        for n, at in enumerate(captured)
    ]


def moved(arrival: Arrival, ms: float) -> Arrival:
    """The same packet, coming ``ms`` later."""
    at = arrival.at + round(ms * MS)
    return Arrival(arrival.connection, arrival.epoch, arrival.number, at, arrival.captured)


def test_a_perfect_stream_is_on_the_grid() -> None:
    stream = arrivals(100, latency_ms=0.25)
    assert figures.latencies_ms(stream) == [0.25] * 100
    assert set(figures.gaps_ms(stream)) == {40.0}
    assert set(figures.deviations_ms(stream)) == {0.0}
    assert figures.drift_ppm(stream) == pytest.approx(0.0, abs=1e-6)
    assert figures.worst_burst(stream) == pytest.approx(1.0)


def test_late_packets_deviate_and_the_others_do_not() -> None:
    stream = [moved(arrival, 7.0 * (n % 10 == 5)) for n, arrival in enumerate(arrivals(100))]
    assert sorted(figures.deviations_ms(stream)) == [0.0] * 90 + [7.0] * 10
    assert figures.spread("gap_ms", figures.gaps_ms(stream)) == {
        "gap_ms_p50": 40.0,
        "gap_ms_p99": 47.0,
        "gap_ms_max": 47.0,
    }


def test_drift_is_told_in_parts_per_million() -> None:
    slow = [moved(arrival, n * 0.04 * 0.25) for n, arrival in enumerate(arrivals(1000))]
    assert figures.drift_ppm(slow) == pytest.approx(250.0, rel=1e-3)


def test_packets_that_come_at_once_are_a_burst_but_not_over_connections() -> None:
    stream = arrivals(10)
    lumped = [*stream[:5], *(moved(a, (9 - n) * 40) for n, a in enumerate(stream[5:], 5))]
    assert figures.worst_burst(lumped) == pytest.approx(5.0)
    split = [*arrivals(5), *arrivals(5, connection=1)]
    assert figures.worst_burst(split) == pytest.approx(1.0)


def test_speech_that_never_came_is_lost_and_silence_is_not() -> None:
    blocks = CYCLE_NS // BLOCK_NS
    stream = arrivals(blocks)
    end = EPOCH + CYCLE_NS
    assert figures.lost_speech_ms(stream, EPOCH, end) == 0
    assert figures.lost_speech_ms(stream[:10] + stream[13:], EPOCH, end) == 3 * 40
    quiet = SPEECH_NS // BLOCK_NS
    assert figures.lost_speech_ms(stream[:quiet], EPOCH, end) == 0
    assert figures.lost_speech_ms([], EPOCH, end) == SPEECH_NS / MS


def test_what_is_sent_again_is_not_lost_and_counts_once() -> None:
    stream = [*arrivals(20), *arrivals(40, first=10, connection=1)]
    assert figures.lost_speech_ms(stream, EPOCH, EPOCH + 50 * BLOCK_NS) == 0


def test_speech_between_two_streams_of_the_microphone_is_lost() -> None:
    """After an overrun the stream begins anew, anywhere between two blocks."""
    before = arrivals(20)
    epoch = EPOCH + 25 * BLOCK_NS + 10 * MS
    captured = [epoch + (n + 1) * BLOCK_NS for n in range(20)]
    after = [Arrival(0, epoch, n, at + MS, at) for n, at in enumerate(captured)]
    assert figures.lost_speech_ms(before + after, EPOCH, captured[-1]) == 5 * 40 + 10


def test_recovery_is_told_from_when_the_service_is_back() -> None:
    back = EPOCH + 5 * SECOND
    stale = [moved(arrival, 5000) for arrival in arrivals(10)]
    fresh = arrivals(10, latency_ms=2, first=200)
    assert figures.first_after(stale + fresh, back) == pytest.approx(0.041)
    assert figures.first_after(stale + fresh, back, 250) == pytest.approx(3.042)
    assert figures.first_after(stale, back, 250) is None


def test_quantiles_and_thinning_keep_the_ends() -> None:
    assert figures.quantiles(range(1001), 4) == [0, 250, 500, 750, 1000]
    points = figures.thinned([(n, n) for n in range(1000)], 120)
    assert len(points) <= 120
    assert points[0] == (0, 0)


def test_a_whole_run_is_judged() -> None:
    """10 s of streaming, an outage of 3 s, back 0.5 s later without what was said meanwhile."""
    left = EPOCH + CYCLE_NS + SECOND
    count = (left - EPOCH) // BLOCK_NS
    lost = 3 * SECOND // BLOCK_NS + 12
    stream = [*arrivals(count), *arrivals(100, connection=1, first=count + lost)]
    report = Report(stream, 0, [(left, left + 3 * SECOND)], [EPOCH, left + 3 * SECOND])
    found = judged(report, Usage(EPOCH, left, cpu_s=0.3, peak_mb=20.0))
    assert found["cpu_s_per_minute"] == pytest.approx(2.0)
    assert found["latency_ms_p99"] == pytest.approx(1.0)
    assert found["lost_streaming_ms_per_minute"] == 0
    assert found["lost_outage_ms"] == pytest.approx(lost * 40)
    assert found["back_s"] == found["live_s"] == pytest.approx(0.521)


def test_who_never_comes_back_has_lost_the_outage() -> None:
    left = EPOCH + CYCLE_NS + SECOND
    stream = arrivals((left - EPOCH) // BLOCK_NS)
    report = Report(stream, 0, [(left, left + 3 * SECOND)], [EPOCH])
    found = judged(report, Usage(EPOCH, left, cpu_s=0.3, peak_mb=20.0))
    assert found["lost_outage_ms"] == pytest.approx(3000)
    assert found["back_s"] is found["live_s"] is None


def test_a_run_without_packets_is_broken() -> None:
    with pytest.raises(RuntimeError, match="0 packets came"):
        judged(Report([], 0, [(0, 1)], []), Usage(0, SECOND, cpu_s=0.0, peak_mb=1.0))


def test_a_mark_is_read_wherever_the_packet_was_cut() -> None:
    blocks = marker.write(EPOCH, 7, speech=True) + marker.write(EPOCH, 8, speech=True)
    for cut in (0, 100, 1180):
        mark = marker.read(blocks[cut : cut + 1280])
        number = 7 if cut == 0 else 8
        assert mark is not None
        assert (mark.epoch, mark.number) == (EPOCH, number)
        assert mark.captured == EPOCH + 8 * BLOCK_NS + cut // 2 * SECOND // 16000
    assert marker.read(blocks[40:1320]) is None, "the mark of block 8 is cut in two"


@pytest.mark.parametrize("packet", [bytes(1280), bytes(1278) + b"\x64\0", b""])
def test_no_mark_is_no_error(packet: bytes) -> None:
    assert marker.read(packet) is None


GOOD = {
    "cpu_s_per_minute": 0.2,
    "deviation_ms_p99": 0.1,
    "latency_ms_p50": 0.1,
    "latency_ms_p99": 0.2,
    "after_ms_p50": 0.1,
    "peak_mb": 25.0,
    "start_ms": 100.0,
}


@pytest.mark.parametrize(
    ("key", "worst", "too_much"),
    [
        ("cpu_s_per_minute", 0.25, 0.251),
        ("deviation_ms_p99", 0.149, 0.151),
        ("latency_ms_p50", 0.29, 0.31),
        ("after_ms_p50", 0.29, 0.31),
        ("latency_ms_p99", 1.19, 1.21),
        ("peak_mb", 30.0, 30.1),
        ("start_ms", 200.0, 200.1),
    ],
)
def test_each_limit_passes_up_to_its_figure(key: str, worst: float, too_much: float) -> None:
    def met(value: float) -> bool:
        own = GOOD | {key: value}
        judged = verdicts({"floor": [GOOD], "naive": [GOOD], "dragoman": [own]})
        return all(verdict.met for verdict in judged)

    assert met(worst)
    assert not met(too_much)


def test_cpu_is_also_held_against_the_floor() -> None:
    floor = GOOD | {"cpu_s_per_minute": 0.06}
    judged = verdicts({"floor": [floor], "naive": [GOOD], "dragoman": [GOOD]})
    assert [verdict.figure for verdict in judged if not verdict.met] == ["3.33 times"]


def test_a_busy_round_widens_the_spread_and_not_the_verdict() -> None:
    quiet, busy = GOOD, GOOD | {"cpu_s_per_minute": 0.8, "latency_ms_p50": 9.0}
    runs = {"floor": [quiet, busy, quiet], "naive": [quiet, busy, quiet]}
    own = [quiet, busy | {"cpu_s_per_minute": 1.6}, quiet]
    judged = verdicts({**runs, "dragoman": own})
    assert all(verdict.met for verdict in judged)
    cpu = next(verdict for verdict in judged if "naive" in verdict.limit)
    assert cpu.figure == "1.00 (1.00 to 2.00) times"


def test_what_is_secured_has_limits_of_its_own() -> None:
    runs = {"naive, wss": [GOOD], "dragoman, wss": [GOOD | {"peak_mb": 34.1}]}
    judged = verdicts(runs)
    assert [(v.limit, v.met) for v in judged] == [
        ("CPU at most 1.25 times the naive loop's, over wss", True),
        ("memory at most 34 MB, over wss", False),
    ]


def test_growth_is_told_after_the_warm_up_only() -> None:
    def sample(second: int, per_second: float) -> tuple[float, float, float]:
        filling = 50_000 * min(second, 60) / 60
        return (float(second), filling + per_second * second, 40 + filling / 1e6)

    assert growth([sample(n, 0) for n in range(240)]) == {
        "blocks_per_minute": 0.0,
        "kb_per_minute": 0.0,
    }
    leaking = growth([sample(n, 25) for n in range(240)])
    assert leaking["blocks_per_minute"] == pytest.approx(1500)
    assert not verdict(**leaking).met
    assert verdict(**growth([sample(n, 2.5) for n in range(240)])).met, "sentences are kept"
    open_sentences = [(float(n), 100.0 + 4 * (n % 30), 40.0) for n in range(133)]
    assert growth(open_sentences)["blocks_per_minute"] == 0.0, "they end"
    short = growth([sample(n, 25) for n in range(100)])
    assert verdict(**short).met is None
