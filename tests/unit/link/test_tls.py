"""TLS contexts: verified, kept while their file is the same, lenient only about a home-made CA."""

from __future__ import annotations

import os
import ssl
import subprocess
from pathlib import Path

import pytest

from agent.errors import UsageError
from agent.link import tls
from tests.patience import HANG_S


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


def test_the_system_is_asked_where_no_file_is_named() -> None:
    assert tls.context(None).verify_mode is ssl.CERT_REQUIRED
