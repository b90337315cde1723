"""TLS, always verified: by the system's authorities or by those in a file.

A certificate of our own (``cert_file``, its key in ``key_file`` or in the same file) is
shown to a server that asks for one.
"""

from __future__ import annotations

import os
import socket
import ssl
from functools import lru_cache
from pathlib import Path

from agent.errors import LinkError, UsageError
from agent.link.waiter import Waiter

Context = ssl.SSLContext


def context(
    ca_file: str | None,
    key: str = "network.ca_file",
    cert_file: str | None = None,
    key_file: str | None = None,
) -> Context:
    """What verifies servers; kept until a file changes, as it takes 30 ms and a megabyte.

    Raises UsageError, naming the configuration's ``key`` (or its neighbours ``cert_file``
    and ``key_file``), when a file cannot be read.
    """
    section = key.rpartition(".")[0]
    try:
        own = _version(cert_file, key_file)
    except OSError as error:
        raise UsageError(_unusable(section, cert_file, key_file, error)) from error
    try:
        return _made(ca_file, _version(ca_file), cert_file, key_file, own)
    except _Unusable as error:
        reason = error.args[0]
        raise UsageError(_unusable(section, cert_file, key_file, reason)) from reason
    except OSError as error:  # ssl.SSLError is one
        raise UsageError(f"{key}: {ca_file}: not a readable PEM certificate ({error})") from error


class _Unusable(Exception):
    """Our own certificate cannot be loaded, and why."""


def _version(*files: str | None) -> int:
    """Differs when one of ``files`` has changed."""
    return hash(tuple(Path(file).stat().st_mtime_ns for file in files if file)) if any(files) else 0


@lru_cache(maxsize=4)
def _made(
    ca_file: str | None, _ca: int, cert_file: str | None, key_file: str | None, _own: int
) -> Context:
    made = ssl.create_default_context(cafile=ca_file, capath=None if ca_file else _hashed_folder())
    if ca_file:
        # Python 3.13 refuses authorities without a key usage, as people make them for themselves.
        made.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if cert_file:
        _load(made, cert_file, key_file)
    return made


def _load(made: Context, cert_file: str, key_file: str | None) -> None:
    try:
        # A key with a password would have it asked for on the terminal.
        made.load_cert_chain(cert_file, key_file, password=lambda: "")
    except (OSError, ValueError) as error:
        raise _Unusable(error) from error


def _unusable(section: str, cert_file: str | None, key_file: str | None, reason: Exception) -> str:
    mend = "expected a PEM certificate with its key, the key without a password"
    if isinstance(reason, ssl.SSLError) and reason.reason == "KEY_VALUES_MISMATCH":
        mend = "the key is not that of the certificate"
    names = f"{section}.cert_file: {cert_file}"
    names += f", {section}.key_file: {key_file}" if key_file else ""
    return f"{names}: {mend} ({reason})"


def _hashed_folder() -> str | None:
    """The system's folder of authorities where OpenSSL finds one by its hash.

    Debian has it.  From it only the authority that is asked for is loaded, not all 140.
    """
    folder = ssl.get_default_verify_paths().capath
    if folder is None or os.environ.get("SSL_CERT_FILE"):
        return None
    return folder if any(Path(folder).glob("*.0")) else None


def secured(sock: socket.socket, made: Context, host: str, wait: Waiter) -> ssl.SSLSocket:
    """``sock`` after the TLS handshake with ``host``; closed where that fails.

    Raises LinkError ``tls``, ``timeout``, ``cancelled``.
    """
    try:
        secure = made.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
    except (OSError, ValueError) as error:
        sock.close()
        raise LinkError(f"{wait.where} hung up at once ({error})", "reset") from error
    try:
        _shake_hands(secure, wait)
    except (ssl.SSLError, OSError) as error:
        secure.close()
        raise LinkError(_reason(wait.where, error), "tls") from error
    except BaseException:  # whatever ends this, nothing half made stays open
        secure.close()
        raise
    return secure


def _shake_hands(secure: ssl.SSLSocket, wait: Waiter) -> None:
    while True:
        try:
            secure.do_handshake()
            return
        except ssl.SSLWantReadError:
            wait.until_ready(secure, write=False)
        except ssl.SSLWantWriteError:
            wait.until_ready(secure, write=True)


def _reason(where: str, error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = error.verify_message
        hint = ""
        if "expired" in reason or "not yet valid" in reason:
            hint = ": is this device's clock right?"
        elif "self" in reason or "issuer" in reason:
            hint = ": name its authority in network.ca_file, or somebody is in between"
        return f"TLS certificate of {where} not accepted: {reason}{hint}"
    return f"TLS handshake with {where} failed: {getattr(error, 'reason', None) or error}"
