"""Verifies TC3-HMAC-SHA256, the signature of Tencent Cloud's API 3.0.

After the sample code in the TSI quick start document, steps 1 to 4.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from agent.emulator.call import Call, Declined
from agent.emulator.stream import DEMO

ALGORITHM = "TC3-HMAC-SHA256"
WITHIN_S = 300
"""How far a request's time may be from ours."""

_AUTHORIZATION = re.compile(
    rf"{ALGORITHM} Credential=(?P<secret_id>[^/,\s]*)/(?P<date>\d{{4}}-\d\d-\d\d)/"
    r"(?P<service>[^/,\s]*)/tc3_request, ?"
    r"SignedHeaders=(?P<headers>[a-z0-9;-]+), ?Signature=(?P<signature>[0-9a-f]{64})",
    re.ASCII,
)
_ALWAYS_SIGNED = ("content-type", "host")
_TIMESTAMP = re.compile(r"[0-9]{1,11}")


@dataclass(frozen=True)
class Authorization:
    """The parts of the `Authorization` header."""

    secret_id: str
    date: str
    service: str
    headers: tuple[str, ...]
    signature: str


def verify(call: Call, service: str) -> None:
    """`Declined` with an `AuthFailure` unless this request is signed by `demo` with `demo`."""
    given = read_authorization(call.headers.get("authorization", ""))
    timestamp = _timestamp(call)
    if abs(call.unix_s - timestamp) > WITHIN_S:
        raise Declined("AuthFailure.SignatureExpire", "The timestamp is more than 5 minutes off.")
    if given.secret_id != DEMO:
        raise Declined("AuthFailure.SecretIdNotFound", "The SecretId is not found.")
    date = datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d")
    if (given.date, given.service) != (date, service):
        expected = f"{date}/{service}/tc3_request"
        raise Declined("AuthFailure.InvalidAuthorization", f"The scope must be {expected}.")
    _check_headers(given.headers, call)
    text = string_to_sign(call, given.headers, timestamp, service)
    if not hmac.compare_digest(signature(DEMO, date, service, text), given.signature):
        raise Declined(
            "AuthFailure.SignatureFailure", "The provided credentials could not be validated."
        )
    if call.headers.get("x-tc-token", DEMO) != DEMO:
        raise Declined("AuthFailure.TokenFailure", "The token is not valid.")


def read_authorization(header: str) -> Authorization:
    """The header's parts; `Declined` when it has not the form of step 4."""
    match = _AUTHORIZATION.fullmatch(header)
    if match is None:
        raise Declined("AuthFailure.InvalidAuthorization", "The Authorization header is not valid.")
    return Authorization(
        match["secret_id"],
        match["date"],
        match["service"],
        tuple(match["headers"].split(";")),
        match["signature"],
    )


def string_to_sign(call: Call, headers: Iterable[str], timestamp: int, service: str) -> str:
    """Steps 1 and 2: the canonical request and what is signed of it."""
    names = tuple(headers)
    values = "".join(f"{name}:{call.headers[name].strip().lower()}\n" for name in names)
    request = "\n".join(
        (call.method, "/", call.raw_query, values, ";".join(names), _sha256(call.body))
    )
    date = datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d")
    scope = f"{date}/{service}/tc3_request"
    return "\n".join((ALGORITHM, str(timestamp), scope, _sha256(_encode(request))))


def signature(secret_key: str, date: str, service: str, text: str) -> str:
    """Step 3: the signature in lower-case hexadecimal."""
    key = f"TC3{secret_key}".encode()
    for part in (date, service, "tc3_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.new(key, _encode(text), "sha256").hexdigest()


def _timestamp(call: Call) -> int:
    header = call.headers.get("x-tc-timestamp")
    if header is None:
        raise Declined("MissingParameter", "The request is missing the header X-TC-Timestamp.")
    if not _TIMESTAMP.fullmatch(header):
        raise Declined("InvalidParameterValue", "X-TC-Timestamp must be seconds since 1970.")
    return int(header)


def _check_headers(names: tuple[str, ...], call: Call) -> None:
    if list(names) != sorted(set(names)) or not set(_ALWAYS_SIGNED) <= set(names):
        raise Declined(
            "AuthFailure.InvalidAuthorization",
            "SignedHeaders must be sorted and have content-type and host.",
        )
    for name in names:
        if name not in call.headers:
            raise Declined("AuthFailure.SignatureFailure", f"The signed header {name} is missing.")


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _encode(text: str) -> bytes:
    """Back to the bytes that came: headers that are not UTF-8 arrive with surrogates."""
    return text.encode("utf-8", "surrogateescape")
