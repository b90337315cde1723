"""Decodes English with pocketsphinx and the model it brings along."""

from __future__ import annotations

from collections.abc import Sequence

from pocketsphinx import Decoder

from agent.emulator.engines.sentences import RATE


def grammar(phrases: Sequence[str]) -> str:
    """A JSGF grammar of nothing but these phrases, one after the other."""
    return f"#JSGF V1.0;\ngrammar phrases;\npublic <said> = ({' | '.join(phrases)})+;\n"


def new_decoder(phrases: Sequence[str] = ()) -> Decoder:
    """A decoder for any English, or for these phrases only."""
    decoder = Decoder(samprate=RATE, loglevel="FATAL")
    if phrases:
        decoder.add_jsgf_string("phrases", grammar(phrases))
        decoder.activate_search("phrases")
    return decoder


class SphinxDecoder:
    """Decodes as the sound comes in (see `agent.emulator.engines.sentences.Decoder`).

    Loading its model takes a moment.
    """

    def __init__(self, phrases: Sequence[str]) -> None:
        self._decoder = new_decoder(phrases)

    def begin(self) -> None:
        self._decoder.start_utt()

    def decode(self, pcm: bytes) -> None:
        self._decoder.process_raw(pcm)

    def so_far(self) -> str:
        hypothesis = self._decoder.hyp()
        return str(hypothesis.hypstr) if hypothesis else ""

    def end(self) -> str:
        self._decoder.end_utt()
        return self.so_far()
