"""TLS contexts: verified, kept while their file is the same, lenient only about a home-made CA."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.config.schema import Network
from agent.errors import UsageError
from agent.link import tls
from agent.link.dial import Dialer
from agent.link.http import HttpClient
from agent.services.shapes import Request
from tests.patience import HANG_S
from tests.unit.link.peers import answer, certificate, peer, request, server_context


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """A CA as most people make one."""
    path = tmp_path / "ca.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=home"]
    command += ["-keyout", str(tmp_path / "key.pem"), "-out", str(path)]
    subprocess.run(command, check=True, capture_output=True, timeout=HANG_S)
    return path


def test_a_context_verifies_chain_and_name_and_is_made_once(authority: Path) -> None:
    made = tls.context(str(authority))
    assert made.verify_mode is ssl.CERT_REQUIRED
    assert made.check_hostname
    assert not made.verify_flags & ssl.VERIFY_X509_STRICT
    assert tls.context(str(authority)) is made


def test_a_renewed_file_is_read_again(authority: Path) -> None:
    made = tls.context(str(authority))
    os.utime(authority, ns=(0, authority.stat().st_mtime_ns + 1))
    assert tls.context(str(authority)) is not made


def test_a_file_that_cannot_be_read_is_one_line_with_its_key(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.pem", Path(__file__)):
        with pytest.raises(UsageError, match=rf"^mqtt.ca_file: [^\n]*{path.name}: not a readable"):
            tls.context(str(path), "mqtt.ca_file")


def own(folder: Path, name: str, *more: str) -> tuple[str, str]:
    """A certificate and its key, in two files."""
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-subj", f"/CN={name}"]
    command += ["-keyout", str(key), "-out", str(cert), *(more or ("-nodes",))]
    subprocess.run(command, check=True, capture_output=True, timeout=HANG_S)
    return str(cert), str(key)


def test_a_server_that_asks_is_shown_our_own_certificate(tmp_path: Path) -> None:
    cert, key = own(tmp_path, "board-7")
    demanding = server_context(certificate(tmp_path, "localhost"))
    demanding.verify_mode = ssl.CERT_REQUIRED
    demanding.load_verify_locations(cert)
    seen: list[object] = []

    def talk(caller: socket.socket) -> None:
        assert isinstance(caller, ssl.SSLSocket)
        seen.append(caller.getpeercert())
        request(caller)
        caller.sendall(answer(b"welcome"))

    both = tmp_path / "board.pem"
    both.write_text(Path(cert).read_text() + Path(key).read_text())
    with peer(talk, demanding) as port:
        for cert_file, key_file in ((cert, key), (str(both), None)):
            ca_file = str(tmp_path / "cert.pem")
            network = Network(ca_file=ca_file, cert_file=cert_file, key_file=key_file)
            dialer = Dialer(network, SystemClock(), {})
            with closing(HttpClient(dialer)) as http:
                url = f"https://localhost:{port}/"
                assert http.send(Request("GET", url)).body == b"welcome"
    assert [each["subject"] for each in seen] == [((("commonName", "board-7"),),)] * 2  # type: ignore[index]


def test_an_own_certificate_that_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    cert, _ = own(tmp_path, "one")
    _, other = own(tmp_path, "two")
    locked, its_key = own(tmp_path, "locked", "-passout", "pass:secret")
    for cert_file, key_file, words in [
        ("/nowhere.pem", None, "expected a PEM certificate with its key"),
        (cert, None, "expected a PEM certificate with its key"),
        (cert, "/nowhere.key", "expected a PEM certificate with its key"),
        (cert, other, "the key is not that of the certificate"),
        (locked, its_key, "the key without a password"),
    ]:
        with pytest.raises(UsageError, match=rf"^network\.cert_file: [^\n]*{words}[^\n]*$"):
            Dialer(Network(cert_file=cert_file, key_file=key_file), SystemClock(), {})


def test_the_system_is_asked_where_no_file_is_named() -> None:
    assert tls.context(None).verify_mode is ssl.CERT_REQUIRED
