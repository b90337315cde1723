"""What the mixer of a card can do."""

from __future__ import annotations

import re

from agent.audio.card import load

_CARD = re.compile(r"^(?:plug)?hw:(?:CARD=)?([^,]+)")


def has_capture_volume(device: str) -> bool | None:
    """Whether the card of ``device`` has a capture volume to turn up; None where it cannot be told.

    Only ``hw:`` and ``plughw:`` name a card.
    """
    card = _CARD.match(device)
    if card is None:
        return None
    alsa, name = load(), f"hw:{card[1]}"
    try:
        controls = alsa.mixers(device=name)
        volumes = [alsa.Mixer(control, device=name).volumecap() for control in controls]
    except alsa.ALSAAudioError:
        return None
    return any("Capture" in cap for caps in volumes for cap in caps)
