"""A room around the card: what the speaker plays reaches the microphone, and somebody talks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

import alsaaudio

from agent.audio.pcm import audioop
from tests.hardware.checks.machine import ECHO, FEED

PERIOD = 320  # frames, 20 ms
LOUDNESS = 0.3  # of the speech, so that a tone on top of it is not cut off


@contextmanager
def room(speech: bytes) -> Iterator[None]:
    """Carry sound from the speaker to the microphone, mixed with ``speech`` over and over."""
    over = threading.Event()
    talk = audioop.mul(speech, 2, LOUDNESS)

    def carry() -> None:
        at = 0
        while not over.wait(0.1):
            # Where a side of the card gives up it begins anew.
            with suppress(alsaaudio.ALSAAudioError), _both_ends() as (ear, mouth):
                while not over.is_set():
                    frames, heard = ear.read()
                    if frames <= 0:  # an overrun: the next read starts again
                        continue
                    said = (talk[at:] + talk)[: len(heard)]
                    at = (at + len(heard)) % len(talk)
                    mouth.write(audioop.add(heard, said, 2))

    thread = threading.Thread(target=carry)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def _both_ends() -> Iterator[tuple[Any, Any]]:
    """What the speaker plays, to be read; what the microphone hears, to be written."""
    form = {"rate": 16000, "channels": 1, "periodsize": PERIOD, "periods": 4}
    form["format"] = alsaaudio.PCM_FORMAT_S16_LE
    with (
        closing(alsaaudio.PCM(alsaaudio.PCM_CAPTURE, device=ECHO, **form)) as ear,
        closing(alsaaudio.PCM(alsaaudio.PCM_PLAYBACK, device=FEED, **form)) as mouth,
    ):
        yield ear, mouth
