"""The cancellers on a computed loop: what the speaker says is gone, what a person says is not."""

from __future__ import annotations

from typing import Any

import numpy
import numpy.typing
import pytest

from agent.ears.canceller import Canceller
from agent.ears.delay import delay, likeness
from agent.ears.halfband import Doubler, Halver
from agent.ears.linear import LIBRARY, LinearCanceller
from agent.ears.reference import Samples

RATES = [16000, 8000]


def _has_speex() -> bool:
    try:
        LinearCanceller(16000)
    except OSError:
        return False
    return True


def s16(sound: numpy.typing.NDArray[Any]) -> Samples:
    whole: Samples = sound.astype(numpy.int16)
    return whole


def talk(rate: int, seconds: float, seed: int = 1) -> Samples:
    """Noise in syllables."""
    dice = numpy.random.default_rng(seed)
    count = round(rate * seconds)
    shape = numpy.abs(numpy.sin(numpy.arange(count) * 8 / rate)) ** 2
    return s16(dice.normal(size=count) * shape * 3000)


def late(sound: Samples, rate: int, ms: float) -> Samples:
    """An echo, at half its loudness."""
    zeros = numpy.zeros(round(rate * ms / 1000), numpy.int16)
    return s16(numpy.concatenate((zeros, sound // 2))[: len(sound)])


def through(
    canceller: Canceller | LinearCanceller, near: Samples, far: Samples, rate: int
) -> Samples:
    size = rate // 25
    parts = [slice(at, at + size) for at in range(0, len(near) - size + 1, size)]
    return numpy.concatenate([canceller.process(near[part], far[part]) for part in parts])


def db(sound: Samples) -> float:
    return float(10 * numpy.log10((sound.astype(float) ** 2).mean() + 1e-3))


@pytest.fixture(
    params=[
        Canceller,
        pytest.param(
            LinearCanceller,
            marks=pytest.mark.skipif(not _has_speex(), reason=f"{LIBRARY} is not installed"),
        ),
    ]
)
def kind(request: pytest.FixtureRequest) -> type[Canceller] | type[LinearCanceller]:
    chosen: type[Canceller] | type[LinearCanceller] = request.param
    return chosen


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("ms", [5, 90, 300])
def test_an_echo_is_taken_out(
    kind: type[Canceller] | type[LinearCanceller], rate: int, ms: int
) -> None:
    far = talk(rate, 10)
    near = late(far, rate, ms)
    clean = through(kind(rate), near, far, rate)
    assert len(clean) == len(near)
    after = slice(7 * rate, None)
    assert db(near[after]) - db(clean[after]) > 12


@pytest.mark.parametrize("rate", RATES)
def test_a_person_alone_is_left_as_he_is(
    kind: type[Canceller] | type[LinearCanceller], rate: int
) -> None:
    voice = talk(rate, 4, seed=2)
    clean = through(kind(rate), voice, numpy.zeros_like(voice), rate)
    assert abs(db(clean[rate:]) - db(voice[rate:])) < 1.5


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("ms", [0, 37, 200, 480])
def test_the_delay_of_an_echo_is_found(rate: int, ms: int) -> None:
    far = talk(rate, 2)
    dice = numpy.random.default_rng(3)
    near = s16(late(far, rate, ms) + dice.normal(size=len(far)))
    found = delay(near, far, rate)
    assert found is not None
    assert abs(found * 1000 - ms) <= 0.5


def test_where_there_is_no_echo_no_delay_is_found() -> None:
    assert delay(talk(16000, 2, seed=2), talk(16000, 2, seed=3), 16000) is None
    silence = numpy.zeros(32000, numpy.int16)
    assert delay(silence, silence, 16000) is None
    assert delay(silence, talk(16000, 2), 16000) is None


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("ms", [0, 7, 250, 499])
def test_an_echo_is_like_what_was_played_and_somebody_else_is_not(rate: int, ms: int) -> None:
    far, else_ = talk(rate, 2), talk(rate, 2, seed=3)
    echo, played = late(far, rate, ms)[-rate // 5 :], far[-rate * 7 // 10 :]
    assert likeness(s16(echo / 3), played) > 0.9
    assert likeness(s16(echo + else_[-rate // 5 :]), played) < 0.9
    assert likeness(else_[-rate // 5 :], played) < 0.4


def test_silence_is_like_nothing() -> None:
    silence, far = numpy.zeros(3200, numpy.int16), talk(16000, 1)
    assert likeness(silence, far) == likeness(silence, numpy.zeros(11200, numpy.int16)) == 0
    assert likeness(far[:3200], numpy.zeros(11200, numpy.int16)) == 0


@pytest.mark.parametrize("hertz", [100, 1000, 3000])
def test_up_and_down_again_a_tone_is_what_it_was(hertz: int) -> None:
    tone = s16(8000 * numpy.sin(2 * numpy.pi * hertz * numpy.arange(1600) / 8000))
    up, down = Doubler(), Halver()
    out = numpy.concatenate([down.feed(up.feed(tone[at : at + 80])) for at in range(0, 1600, 80)])
    assert len(out) == len(tone)
    assert abs(db(out[200:]) - db(tone[200:])) < 0.3
    behind = 11
    assert numpy.abs(out[200:1500].astype(int) - tone[200 - behind : 1500 - behind]).max() < 300
