"""Servers that behave as a test says, and certificates for them."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.patience import HANG_S

Talk = Callable[[socket.socket], None]


@contextmanager
def peer(talk: Talk, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Listens on a free port, which it gives, and has ``talk`` with each caller in turn."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_serve, args=(listener, talk, context), daemon=True)
        thread.start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(HANG_S)


def _serve(listener: socket.socket, talk: Talk, context: ssl.SSLContext | None) -> None:
    while True:
        try:
            caller, _ = listener.accept()
        except OSError:
            return
        caller.settimeout(5)
        with caller, suppress(OSError):
            if context is None:
                talk(caller)
                continue
            with context.wrap_socket(caller, server_side=True) as secure:
                talk(secure)


def request(caller: socket.socket) -> bytes:
    """One HTTP request, whole; empty when the caller has gone."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = caller.recv(4096)
        if not piece:
            return b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            while len(body) < int(line.partition(b":")[2]):
                body += caller.recv(4096)
    return head + b"\r\n\r\n" + body


def answer(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    """An HTTP answer, whole."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def saying(*answers: bytes) -> Talk:
    """Answers each request of a caller with the next of ``answers``, then hangs up."""

    def talk(caller: socket.socket) -> None:
        for each in answers:
            if not request(caller):
                return
            caller.sendall(each)

    return talk


def certificate(folder: Path, name: str, *, expired: bool = False) -> Path:
    """A certificate for ``name`` that nobody signed but itself, with its key in one file."""
    key, cert, both = folder / "key.pem", folder / "cert.pem", folder / "both.pem"
    days = ["-days", "3650"]
    if expired:
        (folder / "index.txt").touch()
        (folder / "ca.cnf").write_text(_AUTHORITY.format(folder=folder))
        days = ["-out", str(folder / "request.pem")]
    made = ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    made += ["-keyout", str(key), "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
    made += days if expired else ["-x509", "-out", str(cert), *days]
    _run(made)
    if expired:
        signed = ["openssl", "ca", "-batch", "-selfsign", "-config", str(folder / "ca.cnf")]
        signed += ["-keyfile", str(key), "-in", str(folder / "request.pem"), "-out", str(cert)]
        _run([*signed, "-startdate", "20200101000000Z", "-enddate", "20200201000000Z"])
    both.write_bytes(key.read_bytes() + cert.read_bytes())
    return both


_AUTHORITY = """
[ca]
default_ca = here
[here]
new_certs_dir = {folder}
database = {folder}/index.txt
rand_serial = yes
default_md = sha256
policy = anything
copy_extensions = copy
unique_subject = no
[anything]
commonName = supplied
"""


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=HANG_S)


def server_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context
