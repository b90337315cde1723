"""TLS, always verified: by the system's authorities or by those in a file."""

from __future__ import annotations

import os
import ssl
from functools import lru_cache
from pathlib import Path

from agent.errors import UsageError


def context(
    ca_file: str | None,
    key: str = "network.ca_file",
    *,
    cert_file: str | None = None,
    key_file: str | None = None,
) -> ssl.SSLContext:
    """What verifies servers, and shows them this device's certificate where one is given.

    Kept until a file changes, as it takes 30 ms and a megabyte.  Raises UsageError, naming the
    configuration's ``key`` or its neighbours, where a file cannot be read.
    """
    section = key.rpartition(".")[0]
    try:
        made_of = (ca_file, _version(ca_file))
        _made(*made_of, None, None, 0, 0)
    except OSError as error:  # ssl.SSLError is one
        raise UsageError(f"{key}: {ca_file}: not a readable PEM certificate ({error})") from error
    if cert_file is None:
        if key_file is not None:
            raise UsageError(f"{section}.key_file: needs {section}.cert_file beside it")
        return _made(*made_of, None, None, 0, 0)
    try:
        return _made(*made_of, cert_file, key_file, _version(cert_file), _version(key_file))
    except OSError as error:
        files = f"{cert_file} with {key_file}" if key_file else f"{cert_file} (key included)"
        words = f"{section}.cert_file: {files}: not a certificate and its key in PEM ({error})"
        raise UsageError(words) from error


def _version(path: str | None) -> int:
    return Path(path).stat().st_mtime_ns if path else 0


@lru_cache(maxsize=8)
def _made(
    ca_file: str | None,
    _version: int,
    cert_file: str | None,
    key_file: str | None,
    _cert_version: int,
    _key_version: int,
) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=ca_file, capath=None if ca_file else _hashed_folder())
    if ca_file:
        # Python 3.13 refuses authorities without a key usage, as people make them for themselves.
        made.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if cert_file:
        made.load_cert_chain(cert_file, key_file, password=_no_password)
    return made


def _no_password() -> str:
    """OpenSSL would ask for one on the terminal."""
    raise ssl.SSLError("the key is locked with a password; give one without")


def _hashed_folder() -> str | None:
    """The system's folder of authorities where OpenSSL finds one by its hash.

    Debian has it.  From it only the authority that is asked for is loaded, not all 140.
    """
    folder = ssl.get_default_verify_paths().capath
    if folder is None or os.environ.get("SSL_CERT_FILE"):
        return None
    return folder if any(Path(folder).glob("*.0")) else None
