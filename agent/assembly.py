"""How the parts of the device are made of the configuration.

Libraries that only some devices need (GPIO, Prometheus) are loaded where one is asked for.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.audio import device
from agent.audio.device import Microphone, Speaker
from agent.audio.gain import Gain
from agent.audio.pcm import PACKET_MS, packet_bytes
from agent.audio.ring import Ring
from agent.audio.vad import Endpointer, Vad
from agent.clock import Clock
from agent.config.schema import Audio, Config, Playback, Talk
from agent.errors import RunError, UsageError
from agent.events import Event
from agent.pipeline.capture import Capture
from agent.pipeline.player import Player
from agent.report.mqtt import Reporter
from agent.report.nowhere import Nowhere
from agent.report.telemetry import Telemetry
from agent.system.systemd import runtime_directory

if TYPE_CHECKING:
    from agent.control.attention import Attention
    from agent.control.controller import Controller
    from agent.control.gpio import Panel
    from agent.control.sounds import Sounds
    from agent.ears.echo import EchoCancellation
    from agent.ears.hearer import Hearer
    from agent.pipeline.crash.memory import CrashMemory
    from agent.report.exporter import Exporter

log = logging.getLogger(__name__)

Post = Callable[[Event], None]

#: The talk modes in which the microphone counts while the speaker talks.
TALKED_OVER = ("open", "vad", "wake")


def crash_memory(config: Config, clock: Clock) -> CrashMemory | None:
    """The memory that outlives a crash, where it is wanted and can be had.

    Raises UsageError where it is asked for and there is no folder for it.
    """
    wanted, folder = config.network.crash_memory, runtime_directory()
    if wanted and folder is None:
        own = os.environ.get("XDG_RUNTIME_DIR")
        if not own:
            raise UsageError("network.crash_memory: needs $RUNTIME_DIRECTORY or $XDG_RUNTIME_DIR")
        folder = Path(own) / "dragoman"
    if wanted is False or folder is None:
        return None
    from agent.pipeline.crash.memory import CrashMemory

    try:
        memory_s = config.network.memory_s
        return CrashMemory(folder, config.audio.rate, memory_s, config.device.id, clock)
    except RunError as error:
        log.warning("speech would not survive a crash: %s", error)
        return None


def microphone(
    audio: Audio, clock: Clock, cancellation: EchoCancellation | None = None
) -> Microphone:
    """The microphone, not yet open; UsageError where its library is missing."""
    source = audio.capture
    made = device.microphone(
        source.device,
        rate=audio.rate,
        channels=source.channels,
        channel=source.channel,
        loop=source.loop,
        clock=clock,
    )
    return made if cancellation is None else cancellation.microphone(made)


def speaker(audio: Audio, clock: Clock, cancellation: EchoCancellation | None = None) -> Speaker:
    """The speaker, not yet open; UsageError where its library is missing."""
    made = device.speaker(audio.playback.device, rate=audio.rate, clock=clock)
    return made if cancellation is None else cancellation.speaker(made)


def ring(
    config: Config, cancellation: EchoCancellation | None = None, memory: CrashMemory | None = None
) -> Ring:
    """The packet ring: ``network.memory_s`` of sound, in ``memory`` where that outlives a crash."""
    capacity = config.network.memory_s * 1000 // PACKET_MS
    kept = None if memory is None else memory.sound
    if cancellation is not None:
        return cancellation.ring(capacity, kept)
    return Ring(packet_bytes(config.audio.rate), capacity, kept)


def echo(config: Config, post: Post, clock: Clock) -> EchoCancellation | None:
    """The echo canceller, where it is wanted and anybody may talk while the speaker does.

    Raises UsageError where its library is missing.
    """
    if config.audio.echo != "cancel" or config.talk.mode not in TALKED_OVER:
        return None
    try:
        from agent.ears.echo import EchoCancellation
    except ImportError:
        words = "audio.echo: cancel needs pywebrtc-audio: pip install 'dragoman[ears]'"
        raise UsageError(words) from None
    tapped = config.talk.mode == "wake"
    return EchoCancellation(config.audio.rate, post, clock, tapped=tapped)


def is_card(device_name: str | None) -> bool:
    """Whether it is a sound card's, which may come and go, and no file."""
    return device_name not in (None, "null") and not str(device_name).startswith(device.FILE)


def player(
    sink: Speaker, rate: int, playback: Playback, telemetry: Telemetry, post: Post, clock: Clock
) -> Player:
    """The thread that plays on ``sink``."""
    return Player(
        sink,
        rate,
        playback.prebuffer_ms,
        playback.volume,
        telemetry,
        post,
        clock,
        keep_open_s=playback.keep_open_s,
        lead_in_ms=playback.lead_in_ms,
    )


def capture(
    config: Config,
    source: Microphone,
    ring: Ring,
    player: Player,
    post: Post,
    clock: Clock,
    cancellation: EchoCancellation | None = None,
) -> Capture:
    """The thread that writes ``source`` to ``ring``, but for what ``player`` plays meanwhile."""
    mode = config.talk.mode
    gain = config.audio.capture.gain_db
    return Capture(
        source,
        ring,
        Vad(config.audio.rate) if cancellation is None else cancellation.vad(),
        post,
        clock,
        echo=_guard(config, player, cancellation),
        endpointer=Endpointer() if mode == "vad" or (cancellation and mode == "open") else None,
        gain=Gain(gain) if gain else None,
    )


def _guard(
    config: Config, player: Player, cancellation: EchoCancellation | None
) -> Callable[[], bool] | None:
    """Whether what is captured now must not be sent, as it may be the speaker's."""
    if cancellation is not None:
        return lambda: player.chiming or (cancellation.out and player.audible)
    if config.audio.echo == "guard" and config.talk.mode in TALKED_OVER:
        return lambda: player.audible
    if config.audio.sounds is not None:
        return lambda: player.chiming
    return None


def sounds(config: Config, controller: Controller, ring: Ring) -> Sounds | None:
    """What makes short sounds, where they are wanted; UsageError where one cannot be played."""
    if config.audio.sounds is None:
        return None
    from agent.audio.sounds import load
    from agent.control.sounds import Sounds

    return Sounds(load(config.audio.sounds, config.audio.rate), controller, ring)


def hearer(config: Config, ring: Ring, post: Post, clock: Clock) -> Hearer | None:
    """The thread that listens for the wake word, where there is one.

    Raises UsageError where its library is missing or a model cannot be used.
    """
    if config.talk.mode != "wake":
        return None
    try:
        from agent.ears.hearer import Hearer
        from agent.ears.model import Model
        from agent.ears.spotter import Spotter
        from agent.ears.tap import TappedRing
    except ImportError:
        missing = "talk.mode wake needs pymicro-wakeword: pip install 'dragoman[ears]'"
        raise UsageError(missing) from None
    wake = config.talk.wake
    words = [Model("talk.wake.word", wake.word, wake.sensitivity)]
    if wake.stop_word is not None:
        words.append(Model("talk.wake.stop_word", wake.stop_word, wake.sensitivity))
    stop_word = words[1].name if words[1:] else None
    tap = ring.tap if isinstance(ring, TappedRing) else None
    return Hearer(Spotter(words, config.audio.rate), stop_word, ring, post, clock, tap=tap)


def attention(
    config: Config,
    hearer: Hearer | None,
    controller: Controller,
    ring: Ring,
    telemetry: Telemetry,
    clock: Clock,
) -> Attention | None:
    """What a device does that is called by its name, where it is."""
    if hearer is None:
        return None
    from agent.control.attention import Attention

    return Attention(config.talk.wake, controller, ring, hearer.afresh, telemetry, clock)


def panel(talk: Talk, post: Post, clock: Clock) -> Panel | None:
    """Buttons and light, where any pin is configured.

    Raises UsageError where the library is missing, RunError where a pin cannot be had.
    """
    if not talk.buttons and talk.led is None:
        return None
    try:
        from agent.control.gpio import Panel
    except ImportError:
        raise UsageError("talk.buttons: GPIO needs gpiod: pip install 'dragoman[pi]'") from None

    return Panel(talk, post, clock)


def reports(
    config: Config, on_command: Callable[[Mapping[str, Any]], None], post: Post, clock: Clock
) -> Reporter | Nowhere:
    """Where transcripts, events and states go; UsageError where a file of TLS is unreadable."""
    if config.mqtt.host is None:
        return Nowhere()
    made = Reporter(config.mqtt, config.device.id, on_command, clock=clock)
    made.tell = post  # its own troubles are the device's: a state, a page's news
    return made


def exporter(
    config: Config,
    values: Callable[[], dict[str, int | float]],
    state: Callable[[], Mapping[str, Any]],
    clock: Clock,
) -> Exporter | None:
    """The metrics for Prometheus, where they are wanted; UsageError without its library."""
    listen = config.metrics.listen
    if listen is None:
        return None
    try:
        from agent.report.exporter import Exporter
        from agent.report.metrics import Collector, registry
    except ImportError:
        words = "metrics.listen needs prometheus-client: pip install 'dragoman[metrics]'"
        raise UsageError(words) from None
    return Exporter(listen, registry(Collector(config.device.id, values, state)), clock)
