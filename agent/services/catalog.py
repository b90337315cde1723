"""The catalog of services: which protocol serves which ``service.name``."""

from __future__ import annotations

from agent.config.schema import Service
from agent.config.secret import Secret
from agent.errors import UsageError
from agent.services import twetalk_v2
from agent.services.base import StreamProtocol

STREAMS = ("twetalk-v2",)


def stream(
    service: Service, source: str, target: str | None, request_id: str, tts: bool
) -> StreamProtocol:
    """The protocol of a new connection; UsageError where the service has no live stream."""
    if service.name == "twetalk-v2":
        setup = twetalk_v2.Setup(
            token=_reveal(service.token),
            request_id=request_id,
            source=source,
            target=target or source,
            tts=tts,
            tts_stream=service.tts_stream,
        )
        return twetalk_v2.TwetalkV2(setup, service.url or twetalk_v2.HOST)
    raise UsageError(f"service.name: {service.name} cannot be used live")


def _reveal(secret: Secret | None) -> str:
    return secret.reveal() if secret else ""
