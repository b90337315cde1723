"""Long recognition without a socket: the form, its signature, the recording."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from urllib.parse import quote_plus

import pytest

from agent.emulator.call import Call, Declined
from agent.emulator.stream import Rules
from agent.emulator.tencent.long_asr import LongAsrProvider, sign
from tests.unit.emulator.calls import NOW, TONES, answer, call, form_call, reply, speech, wav

EXECUTOR = ThreadPoolExecutor(1)


def provider(**rules: object) -> LongAsrProvider:
    return LongAsrProvider(TONES, Rules(**rules), EXECUTOR)  # type: ignore[arg-type]


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def signed(fields: dict[str, str], app_key: str = "demo") -> str:
    """A second way to the signature: as the platform's sample adds one pair after the other."""
    text = ""
    for name in sorted(fields):
        if fields[name] != "":
            text += name + "=" + quote_plus(fields[name], safe="").replace("~", "%7E") + "&"
    return hashlib.md5(f"{text}app_key={app_key}".encode()).hexdigest().upper()


def ask(app_key: str = "demo", now_ms: float = 0, **changes: str | None) -> Call:
    given = {
        "app_id": "1000001",
        "time_stamp": str(int(NOW)),
        "nonce_str": "fa577ce340859f9fe",
        "format": "1",
        "callback_url": "http://127.0.0.1:9/done?a=b c~",
        "speech": b64(speech(3)),
        **changes,
    }
    fields = {name: value for name, value in given.items() if value is not None}
    return form_call({"sign": signed(fields, app_key), **fields}, now_ms=now_ms)


def ret(request: Call) -> tuple[object, object]:
    refused = answer(provider(), request)
    assert set(refused) == {"ret", "msg", "data"}
    assert refused["ret"] != 0
    return refused["ret"], refused["msg"]


def test_a_submission_has_a_task() -> None:
    accepted = answer(provider(), ask())
    assert accepted == {"ret": 0, "msg": "ok", "data": accepted["data"]}
    assert isinstance(accepted["data"], dict)
    assert re.fullmatch(r"1_1763600000500", accepted["data"]["task_id"])


def test_the_signature_is_what_openssl_computes() -> None:
    fields = {
        "app_id": "1000001", "callback_url": "http://127.0.0.1/a b~", "format": "1",
        "nonce_str": "n", "sign": "", "speech": "AA+/AA==", "speech_url": "",
        "time_stamp": "1493468759",
    }  # fmt: skip
    assert sign(fields, "demo") == "2C320E8FE61E02E7DBABDB4991F5FB1F"


@pytest.mark.parametrize(
    ("changes", "code", "msg"),
    [
        ({"app_id": "1000002"}, 2, "app_id is not known"),
        ({"app_id": "demo"}, 1, "app_id must be a positive integer"),
        ({"app_key": "other"}, 3, "sign is not right"),
        ({"sign": "X"}, 1, "sign must have 32 bytes"),
        ({"time_stamp": str(int(NOW) - 301)}, 4, "time_stamp is more than 300 s off"),
        ({"time_stamp": "-1"}, 1, "time_stamp must be a positive integer"),
        ({"nonce_str": "x" * 33}, 1, "nonce_str is longer than 32 bytes"),
        ({"nonce_str": ""}, 1, "nonce_str is missing or empty"),
        ({"callback_url": None}, 1, "callback_url is missing or empty"),
        ({"format": "5"}, 1, "format must be 1 (PCM), 2 (WAV), 3 (AMR) or 4 (SILK)"),
        ({"format": "01"}, 1, "format must be a positive integer"),
        ({"speech": None}, 1, "one of speech and speech_url is needed"),
        ({"speech": "!"}, 1, "speech is not valid Base64"),
        ({"extra": "1"}, 1, "unknown parameter 'extra'"),
        ({"callback_url": "https://ai.qq.com"}, 9, "callback_url: the emulator calls"),
        ({"callback_url": "ftp://127.0.0.1/"}, 9, "callback_url: the emulator calls"),
        ({"callback_url": "http://127.0.0.1:x/"}, 9, "callback_url: the emulator calls"),
        ({"speech": None, "speech_url": "http://8.8.8.8/a"}, 9, "speech_url: the emulator"),
        ({"speech": b64(bytes(5 * 1024 * 1024 + 2))}, 7, "speech is larger than 5 MB"),
        ({"speech": b64(b"\x00")}, 6, "speech: not 16-bit PCM without a header"),
        ({"format": "2"}, 6, "speech: not a sound file of a known format"),
        ({"format": "3", "speech": b64(wav(speech(3)))}, 6, "speech is WAV, not AMR"),
        ({"format": "4"}, 6, "speech is not SILK"),
        ({"format": "2", "speech": b64(wav(speech(3), rate=44_100))}, 6, "speech must have 16k"),
        ({"format": "2", "speech": b64(wav(speech(3), channels=2))}, 6, "speech must have 16k"),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_a_wrong_submission(changes: dict[str, str | None], code: int, msg: str) -> None:
    given, words = ret(ask(**changes))  # type: ignore[arg-type]
    assert given == code
    assert str(words).startswith(msg)


def test_a_submission_is_a_urlencoded_form() -> None:
    assert ret(call(b"{}", {"content-type": "application/json"}))[0] == 1
    assert ret(call(b"a=%ff", ask().headers))[0] == 1


def test_speech_is_preferred_to_its_address() -> None:
    both = ask(speech_url="http://elsewhere.example/")
    assert answer(provider(), both)["ret"] == 0


def test_the_client_itself_may_be_called_back() -> None:
    request = replace(ask(callback_url="http://192.0.2.7:80/"), remote="192.0.2.7")
    assert answer(provider(), request)["ret"] == 0


def test_fifteen_minutes_and_no_more() -> None:
    long = bytes(2 * 8_000 * 901)
    assert len(long) > 5 * 1024 * 1024  # such a recording can come by its address only
    hear = LongAsrProvider(TONES, Rules(rate=8_000), EXECUTOR)
    assert hear._check_sound("pcm", long[: 2 * 8_000 * 900])
    with pytest.raises(Declined, match="15"):
        hear._check_sound("pcm", long)


def test_requests_per_second_are_limited() -> None:
    asr = provider(jobs_per_s=2)
    answers = [answer(asr, ask(now_ms=now))["ret"] for now in (0, 1, 2, 1_000)]
    assert answers == [0, 0, 5, 0]


def test_what_follows_is_a_job() -> None:
    then = reply(provider(), ask()).then
    assert then is not None
    work = then()
    assert asyncio.iscoroutine(work)
    work.close()


def test_the_journal_has_no_signature() -> None:
    request = ask()
    answer(provider(), request)
    assert request.page.fields["app_id"] == "1000001"
    assert "sign" not in request.page.fields
