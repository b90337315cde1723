"""What once took a thread down, or left a turn without an end."""

from __future__ import annotations

from agent.errors import UsageError
from agent.events import Notice, Result, Settled, SpeechAt
from tests.unit.pipeline.test_chunks import LOST
from tests.unit.pipeline.test_chunks import Line as ChunkLine
from tests.unit.pipeline.test_recorder import Line as RecorderLine
from tests.unit.pipeline.test_uploader import Line as UploadLine
from tests.unit.pipeline.test_uploader import clip


def test_a_turn_whose_last_chunk_is_lost_is_sent_again_and_settles() -> None:
    line = ChunkLine()

    def reply(heard: object) -> list[object]:
        if 1.0 < line.clock.now() < 3.0:
            raise LOST
        return []

    line.reply = reply  # type: ignore[assignment]
    line.talk(1.0, rest=60)
    assert line.of(Settled)


def test_speech_that_cannot_be_decoded_is_reported() -> None:
    line = UploadLine()

    def fetch(url: str) -> bytes:
        raise UsageError("not a sound file")

    line.fetch = fetch  # type: ignore[method-assign, unused-ignore]
    line.answer = lambda _: [Result(0, "t", "x", final=True), SpeechAt("http://x")]
    line.spool.put(clip(1))
    line.run()
    assert "speech_missing" in [notice.event for notice in line.of(Notice)]


def test_a_clip_past_a_limit_is_given_up_and_counted() -> None:
    line = UploadLine()

    def refuse(_: object) -> list[object]:
        raise UsageError("takes at most 5 MB")

    line.answer = refuse  # type: ignore[assignment]
    line.spool.put(clip(1))
    line.run()
    assert "lost_audio" in [notice.event for notice in line.of(Notice)]
    assert line.spool.oldest() is None


def test_a_press_and_release_between_two_looks_of_the_recorder_settles() -> None:
    line = RecorderLine()
    line.say(10)
    line.cloud.open(5, line.provider.pair)
    line.cloud.close(10)
    line.run(1.0)
    kept = line.spool.oldest()
    assert kept is not None
    line.spool.done(kept)
    line.run(20.0)
    assert line.of(Settled)
