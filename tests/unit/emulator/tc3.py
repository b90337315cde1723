"""Signs requests to TSI as the sample code of its document does, step by step."""

from __future__ import annotations

import hashlib
import hmac
import json
import time


def sign(key: bytes, msg: str) -> bytes:
    return hmac.new(key, msg.encode("utf-8"), hashlib.sha256).digest()


def headers(
    body: bytes,
    *,
    timestamp: float,
    host: str = "127.0.0.1",
    secret_id: str = "demo",
    secret_key: str = "demo",
    service: str = "tsi",
    signed: str = "content-type;host;x-tc-action",
    content_type: str = "application/json; charset=utf-8",
) -> dict[str, str]:
    seconds = int(timestamp)
    date = time.strftime("%Y-%m-%d", time.gmtime(seconds))
    known = {"content-type": content_type, "host": host, "x-tc-action": "tongchuansync"}
    canonical_headers = "".join(f"{name}:{known[name]}\n" for name in signed.split(";"))
    hashed = hashlib.sha256(body).hexdigest()
    canonical = f"POST\n/\n\n{canonical_headers}\n{signed}\n{hashed}"
    scope = f"{date}/{service}/tc3_request"
    hashed_canonical = hashlib.sha256(canonical.encode("utf-8")).hexdigest()
    string_to_sign = f"TC3-HMAC-SHA256\n{seconds}\n{scope}\n{hashed_canonical}"
    key = sign(sign(sign(f"TC3{secret_key}".encode(), date), service), "tc3_request")
    signature = hmac.new(key, string_to_sign.encode("utf-8"), hashlib.sha256).hexdigest()
    credential = f"Credential={secret_id}/{scope}"
    return {
        "authorization": f"TC3-HMAC-SHA256 {credential}, SignedHeaders={signed}, "
        f"Signature={signature}",
        "content-type": content_type,
        "host": host,
        "x-tc-action": "TongChuanSync",
        "x-tc-timestamp": str(seconds),
        "x-tc-version": "2021-03-25",
    }


def parameters(**changes: object) -> bytes:
    fields = {
        "SessionUuid": "sid-1516105689129",
        "Source": "zh",
        "Target": "en",
        "AudioFormat": 1,
        "Seq": 0,
        "Utc": 1_516_105_689,
        "IsEnd": 0,
        "TranslateTime": 2,
        **changes,
    }
    return json.dumps({k: v for k, v in fields.items() if v is not ...}).encode()
