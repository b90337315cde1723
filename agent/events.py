"""What the parts of dragoman tell each other: frozen values, no behaviour.

From a service (``agent.services``): :class:`Result`, :class:`Speech`,
:class:`SpeechAt`, :class:`Text`, :class:`Pong`, :class:`Ready`, :class:`Finished`,
:class:`Failure`, :class:`Garbage`.
Of what is unanswered, for a process that follows a crash: :class:`Unanswered`.
Between threads, in the inbox of the main thread: everything else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from msgspec import Struct, field


class Pair(Struct, frozen=True):
    """A language pair; ``target`` is None where nothing is translated."""

    source: str
    target: str | None


# --- from a service --------------------------------------------------------------------------


class Word(Struct, frozen=True):
    """One recognised word; times in ms of the audio sent on its connection."""

    text: str
    start_ms: int
    end_ms: int


class Result(Struct, frozen=True):
    """One sentence, growing (``final=False``) or settled.

    ``index`` counts sentences on one connection, from 0 (-1: it cannot be read).  Times are
    ms of the audio sent on that connection, None where the service gives none.
    """

    index: int
    text: str
    translation: str | None = None
    final: bool = False
    start_ms: int | None = None
    end_ms: int | None = None
    translations: Mapping[str, str] = field(default_factory=dict)
    speaker: str | None = None
    language: str | None = None
    confidence: float | None = None
    words: tuple[Word, ...] = ()


class Speech(Struct, frozen=True):
    """Synthesised speech: s16le mono at the service's rate, any number of bytes, odd ones too."""

    pcm: bytes


class Pong(Struct, frozen=True):
    """The answer to a JSON heartbeat; ``token`` is what the ping carried."""

    token: str


class Ready(Struct, frozen=True):
    """The service accepted the connection (services that say so)."""


class Finished(Struct, frozen=True):
    """The service has answered everything it was sent (services that say so)."""


About = Literal["", "clock", "limit", "recording"]


class Failure(Struct, frozen=True):
    """The service answered with an error of its own.

    ``about`` says what it blames, where that matters: ``clock`` (ours is wrong), ``limit``
    (too many requests), ``recording`` (this sound, which no retry can mend).
    ``retry_after_s`` is the wait it asks for.
    """

    code: str
    message: str
    retryable: bool = False
    about: About = ""
    retry_after_s: float | None = None


class Garbage(Struct, frozen=True):
    """A message that is not what the service's document says; ``kind`` is a stable word.

    ``whole`` tells an answer nobody can read from an odd field in one that was read.
    """

    kind: str
    detail: str = ""
    whole: bool = False


class SpeechAt(Struct, frozen=True):
    """Synthesised speech to fetch: the address of a sound file (MP3)."""

    url: str


class Text(Struct, frozen=True):
    """Text made of text (translation, summary): a piece of it, or its end."""

    text: str
    last: bool = False


ServiceEvent = Result | Speech | SpeechAt | Text | Pong | Ready | Finished | Failure | Garbage


# --- between threads -------------------------------------------------------------------------


class Transcript(Struct, frozen=True):
    """A :class:`Result` made ready to publish: its ids and the microphone's own times.

    ``start_ms`` and ``end_ms`` count from the first packet captured in this session.
    ``replayed`` says that it may repeat an earlier final.
    """

    session: str
    index: int
    text: str
    translation: str | None
    source: str
    target: str | None
    start_ms: int | None
    end_ms: int | None
    service: str
    time: str
    final: bool
    replayed: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return f"{self.session}-{self.index}"


class Stretch(Struct, frozen=True, array_like=True):
    """Ring packets ``start`` to ``end`` (exclusive; None while the gate is open), in ``pair``."""

    start: int
    end: int | None
    pair: Pair


class Unanswered(Struct, frozen=True, array_like=True):
    """What a service has not answered yet, as far as a later process must know.

    A replay begins at ring packet ``resume``; a final before ``covered`` may be repeated by it.
    ``number`` is the next sentence's in ``session`` of ``service``, whose times count from packet
    ``origin``.
    ``final`` is the number of the final that brought this about, if one did.
    """

    takes: tuple[Stretch, ...] = ()
    resume: int = 0
    covered: int = 0
    service: str = ""
    session: str = ""
    number: int = 0
    origin: int | None = None
    final: int | None = None


class Notice(Struct, frozen=True):
    """Something worth telling the outside: published on ``event`` and logged."""

    event: str
    detail: Mapping[str, Any] = field(default_factory=dict)


class LinkUp(Struct, frozen=True):
    """A connection is ready for audio."""

    session: str


class LinkDown(Struct, frozen=True):
    """The connection is gone; ``wanted`` tells an outage from a planned close."""

    reason: str
    wanted: bool


class Blocked(Struct, frozen=True):
    """Retrying cannot mend it (bad token …): reported loudly, retried slowly."""

    code: str
    message: str


class VoiceStarted(Struct, frozen=True):
    """Voice activity began at ring packet ``seq``."""

    seq: int


class VoiceStopped(Struct, frozen=True):
    """Voice activity ended at ring packet ``seq``."""

    seq: int


class WakeWord(Struct, frozen=True):
    """Somebody called the device; the name ended before ring packet ``seq``."""

    word: str
    score: float
    seq: int


class StopWord(Struct, frozen=True):
    """Somebody wants the speaker to be silent."""

    word: str
    score: float


class MicrophoneEnded(Struct, frozen=True):
    """A file or pipe microphone is finished; ``seq`` is one past its last packet.

    ``damage`` is why there is no more where the file is longer.
    """

    seq: int
    damage: str = ""


class MicrophoneLost(Struct, frozen=True):
    """The capture device went away; silence stands in for it."""

    reason: str


class MicrophoneBack(Struct, frozen=True):
    """The capture device is there again."""


class SpeakerStarted(Struct, frozen=True):
    """The loudspeaker begins to talk."""


class SpeakerStopped(Struct, frozen=True):
    """The loudspeaker has finished or was silenced."""


class Settled(Struct, frozen=True):
    """Everything said so far has been answered (or its time is up, for this much speech)."""

    timed_out: bool = False
    unanswered_ms: int = 0


class Command(Struct, frozen=True):
    """A command object as it came, not yet validated (MQTT ``command``, the keyboard, a page).

    ``reply`` is given the answer, in the main thread, and must not block; without one the
    answer goes where MQTT's go.  ``who`` is whoever holds the talk button with it, where one can
    be told from another.
    """

    fields: Mapping[str, Any]
    origin: str = "mqtt"
    reply: Callable[[Mapping[str, Any]], None] | None = None
    who: object = None


class Question(Struct, frozen=True):
    """What another thread wants to know of the main thread's: ``ask`` is called in the main
    thread and must not block."""

    ask: Callable[[], None]


class Summary(Struct, frozen=True):
    """The summary of a session that somebody asked for, or why there is none."""

    session: str
    text: str | None
    error: str | None = None
    ref: Any = None


class WorkerStopped(Struct, frozen=True):
    """A worker thread died of ``reason``: the process must go down."""

    name: str
    reason: str


class Stop(Struct, frozen=True):
    """Somebody asked the daemon to end (signal, ``--duration``, ``restart``)."""

    reason: str
    exit_code: int = 0


Event = (
    Transcript
    | Notice
    | LinkUp
    | LinkDown
    | Blocked
    | VoiceStarted
    | VoiceStopped
    | WakeWord
    | StopWord
    | MicrophoneEnded
    | MicrophoneLost
    | MicrophoneBack
    | SpeakerStarted
    | SpeakerStopped
    | Settled
    | Command
    | Question
    | Summary
    | WorkerStopped
    | Stop
)
