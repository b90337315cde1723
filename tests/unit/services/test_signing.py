"""The signatures against other people's code and against second computations."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import warnings
from typing import Any
from urllib.parse import parse_qsl, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tencentcloud.common.credential import Credential  # type: ignore[import-untyped]
from tencentcloud.common.http.request import RequestInternal  # type: ignore[import-untyped]
from tencentcloud.tsi.v20210325.tsi_client import TsiClient  # type: ignore[import-untyped]

from agent.services.signing import (
    Tc3,
    canonical_request,
    form,
    hmac_sha1,
    md5_sign,
    php_urlencode,
    youdao_input,
    youdao_v3,
    youdao_v4,
)
from tests.vectors import load

LONG_ASR, YOUDAO = load("tencent_long_asr"), load("youdao")
STREAM, YOUDAO_STREAM = load("tencent_speech_translate"), load("youdao_stream")
keys = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
times = st.integers(0, 4_000_000_000)


def sdk_request(secret_id: str, secret_key: str, params: dict[str, Any], now: int) -> Any:
    """The request the Tencent Cloud SDK builds at ``now``; it signs two header fields."""
    client = TsiClient(Credential(secret_id, secret_key), "")
    request = RequestInternal("tsi.tencentcloudapi.com", "POST", "/", {})
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # utcfromtimestamp, from 3.12 on
        patch.setattr("time.time", lambda: now)
        client._build_req_with_tc3_signature("TongChuanSync", params, request)
    return request


@given(keys, keys, st.dictionaries(st.text(max_size=9), st.text(max_size=30)), times)
@example("SecretId", "SecretKey", {"Source": "中"}, 1735689599)  # the last second of a UTC day
def test_tc3_is_the_sdks(secret_id: str, key: str, params: dict[str, str], now: int) -> None:
    request = sdk_request(secret_id, key, params, now)
    signed = {"host": "tsi.tencentcloudapi.com", "content-type": "application/json"}
    ours = Tc3(secret_id, key, "tsi").authorization(signed, request.data.encode(), now)
    assert ours == request.header["Authorization"]


def test_tc3_signs_as_the_documents_sample() -> None:
    headers = {
        "content-type": "application/json; charset=utf-8",
        "host": "tsi.tencentcloudapi.com",
        "x-tc-action": "TongChuanSync",
    }
    assert canonical_request(headers, b"{}") == (
        "POST\n/\n\n"
        "content-type:application/json; charset=utf-8\n"
        "host:tsi.tencentcloudapi.com\n"
        "x-tc-action:tongchuansync\n\n"
        "content-type;host;x-tc-action\n"
        "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    )


@given(st.binary(max_size=50), st.integers(0, 49))
def test_tc3_covers_every_byte(payload: bytes, place: int) -> None:
    changed = bytearray(payload or b"\0")
    changed[place % len(changed)] ^= 1
    sign = Tc3("i", "k", "tsi").authorization
    assert sign({"host": "h"}, payload, 1) != sign({"host": "h"}, bytes(changed), 1)


def test_secrets_do_not_show() -> None:
    assert "hunter" not in repr(Tc3("hunter-1", "hunter-2", "tsi"))


@pytest.mark.parametrize("vector", LONG_ASR["signs"], ids=lambda v: v["name"])
def test_a_form(vector: dict[str, Any]) -> None:
    assert form(vector["fields"]) == vector["form"]


@given(st.text())
@example("".join(map(chr, range(256))))
def test_urlencode_is_phps(text: str) -> None:
    assert php_urlencode(text) == quote_plus(text, safe="").replace("~", "%7E")


@given(st.dictionaries(st.from_regex(r"[a-z_]{1,9}", fullmatch=True), st.text(max_size=20)), keys)
def test_md5_sign_against_a_second_computation(fields: dict[str, str], key: str) -> None:
    """``getReqSign``, step by step: sort, join, append the key, digest, upper case."""
    text = ""
    for name, value in sorted(fields.items()):
        if value:
            text += f"{name}={quote_plus(value, safe='').replace('~', '%7E')}&"
    text = f"{text}app_key={key}" if text else f"&app_key={key}"
    sent = form(fields)
    assert md5_sign(sent, key) == hashlib.md5(text.encode()).hexdigest().upper()
    assert dict(parse_qsl(sent)) == {name: value for name, value in fields.items() if value}


@pytest.mark.parametrize("vector", YOUDAO["inputs"], ids=lambda v: v["q"][:21] or "empty")
def test_youdao_input(vector: dict[str, str]) -> None:
    assert youdao_input(vector["q"]) == vector["input"]


@given(keys, st.text(max_size=60), st.uuids(), times, keys)
def test_youdao_sign_against_a_second_computation(
    app: str, q: str, salt: object, now: int, secret: str
) -> None:
    digest = hashlib.sha256(app.encode())
    pieces = [q] if len(q) < 21 else [q[0:10], str(len(q)), q[len(q) - 10 :]]
    for piece in (*pieces, str(salt), str(now), secret):
        digest.update(piece.encode())
    assert youdao_v3(app, q, str(salt), str(now), secret) == digest.hexdigest()


def test_the_key_chain_of_tc3_is_the_samples() -> None:
    """Step 3 of the sample, written out, for the three fields it signs."""
    headers = {"content-type": "a", "host": "b", "x-tc-action": "c"}
    payload = json.dumps({"Seq": 0}).encode()
    key = b"TC3SecretKey"
    for part in ("2024-12-31", "tsi", "tc3_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    digest = hashlib.sha256(canonical_request(headers, payload).encode()).hexdigest()
    text = f"TC3-HMAC-SHA256\n1735609992\n2024-12-31/tsi/tc3_request\n{digest}"
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    assert Tc3("SecretId", "SecretKey", "tsi").authorization(headers, payload, 1735609992) == (
        "TC3-HMAC-SHA256 Credential=SecretId/2024-12-31/tsi/tc3_request, "
        f"SignedHeaders=content-type;host;x-tc-action, Signature={signature}"
    )


@pytest.mark.parametrize("vector", STREAM["addresses"], ids=lambda v: v["name"])
def test_the_address_of_a_stream_is_signed_as_openssl_signs_it(vector: dict[str, Any]) -> None:
    assert hmac_sha1(vector["signed"], STREAM["account"]["secret_key"]) == vector["signature"]


@given(st.text(max_size=300), st.text(max_size=100))
def test_hmac_sha1_against_the_steps_of_rfc_2104(text: str, key: str) -> None:
    known = key.encode("utf-8", "replace")
    text = text.encode("utf-8", "replace").decode()
    if len(known) > 64:
        known = hashlib.sha1(known).digest()
    known = known.ljust(64, b"\0")
    inner = hashlib.sha1(bytes(byte ^ 0x36 for byte in known) + text.encode()).digest()
    outer = hashlib.sha1(bytes(byte ^ 0x5C for byte in known) + inner).digest()
    signed = hmac_sha1(text, key.encode("utf-8", "replace").decode())
    assert base64.b64decode(signed, validate=True) == outer


def test_youdao_v4_as_openssl_makes_it() -> None:
    account, when = YOUDAO_STREAM["account"], str(int(YOUDAO_STREAM["unix"]))
    made = youdao_v4(account["app_key"], YOUDAO_STREAM["salt"], when, account["app_secret"])
    assert made == YOUDAO_STREAM["sign"]


@given(keys, keys, times, keys)
def test_youdao_v4_is_v3_without_its_input(key: str, salt: str, when: int, secret: str) -> None:
    assert youdao_v4(key, salt, str(when), secret) == youdao_v3(key, "", salt, str(when), secret)
