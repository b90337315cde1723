"""Files through services that listen live: the device itself, hearing the file at 1:1."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from agent.app import App
from agent.audio.decode import Sound, open_sound
from agent.audio.pcm import PACKET_MS
from agent.clock import Clock
from agent.config.schema import Capture, Config, Metrics, Playback, Talk, Web
from agent.errors import UsageError
from agent.events import (
    Event,
    LinkDown,
    MicrophoneEnded,
    Notice,
    Result,
    Stop,
    Transcript,
    Word,
)
from agent.services.provider import Provider
from agent.threads import Worker
from agent.transcribe.record import Progress, Record

ATTEMPTS = 5  # to reach the service before anything was heard from it


class Streams:
    """Transcribes files with one service, as fast as they were spoken."""

    def __init__(self, config: Config, provider: Provider, clock: Clock) -> None:
        rates, rate = provider.entry.limits.rates, config.audio.rate
        self._rate = rate if rate in rates else rates[0]
        self._config, self._clock = config, clock

    def __call__(self, path: Path, record: Record, progress: Progress) -> None:
        """Fill ``record``; UsageError for the file, RunError for what went wrong."""
        with closing(open_sound(path, self._rate)) as sound:  # what is no sound is refused now
            sound.read()
            duration = sound.duration_ms
        app = App(on_file(self._config, path, self._rate), clock=self._clock)
        watch = Watch(app, record)
        app.watch(watch)
        position = _Position(app, duration, progress)
        position.start()
        try:
            app.run()
            duration = None  # some files only estimate it; now it is known
        finally:
            position.stop()
            position.join(1.0)
            record.heard_ms = _heard(app, sound)
            record.ends(duration or record.heard_ms)
        if watch.damage:
            raise UsageError(watch.damage)


def _heard(app: App, sound: Sound) -> int:
    """How much of the file was (ms); its last packet may have been filled with silence."""
    heard, whole = app.ring.head * PACKET_MS, sound.duration_ms
    return whole if whole is not None and heard - PACKET_MS < whole <= heard else heard


def on_file(config: Config, sound: Path, rate: int) -> Config:
    """``config`` of a device that hears the file ``sound`` once and tells only us."""
    audio = replace(
        config.audio,
        rate=rate,
        capture=Capture(device=f"file:{sound}"),
        playback=Playback(device=None),
        echo="off",
    )
    return replace(
        config,
        service=replace(config.service, tts=False),
        audio=audio,
        talk=Talk(mode="open", result_timeout_s=config.talk.result_timeout_s),
        mqtt=replace(config.mqtt, host=None),
        web=Web(),
        metrics=Metrics(),
    )


class Watch:
    """Keeps an app's finals, and ends it where a device would go on trying."""

    def __init__(self, app: App, record: Record) -> None:
        self._app, self._record = app, record
        self._numbers: dict[str, int] = {}
        self._failures = 0
        self._heard = False
        self.damage = ""  #: why the file could not be heard to its end

    def __call__(self, event: Event) -> None:
        if isinstance(event, Transcript):
            self._heard = True
            if event.final:
                self._keep(event)
        elif isinstance(event, MicrophoneEnded):
            self.damage = event.damage
        elif isinstance(event, LinkDown) and not event.wanted:
            self._failures += 1
            if not self._heard and self._failures >= ATTEMPTS:
                self._app.post(Stop(event.reason, exit_code=1))
        elif isinstance(event, Notice) and event.event == "lost_audio":
            lost = event.detail.get("duration_ms")
            self._app.post(Stop(f"no connection; {lost} ms of speech were lost", exit_code=1))

    def _keep(self, transcript: Transcript) -> None:
        if transcript.replayed and self._is_known(transcript):
            return
        index = self._numbers.setdefault(transcript.id, len(self._numbers))
        self._record.put(result_of(transcript, index))

    def _is_known(self, transcript: Transcript) -> bool:
        """After a reconnect the last sentence may be heard a second time."""
        last = self._record.last
        return last is not None and (last.text, last.translation) == _texts(transcript)


def result_of(transcript: Transcript, index: int) -> Result:
    """A transcript as the result it was, on the file's time line."""
    extra: dict[str, Any] = dict(transcript.extra)
    words = tuple(Word(**word) for word in extra.pop("words", ()))
    text, translation = _texts(transcript)
    start, end = transcript.start_ms, transcript.end_ms
    return Result(index, text, translation, True, start, end, words=words, **extra)


def _texts(transcript: Transcript) -> tuple[str, str | None]:
    return transcript.text, transcript.translation or None


class _Position(Worker):
    """Tells how much of the file was heard."""

    name = "progress"

    def __init__(self, app: App, duration_ms: int | None, progress: Progress) -> None:
        super().__init__(app.clock)
        self._app, self._duration_ms, self._progress = app, duration_ms, progress

    def run(self) -> None:
        while not self.stopping:
            self._progress(self._app.ring.head * PACKET_MS, self._duration_ms)
            self.clock.sleep(0.2)
