"""MaaS with OpenAI's own client, and Youdao, over loopback."""

from __future__ import annotations

import base64
import hashlib
import json
import time
import uuid
from typing import Any
from urllib.parse import urlencode

import pytest

from agent.emulator import Emulator
from agent.emulator.call import FORM
from agent.emulator.engines.tones import decode_tones
from agent.emulator.faults import Fault
from agent.emulator.sound import read_sound
from tests.system.emulated import emulator, request, tones
from tests.unit.emulator.calls import multipart, speech, wav

__all__ = ["emulator"]

SPEECH = wav(speech(1, 22))


def openai_client(emulator: Emulator, api_key: str = "demo", endpoint: str = "demo") -> Any:
    openai = pytest.importorskip("openai")
    url = f"{emulator.url}/v1/ai/{endpoint}"
    return openai.OpenAI(base_url=url, api_key=api_key, max_retries=0, timeout=5)


def test_openais_client_transcribes(emulator: Emulator) -> None:
    with openai_client(emulator) as client:
        done = client.audio.transcriptions.create(model="whisper-1", file=("a.wav", SPEECH))
        assert done.text == "w1 w22"
    assert emulator.exchanges[0].fields["model"] == "whisper-1"
    assert emulator.exchanges[0].audio == speech(1, 22)


def test_openais_client_asks_for_words(emulator: Emulator) -> None:
    with openai_client(emulator) as client:
        done = client.audio.transcriptions.create(
            model="whisper-1",
            file=("a.wav", SPEECH),
            language="en",
            prompt="numbers",
            temperature=0,
            response_format="verbose_json",
            timestamp_granularities=["word"],
        )
    assert [word.word for word in done.words] == ["w1", "w22"]
    assert done.language == "en"


@pytest.mark.parametrize(
    ("api_key", "endpoint", "sound", "error", "message"),
    [
        ("other", "demo", SPEECH, "AuthenticationError", "AccessKey"),
        ("demo", "other", SPEECH, "NotFoundError", "no such endpoint"),
        ("demo", "demo", b"garbage", "BadRequestError", "known format"),
    ],
    ids=["key", "endpoint", "sound"],
)
def test_openais_client_understands_the_refusals(
    emulator: Emulator, api_key: str, endpoint: str, sound: bytes, error: str, message: str
) -> None:
    expected = getattr(pytest.importorskip("openai"), error)
    with (
        openai_client(emulator, api_key, endpoint) as client,
        pytest.raises(expected, match=message),
    ):
        client.audio.transcriptions.create(model="m", file=("a.wav", sound))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_openais_path_of_translations_is_not_documented(emulator: Emulator) -> None:
    openai = pytest.importorskip("openai")
    with openai_client(emulator) as client, pytest.raises(openai.NotFoundError):
        client.audio.translations.create(model="m", file=("a.wav", SPEECH))


def test_a_fault_may_have_a_status_of_maas() -> None:
    expected = pytest.importorskip("openai").RateLimitError
    faults = [Fault("error", request=1, code=429, msg="slow down")]
    with (
        tones(faults=faults) as emulator,
        openai_client(emulator) as client,
        pytest.raises(expected),
    ):
        client.audio.transcriptions.create(model="m", file=("a.wav", SPEECH))


@pytest.mark.parametrize(
    ("path", "fields", "key"),
    [
        ("/audio/translation", {"file": SPEECH}, "text"),
        (
            "/speechtotext/transcriptions:transcribe?api-version=2024-11-15",
            {"audio": SPEECH, "definition": '{"locales": ["en-US"]}'},
            "phrases",
        ),
        ("/audio/recognize", {"file": SPEECH}, "durationInSeconds"),
        ("/audio/realtime/translation", {"file": SPEECH, "targetLanguages": "ja"}, "resultId"),
    ],
    ids=["whisper-translate", "fast", "recognize", "speech-translation"],
)
def test_every_path(
    emulator: Emulator, path: str, fields: dict[str, str | bytes], key: str
) -> None:
    body, content_type = multipart(fields)
    headers = {"Authorization": "Bearer demo", "Content-Type": content_type}
    status, answer = request(f"{emulator.url}/v1/ai/demo{path}", body, headers)
    assert status == 200
    assert key in json.loads(answer)


def test_a_body_over_the_limit_is_refused_when_it_is_read(emulator: Emulator) -> None:
    url = f"{emulator.url}/v1/ai/demo/audio/transcriptions"
    status, answer = request(url, bytes(28_000_000), {"Authorization": "Bearer demo"})
    assert status == 413
    assert json.loads(answer)["error"]["code"] == "file_too_large"


# Youdao


def youdao(emulator: Emulator, salt: str, **changes: str) -> dict[str, Any]:
    q, curtime = base64.b64encode(SPEECH).decode(), str(int(time.time()))
    whole = f"demo{q[:10]}{len(q)}{q[-10:]}{salt}{curtime}demo"
    fields = {
        "q": q, "from": "zh-CHS", "to": "en", "appKey": "demo", "salt": salt,
        "sign": hashlib.sha256(whole.encode()).hexdigest(), "signType": "v3",
        "curtime": curtime, "format": "wav", "rate": "16000", "channel": "1", "type": "1",
        **changes,
    }  # fmt: skip
    url = emulator.url + "/speechtransapi"
    status, answer = request(url, urlencode(fields).encode(), {"Content-Type": FORM})
    assert status == 200
    read = json.loads(answer)
    assert isinstance(read, dict)
    return read


def test_youdao_translates_and_speaks(emulator: Emulator) -> None:
    answer = youdao(emulator, str(uuid.uuid4()))
    assert (answer["query"], answer["translation"]) == ("w1 w22", ["[en] w1 w22"])
    for key, last in (("tSpeakUrl", [1, 22]), ("speakUrl", [1, 22])):
        assert answer[key].startswith(emulator.url)
        status, sound = request(answer[key])
        assert status == 200
        decoded = read_sound(sound)
        assert decoded.kind == "mp3"
        assert decode_tones(decoded.mono, 16_000)[-2:] == last


def test_youdao_refuses_a_replay(emulator: Emulator) -> None:
    salt = str(uuid.uuid4())
    assert youdao(emulator, salt)["errorCode"] == "0"
    assert youdao(emulator, salt) == {"errorCode": "207"}
    assert emulator.exchanges[1].refusal == "207: salt was used before"


def test_a_fault_of_youdao_has_its_shape() -> None:
    faults = [Fault("error", request=1, code=411), Fault("error", request=2)]
    with tones(faults=faults) as emulator:
        assert youdao(emulator, "1") == {"errorCode": "411"}
        assert youdao(emulator, "2") == {"errorCode": "303"}
