"""A short sound on its way to the speaker."""

from __future__ import annotations

from agent.audio.pcm import SAMPLE_BYTES, audioop


class Chime:
    """s16le mono that is played once; made by one thread and taken by another."""

    def __init__(self, pcm: bytes) -> None:
        self._pcm, self._at = pcm, 0

    @property
    def over(self) -> bool:
        return self._at >= len(self._pcm)

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes, or what is left."""
        piece = self._pcm[self._at : self._at + size]
        self._at += len(piece)
        return piece

    @staticmethod
    def mixed(speech: bytes, sound: bytes) -> bytes:
        """``speech`` with ``sound``, which is no longer, over its beginning."""
        if not sound:
            return speech
        return audioop.add(speech, sound.ljust(len(speech), b"\0"), SAMPLE_BYTES)
