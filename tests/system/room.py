"""A room as a process: what comes out of the speaker reaches the microphone, late and by many ways.

    python -m tests.system.room SPEAKER.monitor MICROPHONE

reads one PulseAudio device and plays into another (16 kHz mono), 20 ms at a time.
"""

from __future__ import annotations

import subprocess
import sys

import numpy

from tests.system.pulse import RATE

LOUDNESS = 0.4  # of the first sound that arrives
FIRST_MS, DECAY_MS = 5, 200  # when it does, and in what time its echoes are gone (60 dB)
BLOCK = RATE // 50
SOUND = ["--raw", f"--rate={RATE}", "--channels=1", "--format=s16le"]
AHEAD_MS = 250  # of the sound on its way: the air never stalls, and this process must not either


def response() -> numpy.ndarray:
    """What the microphone hears of a click: itself, and echoes that die away."""
    dice = numpy.random.default_rng(3)
    count = RATE * DECAY_MS // 1000
    decay = 10 ** (-3 * numpy.arange(count) / count)
    echoes = dice.normal(size=count) * decay * (dice.random(count) < 0.05)
    echoes[0] = 4.0
    return LOUDNESS / 4.0 * numpy.concatenate((numpy.zeros(RATE * FIRST_MS // 1000), echoes))


def main() -> None:
    speaker, microphone = sys.argv[1:]
    path = response()
    rest = numpy.zeros(len(path) - 1)
    with (
        subprocess.Popen(
            ["parec", *SOUND, "--latency-msec=20", "-d", speaker], stdout=subprocess.PIPE
        ) as ear,
        subprocess.Popen(
            ["pacat", *SOUND, f"--latency-msec={AHEAD_MS}", "-d", microphone], stdin=subprocess.PIPE
        ) as mouth,
    ):
        assert ear.stdout is not None
        assert mouth.stdin is not None
        while data := ear.stdout.read(2 * BLOCK):
            sound = numpy.frombuffer(data[: len(data) & ~1], "<i2").astype(float)
            heard = numpy.convolve(sound, path)
            heard[: len(rest)] += rest
            now, rest = heard[: len(sound)], heard[len(sound) :]
            mouth.stdin.write(now.clip(-32768, 32767).astype("<i2").tobytes())
            mouth.stdin.flush()


if __name__ == "__main__":
    main()
