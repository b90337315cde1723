"""The signature of Tencent Cloud: verified as the document's sample makes it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.emulator.call import Call, Declined
from agent.emulator.tencent.tc3 import verify
from tests.unit.emulator import tc3
from tests.unit.emulator.calls import NOW, call

BODY = tc3.parameters(Data="AAAA")


def signed(**changes: object) -> Call:
    return call(BODY, tc3.headers(BODY, **{"timestamp": NOW, **changes}))  # type: ignore[arg-type]


def code(request: Call) -> object:
    with pytest.raises(Declined) as raised:
        verify(request, "tsi")
    return raised.value.code


@pytest.mark.parametrize("headers", ["content-type;host;x-tc-action", "content-type;host"])
def test_the_samples_signature_and_the_sdks_are_right(headers: str) -> None:
    verify(signed(signed=headers), "tsi")


def test_the_signature_is_what_openssl_computes() -> None:
    """Four times `openssl dgst -sha256 -mac HMAC`, by hand, for the body `{}`."""
    openssl = "37c67a009bbc87708df3a803fdce581f6a30050e24e21f88882639c6cdf4f14e"
    headers = tc3.headers(b"{}", timestamp=1_551_113_065)
    assert headers["authorization"].endswith(f"Signature={openssl}")
    verify(call(b"{}", headers, unix_s=1_551_113_065), "tsi")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"secret_key": "other"}, "AuthFailure.SignatureFailure"),
        ({"secret_id": "other"}, "AuthFailure.SecretIdNotFound"),
        ({"service": "asr"}, "AuthFailure.InvalidAuthorization"),
        ({"timestamp": NOW - 302}, "AuthFailure.SignatureExpire"),
        ({"timestamp": NOW + 302}, "AuthFailure.SignatureExpire"),
        ({"signed": "host;content-type"}, "AuthFailure.InvalidAuthorization"),
        ({"signed": "content-type;x-tc-action"}, "AuthFailure.InvalidAuthorization"),
    ],
)
def test_a_wrong_signature(changes: dict[str, object], expected: str) -> None:
    assert code(signed(**changes)) == expected


@pytest.mark.parametrize("off", [-299, 300])
def test_five_minutes_are_allowed(off: int) -> None:
    verify(signed(timestamp=NOW + off), "tsi")


@pytest.mark.parametrize(
    ("header", "value", "expected"),
    [
        ("x-tc-timestamp", "", "InvalidParameterValue"),
        ("x-tc-timestamp", "1e9", "InvalidParameterValue"),
        ("x-tc-timestamp", None, "MissingParameter"),
        ("x-tc-timestamp", str(int(NOW) + 1), "AuthFailure.SignatureFailure"),
        ("authorization", None, "AuthFailure.InvalidAuthorization"),
        ("authorization", "TC3-HMAC-SHA256 Credential=demo", "AuthFailure.InvalidAuthorization"),
        ("x-tc-action", "Other", "AuthFailure.SignatureFailure"),
        ("x-tc-action", None, "AuthFailure.SignatureFailure"),
        ("host", "elsewhere", "AuthFailure.SignatureFailure"),
        ("content-type", "application/json", "AuthFailure.SignatureFailure"),
        ("content-type", "\udcff", "AuthFailure.SignatureFailure"),
        ("x-tc-token", "other", "AuthFailure.TokenFailure"),
    ],
)
def test_a_changed_header(header: str, value: str | None, expected: str) -> None:
    headers = {**signed().headers, header: value}
    request = replace(signed(), headers={k: v for k, v in headers.items() if v is not None})
    assert code(request) == expected


def test_body_and_query_are_signed() -> None:
    assert code(replace(signed(), body=BODY + b" ")) == "AuthFailure.SignatureFailure"
    assert code(replace(signed(), raw_query="a=1")) == "AuthFailure.SignatureFailure"


@given(st.text())
def test_any_authorization_is_refused(text: str) -> None:
    headers = {**signed().headers, "authorization": text}
    assert str(code(replace(signed(), headers=headers))).startswith("AuthFailure")
