"""The recorder thread: makes clips of what is said and puts them into the spool."""

from __future__ import annotations

from agent.audio.pcm import SAMPLE_BYTES
from agent.audio.segment import Segment
from agent.events import Notice, Settled
from agent.pipeline.cloud import Parts
from agent.pipeline.news import Losses
from agent.pipeline.utterances import Utterances
from agent.threads import Worker


class Recorder(Worker):
    """Makes clips of what is said and puts them into the spool."""

    name = "sender"

    def __init__(self, cloud: Utterances, parts: Parts) -> None:
        super().__init__(parts.clock)
        self._cloud, self._parts = cloud, parts
        self._losses = Losses(parts.telemetry, parts.post, parts.clock)
        self._awaiting_since: float | None = None

    def wake(self) -> None:
        self._cloud.wake.set()

    def run(self) -> None:
        while not self.stopping:
            self.beat()
            segment = self._cloud.collect()
            if segment is not None:
                self._keep(segment)
                continue
            self._watch()
            self._cloud.wake.wait(0.2)
        self._losses.flush()

    def _keep(self, segment: Segment) -> None:
        if not segment.heard:  # certainly nothing but the microphone's own noise
            self._parts.telemetry.count("silent_clips")
            self._parts.post(Notice("nothing_heard", {"duration_ms": self._length_ms(segment)}))
            return
        for gone in self._cloud.keep(segment):
            detail = {"duration_ms": gone.duration_ms, "reason": "the spool is full"}
            self._parts.post(Notice("lost_audio", detail))
        self._cloud.idle.set()

    def _length_ms(self, segment: Segment) -> int:
        return len(segment.pcm) * 1000 // (SAMPLE_BYTES * self._parts.config.audio.rate)

    def _watch(self) -> None:
        """Report losses, and when everything that was said is answered."""
        self._losses.watch(self._cloud.lost)
        if self._cloud.recording:
            self._awaiting_since = self.clock.now()
        elif self._awaiting_since is not None:
            self._settle(self._awaiting_since)

    def _settle(self, since: float) -> None:
        answered = self._cloud.unanswered_ms == 0
        if answered or self.clock.now() - since >= self._parts.config.talk.result_timeout_s:
            self._awaiting_since = None
            self._parts.post(Settled(timed_out=not answered))
