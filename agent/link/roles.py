"""Servers of one's own asked to translate and to speak: waits that fit a slow machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

from agent.audio.convert import Converter, SampleFormat
from agent.audio.decode import open_sound
from agent.clock import Clock
from agent.config import own
from agent.config.schema import Network, Service, Speak
from agent.errors import LinkError, Refused, UsageError
from agent.events import Failure, Garbage, Pair
from agent.link import exchange
from agent.link.dial import Dialer
from agent.link.http import MAX_SOUND, HttpClient
from agent.link.refusal import refused
from agent.link.text import TextService
from agent.link.waiter import Cancelled
from agent.link.wyoming import Servers
from agent.services import openai, wyoming
from agent.services.catalog import configured
from agent.services.entry import plain
from agent.services.languages import base
from agent.services.reading import Fields

FIRST_S = 120.0  # for an answer of a server that may have to load its model first
USUAL_S = 60.0  # for one of a server that answered not long ago
WARM_S = 240.0  # which is this long; many put an idle model away after five minutes
SLOW_S = 8.0  # no answer for so long: it loads its model
SPEECH_S = 180  # of speech for one sentence

_FORMATS: Mapping[int, SampleFormat] = {1: "u8", 2: "s16", 3: "s24_3", 4: "s32"}  # by bytes


class Watch:
    """Watches one role's waits: it ends those that last too long, and tells of slow ones.

    It is a :data:`~agent.link.waiter.Cancelled`; ``stopping`` ends every wait, and so does
    ``most_s``, where the usual limits are not meant.
    """

    def __init__(
        self,
        clock: Clock,
        stopping: Cancelled,
        slow: Callable[[], None],
        most_s: float | None = None,
    ) -> None:
        self._clock, self._stopping, self._slow = clock, stopping, slow
        self._most = most_s
        self._begun = 0.0
        self._answered: float | None = None
        self._told = True

    @contextmanager
    def asking(self) -> Iterator[None]:
        """While a server is asked; LinkError ``timeout`` where it took too long."""
        self._begun, self._told = self._clock.now(), False
        try:
            yield
        except LinkError as error:
            if error.kind == "cancelled" and not self._stopping():
                words = f"no answer for {self._limit:g} s"
                raise LinkError(words, "timeout") from error
            raise
        self.answered()

    def answered(self) -> None:
        """It says something: what follows is waited for anew."""
        self._begun = self._answered = self._clock.now()

    def __call__(self) -> bool:
        waited = self._clock.now() - self._begun
        if waited >= SLOW_S and not self._told:
            self._told = True
            self._slow()
        return self._stopping() or waited >= self._limit

    @property
    def _limit(self) -> float:
        if self._most is not None:
            return self._most
        warm = self._answered is not None and self._clock.now() - self._answered < WARM_S
        return USUAL_S if warm else FIRST_S


def translator(
    service: Service, network: Network, clock: Clock, watch: Watch
) -> Callable[[str, Pair], str] | None:
    """What translates for ``service``, if anything does."""
    make = configured(service).translates
    if make is None:
        return None
    http = HttpClient(Dialer(network, clock), FIRST_S, 2 * FIRST_S, watch)

    def translate(text: str, pair: Pair) -> str:
        with watch.asking():
            asked = TextService("the translator", lambda: make(service, pair), http, clock)
            return asked.ask(text)

    return translate


def voice(
    service: Service, network: Network, rate: int, clock: Clock, watch: Watch
) -> Callable[[str, str], Iterator[bytes]] | None:
    """What speaks for ``service`` at ``rate`` (Hz), if anything does."""
    role = service.speak
    if role is None:
        return None
    if own.is_wyoming(role):
        servers = Servers(network, clock)
        return lambda text, language: _by_wyoming(servers, role, text, language, rate, watch)
    http = HttpClient(Dialer(network, clock), FIRST_S, 2 * FIRST_S, watch)
    return lambda text, language: _by_http(http, role, text, rate, clock, watch)


# --- Wyoming ---------------------------------------------------------------------------------


def _by_wyoming(
    servers: Servers, role: Speak, text: str, language: str, rate: int, watch: Watch
) -> Iterator[bytes]:
    """The speech as the server makes it, converted."""
    asked = wyoming.synthesize(text, role.voice, base(language))
    sound: _Sound | None = None
    with watch.asking(), closing(servers.ask(role.url, asked, FIRST_S, watch)) as events:
        for event in events:
            watch.answered()
            if event.type == "error":
                raise refused("the voice", wyoming.failure(Fields(event.data)))
            if event.type == "audio-start" or (event.type == "audio-chunk" and sound is None):
                sound = sound or _Sound(event.data, rate)
            if event.type == "audio-chunk" and sound is not None and event.payload:
                yield sound.feed(event.payload)
            if event.type == "audio-stop":
                break
    if sound is None:
        raise Refused("the voice said nothing", "no-sound")
    yield sound.flush()


class _Sound:
    """Speech in the server's form; Refused for one that is none."""

    def __init__(self, data: Mapping[str, Any], rate: int) -> None:
        given, width, channels = (data.get(key) for key in ("rate", "width", "channels"))
        if not (
            type(given) is type(width) is type(channels) is int
            and 4000 <= given <= 192_000
            and width in _FORMATS
            and 1 <= channels <= 8
        ):
            raise Refused("the voice sends sound of an unknown form", "bad-sound")
        self._converter = Converter(given, channels, _FORMATS[width], rate)
        self._left = given * width * channels * SPEECH_S

    def feed(self, data: bytes) -> bytes:
        self._left -= len(data)
        if self._left < 0:
            raise Refused(f"the voice goes on for more than {SPEECH_S} s", "endless")
        return self._converter.feed(data)

    def flush(self) -> bytes:
        return self._converter.flush()


# --- OpenAI-compatible -----------------------------------------------------------------------


def _by_http(
    http: HttpClient, role: Speak, text: str, rate: int, clock: Clock, watch: Watch
) -> Iterator[bytes]:
    there = openai.Server(role.url, role.model, plain(role.key))
    with watch.asking():
        request = openai.speech(there, text, role.voice, role.format)
        response = exchange.honest(http.send(request, MAX_SOUND), clock)
    sound = openai.spoken(response)
    if isinstance(sound, Failure):
        raise refused("the voice", sound)
    if isinstance(sound, Garbage):
        raise Refused(f"the voice sent no sound ({sound.detail})", sound.kind)
    if role.format == "pcm" and not sound.startswith((b"RIFF", b"ID3", b"OggS", b"fLaC")):
        converter = Converter(openai.pcm_rate(response), 1, "s16", rate)
        yield converter.feed(sound)
        yield converter.flush()
    else:
        yield from _decoded(sound, rate)


def _decoded(data: bytes, rate: int) -> Iterator[bytes]:
    """A sound file in any format; Refused for what is none."""
    with os.fdopen(os.memfd_create("speech", os.MFD_CLOEXEC), "w+b") as file:
        file.write(data)
        file.flush()
        try:
            with closing(open_sound(f"/dev/fd/{file.fileno()}", rate)) as sound:
                left = SPEECH_S * rate * 2
                while left > 0 and (pcm := sound.read()):
                    left -= len(pcm)
                    yield pcm
        except UsageError as error:
            raise Refused(
                f"the voice sent no sound that can be read: {error}", "bad-sound"
            ) from None
