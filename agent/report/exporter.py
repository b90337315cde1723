"""The metrics over HTTP, for Prometheus to fetch; off unless ``metrics.listen`` is given."""

from __future__ import annotations

import errno
import logging
import socket
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app

from agent.clock import Clock
from agent.config.checks import is_loopback
from agent.errors import RunError
from agent.link.listener import Bounded, Listener

log = logging.getLogger(__name__)


class Exporter(Listener):
    """Answers scrapes on ``listen`` (``HOST:PORT``); bound when made, served when started.

    Raises RunError where nothing can listen there.
    """

    name = "metrics"

    def __init__(self, listen: str, registry: CollectorRegistry, clock: Clock) -> None:
        host, _, port = listen.rpartition(":")
        host = host.strip("[]")
        try:
            server = _server(host, int(port))
        except OSError as error:
            raise RunError(f"metrics.listen {listen}: {_why(error)}") from error
        server.set_app(make_wsgi_app(registry))
        super().__init__(server, clock)
        log.info("metrics: http://%s/metrics", listen)
        if not is_loopback(host):
            log.warning("metrics: whoever can reach %s can read them", listen)


class _Server(Bounded, WSGIServer):
    def server_bind(self) -> None:
        super().server_bind()
        self.setup_environ()


class _Handler(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """A scrape every few seconds is no news."""


def _server(host: str, port: int) -> _Server:
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]

    class Server(_Server):
        address_family = family

    return Server(address[:2], _Handler)


def _why(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return "no such host; give an address of this machine, such as 127.0.0.1:9095"
    mends = {
        errno.EADDRINUSE: "the port is in use; stop the other program or choose another port",
        errno.EADDRNOTAVAIL: "this machine has no such address; 127.0.0.1 always is there",
        errno.EACCES: "ports below 1024 are for root; choose a higher one",
    }
    return mends.get(error.errno or 0, error.strerror or str(error))
