"""A changed configuration in a running device: what can change at once, and what cannot."""

from __future__ import annotations

from msgspec.structs import replace

from agent.config.changes import changed
from agent.config.schema import Config
from agent.control.controller import Controller
from agent.errors import UsageError
from agent.events import Pair
from agent.services.provider import Provider

#: Keys that begin so need no restart.
LIVE = ("service.", "audio.playback.volume", "logging.")


def merged(old: Config, new: Config) -> Config:
    """``old`` with everything of ``new`` that needs no restart.

    Raises UsageError where the service of ``new`` cannot be used by this device.
    """
    _check(replace(old, service=new.service))
    playback = replace(old.audio.playback, volume=new.audio.playback.volume)
    audio = replace(old.audio, playback=playback)
    return replace(old, service=new.service, audio=audio, logging=new.logging)


def waiting(old: Config, new: Config) -> list[str]:
    """The keys whose change waits for a restart."""
    return [key for key in changed(old, new) if not key.startswith(LIVE)]


def apply(controller: Controller, old: Config, new: Config) -> None:
    """Go over to what has changed from ``old`` to ``new``, which is :func:`merged`.

    What a command or a button has changed stays, unless its key has changed too.
    """
    was, now = old.service, new.service
    if old.audio.playback.volume != new.audio.playback.volume:
        controller.player.volume = new.audio.playback.volume
    # Languages and speech alone do not cost the connection.
    if replace(now, source=was.source, target=was.target, tts=was.tts) != was:
        controller.switch(now)
    if (now.source, now.target) != (was.source, was.target):
        controller.speak(controller.provider.kept(Pair(now.source, now.target)))
    if now.tts != was.tts:
        controller.cloud.switch_tts(now.tts)


def _check(config: Config) -> None:
    provider = Provider(config.service)
    provider.check_live()
    for button in config.talk.buttons:
        pair = provider.pair
        provider.check(Pair(button.source or pair.source, button.target or pair.target))
    if config.audio.rate not in provider.entry.limits.rates:
        raise UsageError(f"audio.rate: {provider.name} does not take {config.audio.rate} Hz")
