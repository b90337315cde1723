"""The signatures of four interfaces: pure functions of parameters, keys and times.

* ``TC3-HMAC-SHA256`` of Tencent Cloud (TSI quick start, the Python sample, steps 1 to 4);
* HMAC-SHA1 over the address of a WebSocket of Tencent Cloud's ``asr`` (its speech SDKs);
* the MD5 sign of Tencent's AI open platform (``getReqSign`` of the long ASR document);
* signatures ``v3`` (speech translation, "接口调用参数") and ``v4`` (streams) of Youdao.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

TC3 = "TC3-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Tc3:
    """Who signs (``secret_id``, ``secret_key``) for which ``service`` of Tencent Cloud."""

    secret_id: str = field(repr=False)
    secret_key: str = field(repr=False)
    service: str

    def authorization(self, headers: Mapping[str, str], payload: bytes, timestamp: int) -> str:
        """The ``Authorization`` field of a POST of ``payload`` to ``/``.

        ``headers`` are the fields to sign, names in lower case; ``timestamp`` (s since
        1970) must be sent as ``X-TC-Timestamp``.
        """
        date = datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d")
        scope = f"{date}/{self.service}/tc3_request"
        digest = _sha256(canonical_request(headers, payload).encode())
        signature = self._sign(date, f"{TC3}\n{timestamp}\n{scope}\n{digest}")
        return (
            f"{TC3} Credential={self.secret_id}/{scope}, "
            f"SignedHeaders={_names(headers)}, Signature={signature}"
        )

    def _sign(self, date: str, text: str) -> str:
        key = f"TC3{self.secret_key}".encode()
        for part in (date, self.service, "tc3_request"):
            key = _hmac(key, part)
        return _hmac(key, text).hex()


def canonical_request(headers: Mapping[str, str], payload: bytes) -> str:
    """Step 1: the request as it is signed; values of ``headers`` count in lower case."""
    lines = "".join(f"{name}:{headers[name].strip().lower()}\n" for name in sorted(headers))
    return "\n".join(("POST", "/", "", lines, _names(headers), _sha256(payload)))


def _names(headers: Mapping[str, str]) -> str:
    return ";".join(sorted(headers))


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def hmac_sha1(text: str, secret_key: str) -> str:
    """The ``signature`` of an address of ``asr``, in Base64; ``text`` is the address without
    scheme and signature, its parameters sorted by name and their values not escaped."""
    digest = hmac.new(secret_key.encode(), text.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


# --- AI open platform ------------------------------------------------------------------------

_SAFE = frozenset(f"{string.ascii_letters}{string.digits}_.-".encode())
_ESCAPES = {n: b"%%%02X" % n for n in range(256)} | {0x20: b"+"}


def php_urlencode(text: str) -> str:
    """``text`` as PHP's ``urlencode`` writes it, which the sign is computed over.

    Only letters, digits, ``-``, ``_`` and ``.`` stay (``~`` does not, unlike in
    ``quote_plus``); a space becomes ``+``.
    """
    data = text.encode()
    # A whole upload comes here: one replacement a character that occurs, not one a place.
    # The percent sign goes first and the space last: others become the one, it becomes another.
    unsafe = set(data) - _SAFE
    for byte in sorted(unsafe, key=lambda byte: (byte != 0x25, byte == 0x20)):
        data = data.replace(bytes((byte,)), _ESCAPES[byte])
    return data.decode("ascii")


def form(fields: Mapping[str, str]) -> str:
    """The fields that are not empty, sorted by name, as ``k=v&k=v``."""
    return "&".join(
        f"{name}={php_urlencode(fields[name])}" for name in sorted(fields) if fields[name]
    )


def md5_sign(form: str, app_key: str) -> str:
    """The ``sign`` of a form (:func:`form`, without ``sign``): 32 digits, upper case."""
    digest = hashlib.md5(form.encode())
    digest.update(f"&app_key={app_key}".encode())
    return digest.hexdigest().upper()


# --- Youdao ----------------------------------------------------------------------------------


def youdao_input(q: str) -> str:
    """``input`` of the sign: ``q`` itself up to 20 characters, else ends and length of it."""
    return q if len(q) <= 20 else f"{q[:10]}{len(q)}{q[-10:]}"


def youdao_v3(app_key: str, q: str, salt: str, curtime: str, app_secret: str) -> str:
    """``sha256(appKey + input + salt + curtime + secret)`` in lower-case hex.

    ``curtime`` (s since 1970) is missing in the document's table of fields, but the
    server can only check the sign when it is sent beside it.
    """
    return _sha256(f"{app_key}{youdao_input(q)}{salt}{curtime}{app_secret}".encode())


def youdao_v4(app_key: str, salt: str, curtime: str, app_secret: str) -> str:
    """The same without an ``input``: a stream has none when it is signed."""
    return _sha256(f"{app_key}{salt}{curtime}{app_secret}".encode())
