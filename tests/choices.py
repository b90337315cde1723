"""What can be chosen on the devices of the tests that have no service."""

from __future__ import annotations

from agent.events import Pair
from agent.services.choices import Choices

CHOICES = Choices(
    sources=("en", "zh"),
    targets=("es", "zh"),
    pairs=(Pair("en", "es"), Pair("es", "en")),
    services=("twetalk-v2", "twetalk-asr"),
    speaks=True,
)
ENTITIES = 16  #: that such a device announces
