"""TLS, always verified: by the system's authorities or by those in a file."""

from __future__ import annotations

import os
import ssl
from functools import lru_cache
from pathlib import Path

from agent.errors import UsageError


def context(ca_file: str | None, key: str = "network.ca_file") -> ssl.SSLContext:
    """What verifies servers; kept until the file changes, as it takes 30 ms and a megabyte.

    Raises UsageError, naming the configuration's ``key``, when ``ca_file`` cannot be read.
    """
    try:
        return _made(ca_file, Path(ca_file).stat().st_mtime_ns if ca_file else 0)
    except OSError as error:  # ssl.SSLError is one
        raise UsageError(f"{key}: {ca_file}: not a readable PEM certificate ({error})") from error


@lru_cache(maxsize=4)
def _made(ca_file: str | None, _version: int) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=ca_file, capath=None if ca_file else _hashed_folder())
    if ca_file:
        # Python 3.13 refuses authorities without a key usage, as people make them for themselves.
        made.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return made


def _hashed_folder() -> str | None:
    """The system's folder of authorities where OpenSSL finds one by its hash.

    Debian has it.  From it only the authority that is asked for is loaded, not all 140.
    """
    folder = ssl.get_default_verify_paths().capath
    if folder is None or os.environ.get("SSL_CERT_FILE"):
        return None
    return folder if any(Path(folder).glob("*.0")) else None
