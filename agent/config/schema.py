"""The configuration as types: every key, its default, its limits and what it means.

Each section is a frozen struct; a field's ``Meta`` holds its limits, and where a pattern
limits a text, the words for it (the loader's messages and ``config/dragoman.yaml`` are
checked against them).  Units are in the key names: ``_ms`` milliseconds, ``_s`` seconds.
A field of type :class:`~agent.config.secret.Secret`, and ``app_id``, may also be given
as ``<key>_file: PATH``.
"""

from __future__ import annotations

import socket
from typing import Annotated, Literal, dataclass_transform

from msgspec import Meta, Struct, field

from agent.config.secret import Secret

DEFAULT_SERVICE = "twetalk-v2"

#: Wake words that come with pymicro-wakeword; any other is the path of a model.
WAKE_WORDS = ("alexa", "hey_jarvis", "hey_mycroft", "okay_nabu")
MODEL_FILES = (".json", ".tflite")

Language = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*\Z",
        description="a language code such as zh or en-US",
    ),
]
Listen = Annotated[
    str,
    Meta(
        pattern=r"^(\[[0-9a-fA-F:.]+\]|[^:/\[\]\s]+):[0-9]{1,5}\Z",
        description="HOST:PORT such as 127.0.0.1:8080",
    ),
]
Url = Annotated[
    str,
    Meta(
        pattern=r"^(wss?|https?)://[^/@?#\s]+/?\Z",
        description="scheme, host and port only, such as wss://host or http://127.0.0.1:8765",
    ),
]
_SERVER = r"https?://[^/@?#\s]+(/[^@?#\s]*)?"
VoiceUrl = Annotated[
    str,
    Meta(
        pattern=rf"^(wyoming://[^/@?#\s]+/?|{_SERVER})\Z",
        description="wyoming://HOST:PORT, or a base URL such as http://HOST:PORT/v1",
    ),
]
TranslateUrl = Annotated[
    str,
    Meta(
        pattern=rf"^(libretranslate\+)?{_SERVER}\Z",
        description="a base URL such as http://HOST:PORT/v1, or libretranslate+http://HOST:PORT",
    ),
]
CallbackUrl = Annotated[
    str,
    Meta(pattern=r"^https?://[^/\s]\S*\Z", description="an http:// or https:// URL"),
]
AppId = Annotated[str, Meta(pattern=r"^[0-9]+\Z", description="digits")]
Topic = Annotated[
    str,
    Meta(
        pattern=r"^[^+#\s/$]([^+#\s]*[^+#\s/])?\Z",
        description="an MQTT topic without spaces, '+', '#' and a '/' at either end",
    ),
]
DeviceId = Annotated[
    str,
    Meta(
        pattern=r"^[^/+#\s$][^/+#\s]*\Z",
        description="a name without spaces, '/', '+' and '#', as it is part of MQTT topics",
    ),
]
Port = Annotated[int, Meta(ge=1, le=65535)]
Pin = Annotated[int, Meta(ge=0, le=53)]
Percent = Annotated[int, Meta(ge=0, le=100)]


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
class Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all sections."""


class Device(Section):
    """Who this device is."""

    id: DeviceId = field(default_factory=lambda: socket.gethostname() or "dragoman")


class Hear(Section):
    """A server of one's own that turns speech into text."""

    url: VoiceUrl
    model: str | None = None
    key: Secret | None = None
    language: Annotated[str, Meta(min_length=1)] | None = None
    prompt: str | None = None
    temperature: Annotated[float, Meta(ge=0, le=1)] | None = None
    format: Literal["verbose_json", "json"] = "verbose_json"


class Translate(Section):
    """A server of one's own that translates text."""

    url: TranslateUrl
    model: str | None = None
    key: Secret | None = None
    prompt: str | None = None
    summary_prompt: str | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None


class Speak(Section):
    """A server of one's own that turns text into speech."""

    url: VoiceUrl
    model: str | None = None
    key: Secret | None = None
    voice: str | None = None
    format: Literal["wav", "pcm"] = "wav"


class Service(Section):
    """The speech cloud: which one, its credentials, the languages."""

    name: str = DEFAULT_SERVICE
    url: Url | None = None
    source: Language = "zh"
    target: Language | None = "en"
    tts: bool = True
    tts_stream: bool = True
    token: Secret | None = None
    app_id: AppId | None = None
    model: str | None = None
    secret_id: Secret | None = None
    secret_key: Secret | None = None
    app_key: Secret | None = None
    app_secret: Secret | None = None
    endpoint: Secret | None = None
    access_key: Secret | None = None
    callback_url: CallbackUrl | None = None
    callback_port: Port | None = None
    targets: tuple[Language, ...] = ()
    voice: str | None = None
    fallback: tuple[str, ...] = ()
    hear: Hear | None = None
    translate: Translate | None = None
    speak: Speak | None = None


class Capture(Section):
    """The microphone: an ALSA name, ``file:PATH.wav`` or ``stdin``."""

    device: Annotated[str, Meta(min_length=1)] = "default"
    channels: Annotated[int, Meta(ge=1, le=32)] = 1
    channel: Literal["mix"] | Annotated[int, Meta(ge=0, le=31)] = "mix"
    loop: bool = False
    gain_db: Literal["auto"] | Annotated[float, Meta(ge=-20, le=40)] = 0.0

    @property
    def ends(self) -> bool:
        """Whether it is a recording (or a pipe), which has an end."""
        return not self.loop and (self.device.startswith("file:") or self.device == "stdin")


class Playback(Section):
    """The speaker: an ALSA name, ``file:PATH.wav`` or ``null``."""

    device: Annotated[str, Meta(min_length=1)] | None = "default"
    volume: Percent = 80
    prebuffer_ms: Annotated[int, Meta(ge=0, le=5000)] = 120
    keep_open_s: Annotated[float, Meta(ge=0, le=3600)] = 0.0
    lead_in_ms: Annotated[int, Meta(ge=0, le=5000)] = 0


class Audio(Section):
    """Sound in and out."""

    rate: Literal[16000, 8000] = 16000
    capture: Capture = field(default_factory=Capture)
    playback: Playback = field(default_factory=Playback)
    echo: Literal["guard", "cancel", "off"] = "guard"
    sounds: Annotated[str, Meta(min_length=1)] | None = None


class Button(Section):
    """A push-to-talk button; its language pair, where given, holds while it is pressed."""

    pin: Pin
    source: Language | None = None
    target: Language | None = None
    active: Literal["low", "high"] = "low"
    pull: Literal["up", "down", "none"] | None = None
    debounce_ms: Annotated[int, Meta(ge=0, le=1000)] = 20


class Led(Section):
    """The state light; with ``green`` and ``blue`` a three-colour one, whose red is ``pin``."""

    pin: Pin
    active: Literal["high", "low"] = "high"
    green: Pin | None = None
    blue: Pin | None = None


class WakeSettings(Section):
    """Calling the device by its name: ``talk.mode: wake``."""

    word: Annotated[str, Meta(min_length=1)] = "okay_nabu"
    sensitivity: Annotated[float, Meta(ge=0, le=1)] = 0.5
    follow_up_s: Annotated[float, Meta(ge=0, le=60)] = 5.0
    stop_word: Annotated[str, Meta(min_length=1)] | None = None


class Talk(Section):
    """When speech goes to the cloud."""

    mode: Literal["hold", "toggle", "open", "vad", "wake"] = "hold"
    wake: WakeSettings = field(default_factory=WakeSettings)
    pre_roll_ms: Annotated[int, Meta(ge=0, le=5000)] = 300
    tail_ms: Annotated[int, Meta(ge=0, le=5000)] = 600
    result_timeout_s: Annotated[float, Meta(gt=0, le=120)] = 5.0
    buttons: tuple[Button, ...] = ()
    led: Led | None = None


class Network(Section):
    """The connection and how much of an outage it survives."""

    ping_interval_s: Annotated[float, Meta(ge=0.2, le=60)] = 5.0
    memory_s: Annotated[int, Meta(ge=5, le=3600)] = 60
    replay: Literal["sentence", "off"] = "sentence"
    crash_memory: bool | None = None
    idle_close_s: Annotated[float, Meta(ge=1)] = 60.0
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    proxy: Secret | None = None
    fallback_after_s: Annotated[float, Meta(gt=0, le=3600)] = 10.0
    recordings_max_mb: Annotated[int, Meta(ge=1, le=1024)] = 64
    recordings_max_days: Annotated[int, Meta(ge=1, le=365)] = 7


class Mqtt(Section):
    """The broker that gets transcripts and gives commands; ``host: null`` turns it off."""

    host: Annotated[str, Meta(min_length=1)] | None = "localhost"
    port: Port = 1883
    username: str | None = None
    password: Secret | None = None
    tls: bool = False
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    version: Literal["3.1.1", "5"] = "3.1.1"
    command_qos: Literal[0, 1] = 1
    topic: Topic = "dragoman"
    discovery: Topic | None = "homeassistant"
    outbox: Annotated[str, Meta(min_length=1)] = "/var/lib/dragoman/outbox.db"
    outbox_limit: Annotated[int, Meta(ge=10)] = 10000
    outbox_max_mb: Annotated[int, Meta(ge=1, le=4096)] = 64


class Web(Section):
    """The caption screen; off unless it listens somewhere."""

    listen: Listen | None = None
    password: Secret | None = None


class Metrics(Section):
    """Prometheus; off unless it listens somewhere."""

    listen: Listen | None = None


class Logging(Section):
    """What goes to standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["plain", "json"] = "plain"


class Config(Section):
    """A whole configuration, valid and complete."""

    device: Device = field(default_factory=Device)
    service: Service = field(default_factory=Service)
    services: dict[str, Service] = field(default_factory=dict)
    audio: Audio = field(default_factory=Audio)
    talk: Talk = field(default_factory=Talk)
    network: Network = field(default_factory=Network)
    mqtt: Mqtt = field(default_factory=Mqtt)
    web: Web = field(default_factory=Web)
    metrics: Metrics = field(default_factory=Metrics)
    logging: Logging = field(default_factory=Logging)
