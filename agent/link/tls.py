"""TLS, always verified: by the system's authorities or by those in a file."""

from __future__ import annotations

import os
import ssl
from functools import lru_cache
from pathlib import Path

from agent.errors import UsageError


@lru_cache(maxsize=8)
def context(ca_file: str | None, key: str = "network.ca_file") -> ssl.SSLContext:
    """What verifies servers; made once, as it takes 30 ms and a megabyte.

    Raises UsageError, naming the configuration's ``key``, when ``ca_file`` cannot be read.
    """
    folder = None if ca_file else _hashed_folder()
    try:
        return ssl.create_default_context(cafile=ca_file, capath=folder)
    except OSError as error:  # ssl.SSLError is one
        raise UsageError(f"{key}: {ca_file}: not a readable PEM certificate ({error})") from error


def _hashed_folder() -> str | None:
    """The system's folder of authorities where OpenSSL finds one by its hash.

    Debian has it.  From it only the authority that is asked for is loaded, not all 140.
    """
    folder = ssl.get_default_verify_paths().capath
    if folder is None or os.environ.get("SSL_CERT_FILE"):
        return None
    return folder if any(Path(folder).glob("*.0")) else None
