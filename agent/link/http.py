"""HTTP: sends the requests the protocols make; foreign errors end here.

Connections are kept alive and reused.  ``urllib3`` was chosen over requests and httpx
for memory and import time on a small board.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import urllib3
from urllib3.exceptions import HTTPError, NameResolutionError, NewConnectionError, SSLError

from agent.errors import LinkError
from agent.link import tls
from agent.link.dial import Target
from agent.services.shapes import Request, Response

MAX_BODY = 64 * 1024 * 1024  # bytes; the largest answer anything here can mean
PIECE = 4096


class HttpClient:
    """Sends requests; may be used by several threads.

    ``timeout_s`` bounds connecting and each silence of the server; it is not the time a
    whole answer may take.
    """

    def __init__(self, ca_file: str | None = None, timeout_s: float = 30.0) -> None:
        self._pool = urllib3.PoolManager(
            ssl_context=tls.context(ca_file),
            timeout=urllib3.Timeout(connect=min(10.0, timeout_s), read=timeout_s),
            retries=False,
            maxsize=4,
        )

    def send(self, request: Request) -> Response:
        """The whole answer, whatever its status; LinkError when there is none."""
        with self._exchange(request) as answer:
            body = answer.read(MAX_BODY, decode_content=True)
            return Response(answer.status, _headers(answer), body or b"")

    def stream(self, request: Request) -> Iterator[bytes]:
        """The body in pieces as they come; LinkError when it breaks off.

        An answer that is not a success comes in one piece, like any other.
        """
        with self._exchange(request) as answer:
            while piece := answer.read1(PIECE):
                yield piece

    def close(self) -> None:
        """Close the kept connections."""
        self._pool.clear()

    @contextmanager
    def _exchange(self, request: Request) -> Iterator[urllib3.BaseHTTPResponse]:
        try:
            answer = self._pool.request(
                request.method,
                request.url,
                body=request.body or None,
                headers=dict(request.headers),
                redirect=False,
                preload_content=False,
            )
            try:
                yield answer
                if answer.read1(1):  # larger than MAX_BODY: not to be read to its end
                    raise LinkError(f"{request.url}: the answer is too large", "garbage")
            except BaseException:  # whatever ends this: what was not read is no next answer
                answer.close()
                raise
            finally:
                answer.release_conn()
        except (HTTPError, OSError) as error:
            raise _translated(request.url, error) from error


def _headers(answer: urllib3.BaseHTTPResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in answer.headers.items()}


def _translated(url: str, error: Exception) -> LinkError:
    target = Target.of(url)
    if isinstance(error, NameResolutionError):
        return LinkError(
            f"cannot resolve {target.host}: is the network up, DNS set and the name right?", "dns"
        )
    if isinstance(error, NewConnectionError):
        return LinkError(f"{target} refuses connections: is the service running there?", "refused")
    if isinstance(error, SSLError):
        return LinkError(
            f"TLS with {target} failed: {error}; is this device's clock right, and its "
            "authority known (network.ca_file)?",
            "tls",
        )
    if isinstance(error, urllib3.exceptions.TimeoutError):
        return LinkError(f"{target} did not answer in time", "timeout")
    return LinkError(f"the connection to {target} was lost ({type(error).__name__})", "reset")
