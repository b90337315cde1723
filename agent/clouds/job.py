"""Jobs: utterances that are submitted, and a server for their delivery."""

from __future__ import annotations

import threading

from agent.clouds.utterance import recorded
from agent.link import exchange
from agent.link.callback import CallbackServer
from agent.link.dial import Dialer
from agent.link.http import HttpClient
from agent.pipeline.cloud import Cloud, Parts
from agent.pipeline.overdue import Overdue


def build(parts: Parts) -> Cloud:
    """The cloud of a job service."""
    stopping = threading.Event()
    dialer = Dialer(parts.config.network, parts.clock)
    http = HttpClient(dialer, cancelled=stopping.is_set)
    overdue = Overdue(parts)
    job = exchange.Job(
        parts.provider, http, parts.clock, stopping.is_set, overdue.waits, lambda: overdue.again
    )
    port = parts.provider.service.callback_port or 0
    server = CallbackServer(port, job.deliver, parts.clock)
    overdue.cloud = cloud = recorded(parts, http, job, (server,), stopping.set)
    return cloud
