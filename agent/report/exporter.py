"""The metrics over HTTP, for Prometheus to fetch; off unless ``metrics.listen`` is given."""

from __future__ import annotations

import errno
import logging
import socket
import socketserver
from wsgiref.simple_server import WSGIRequestHandler

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from agent.clock import Clock
from agent.config.checks import is_loopback
from agent.errors import RunError
from agent.threads import Worker

log = logging.getLogger(__name__)

TURN_S = 0.2  # at most so long after a stop it ends
REQUEST_S = 5.0  # a client that is silent for longer is hung up on


class Exporter(Worker):
    """Answers scrapes on ``listen`` (``HOST:PORT``); bound when made, served when started.

    Raises RunError where nothing can listen there.
    """

    name = "metrics"

    def __init__(self, listen: str, registry: CollectorRegistry, clock: Clock) -> None:
        super().__init__(clock)
        host, _, port = listen.rpartition(":")
        host = host.strip("[]")
        try:
            self._server = _server(host, int(port))
        except OSError as error:
            raise RunError(f"metrics.listen {listen}: {_why(error)}") from error
        self._server.set_app(make_wsgi_app(registry))
        self.port: int = self._server.server_address[1]  #: where it listens
        log.info("metrics: http://%s/metrics", listen)
        if not is_loopback(host):
            log.warning("metrics: whoever can reach %s can read them", listen)

    def run(self) -> None:
        with self._server as server:
            while not self.stopping:
                server.handle_request()


class _Server(ThreadingWSGIServer):
    """The library's server: a daemonic thread a request, so a slow client delays nobody."""

    timeout = TURN_S

    def server_bind(self) -> None:
        """Without the look-up of this machine's name, which may wait for a network."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.socket.getsockname()[:2]
        self.setup_environ()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away in mid-request is no news."""
        log.debug("metrics: request from %s failed", client_address, exc_info=True)


class _Handler(WSGIRequestHandler):
    timeout = REQUEST_S

    def log_message(self, format: str, *args: object) -> None:
        """A scrape every few seconds is no news."""


def _server(host: str, port: int) -> _Server:
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]

    class Server(_Server):
        address_family = family

    return Server(address[:2], _Handler)  # type: ignore[arg-type]


def _why(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return "no such host; give an address of this machine, such as 127.0.0.1:9095"
    mends = {
        errno.EADDRINUSE: "the port is in use; stop the other program or choose another port",
        errno.EADDRNOTAVAIL: "this machine has no such address; 127.0.0.1 always is there",
        errno.EACCES: "ports below 1024 are for root; choose a higher one",
    }
    return mends.get(error.errno or 0, error.strerror or str(error))
