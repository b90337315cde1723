"""TSI without a socket: order, lengths, pace, retries, results."""

from __future__ import annotations

import base64
import io
import json
import wave
from typing import Any

import pytest

from agent.emulator import ffmpeg
from agent.emulator.call import Call
from agent.emulator.engines import EngineFailed, Unsupported
from agent.emulator.engines.scripted import ScriptedEngine
from agent.emulator.engines.tones import silence
from agent.emulator.sound import kind_of, read_sound
from agent.emulator.stream import Rules
from agent.emulator.tencent.tsi import TsiProvider
from tests.unit.emulator import tc3
from tests.unit.emulator.calls import NOW, TONES, answer, call, reply, speech, wav

CHUNK = bytes(6_400)  # 200 ms
LONG = speech(1, 22) + silence(16_000, 400)


def provider(**rules: object) -> TsiProvider:
    return TsiProvider(TONES, Rules(**{"slack_ms": 500, **rules}))  # type: ignore[arg-type]


def ask(pcm: bytes = CHUNK, now_ms: float = 0, **changes: Any) -> Call:
    data = base64.b64encode(pcm).decode()
    body = tc3.parameters(**{"Data": data, **changes})
    return call(body, tc3.headers(body, timestamp=NOW), now_ms=now_ms)


def error(tsi: TsiProvider, request: Call) -> tuple[str, str]:
    response = answer(tsi, request)["Response"]
    assert isinstance(response, dict)
    assert set(response) == {"Error", "RequestId"}
    assert set(response["Error"]) == {"Code", "Message"}
    return response["Error"]["Code"], response["Error"]["Message"]


def heard(tsi: TsiProvider, request: Call) -> list[dict[str, object]]:
    response = answer(tsi, request)["Response"]
    assert isinstance(response, dict)
    assert set(response) == {"List", "RequestId"}, response
    listed = response["List"]
    assert isinstance(listed, list)
    return listed


def test_a_session_from_the_first_chunk_to_the_last() -> None:
    tsi = provider()
    told = []
    for seq in range(len(LONG) // 6_400):
        pcm = LONG[seq * 6_400 : (seq + 1) * 6_400]
        told += heard(tsi, ask(pcm, seq * 200, Seq=seq))
    assert [(s["SourceText"], s["SeVer"], s["IsEnd"]) for s in told] == [
        ("w1", 0, False), ("w1 w22", 1, False), ("w1 w22", 2, True),
    ]  # fmt: skip
    last = told[-1]
    assert last == {
        "SeId": "sid-1516105689129_0", "SeVer": 2, "SourceText": "w1 w22",
        "TargetText": "[en] w1 w22", "StartTime": 0, "EndTime": last["EndTime"], "IsEnd": True,
        "Audio": "",
    }  # fmt: skip
    assert 350 < int(str(last["EndTime"])) < 500


def test_the_last_chunk_ends_what_is_open() -> None:
    (sentence,) = heard(provider(), ask(speech(5)[:12_800], IsEnd=1))
    assert (sentence["SourceText"], sentence["IsEnd"]) == ("w5", True)


@pytest.mark.parametrize(("when", "target"), [(0, ""), (1, "[en] w5"), (2, "[en] w5")])
def test_the_time_of_translation(when: int, target: str) -> None:
    (sentence,) = heard(provider(), ask(speech(5)[:12_800], IsEnd=1, TranslateTime=when))
    assert sentence["TargetText"] == target


# --- speech ----------------------------------------------------------------------------------

SAMPLE = {"Codec": "wav", "VoiceType": 0, "Volume": 0, "Speed": 0.5, "SampleRate": 16_000}


def spoken(**changes: Any) -> bytes:
    """The `Audio` of one settled sentence, asked for with these changes to `SAMPLE`."""
    voice = {name: value for name, value in {**SAMPLE, **changes}.items() if value is not None}
    (sentence,) = heard(provider(), ask(speech(5)[:12_800], IsEnd=1, TTS=voice))
    return base64.b64decode(str(sentence["Audio"]))


def test_a_settled_translation_is_spoken_if_asked_for() -> None:
    pcm = TONES.speak("[en] w5", "en")
    assert read_sound(spoken()).mono == pcm
    assert spoken(Codec="pcm", Volume=None, Speed=None, SampleRate=None) == pcm
    half = spoken(Codec="pcm", SampleRate=8_000)
    assert half[:4] == pcm[:2] + pcm[4:6]
    assert len(half) == (len(pcm) // 2 + 1) // 2 * 2
    with wave.open(io.BytesIO(spoken(SampleRate=8_000))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8_000, 1, 2)


def test_what_still_grows_or_is_not_translated_is_not_spoken() -> None:
    tsi, growing = provider(), speech(5)[:12_800]
    (sentence,) = heard(tsi, ask(growing[:6_400], TTS=SAMPLE))
    assert (sentence["IsEnd"], sentence["Audio"]) == (False, "")
    (sentence,) = heard(provider(), ask(growing, IsEnd=1, TTS=SAMPLE, TranslateTime=0))
    assert sentence["Audio"] == ""


@pytest.mark.skipif(not ffmpeg.installed(), reason="ffmpeg is not installed")
def test_speech_may_be_mp3() -> None:
    assert kind_of(spoken(Codec="mp3")) == "mp3"


def test_speech_as_mp3_needs_ffmpeg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ffmpeg, "installed", lambda: False)
    request = ask(speech(5)[:12_800], IsEnd=1, TTS={**SAMPLE, "Codec": "mp3"})
    assert error(provider(), request)[0] == "InternalError"


@pytest.mark.parametrize(
    ("voice", "code"),
    [
        ("wav", "InvalidParameter"),
        ({"Codec": "wav"}, "InvalidParameter.MissingParameter"),
        ({"VoiceType": 0}, "InvalidParameter.MissingParameter"),
        ({**SAMPLE, "Codec": "ogg"}, "InvalidParameterValue"),
        ({**SAMPLE, "VoiceType": "0"}, "InvalidParameter"),
        ({**SAMPLE, "VoiceType": -1}, "InvalidParameter"),
        ({**SAMPLE, "Volume": 10.5}, "InvalidParameterValue"),
        ({**SAMPLE, "Speed": -3}, "InvalidParameterValue"),
        ({**SAMPLE, "Speed": "1"}, "InvalidParameterValue"),
        ({**SAMPLE, "SampleRate": 44_100}, "InvalidParameterValue"),
        ({**SAMPLE, "Pitch": 1}, "UnknownParameter"),
    ],
)
def test_a_wrong_voice_is_refused(voice: object, code: str) -> None:
    assert error(provider(), ask(TTS=voice))[0] == code


def test_a_repeat_of_the_last_chunk_has_the_same_answer() -> None:
    tsi = provider()
    first = ask(speech(5)[:12_800])
    assert reply(tsi, first) == reply(tsi, first)
    heard(tsi, ask(now_ms=400, Seq=1))
    assert error(tsi, first)[0] == "InvalidParameterValue"


def test_a_repeat_with_other_data_is_an_error() -> None:
    tsi = provider()
    heard(tsi, ask())
    assert error(tsi, ask(CHUNK[2:] + b"\x01\x00")) == (
        "InvalidParameterValue", "`Seq` is 0, expected 1.",
    )  # fmt: skip


@pytest.mark.parametrize("seq", [0, 2, 7])
def test_a_gap_is_an_error_and_does_not_break_the_session(seq: int) -> None:
    tsi = provider()
    heard(tsi, ask())
    if seq:
        assert error(tsi, ask(now_ms=200, Seq=seq))[0] == "InvalidParameterValue"
    heard(tsi, ask(now_ms=200, Seq=1))


def test_a_session_begins_with_0_and_ends_with_is_end() -> None:
    tsi = provider()
    assert error(tsi, ask(Seq=1))[1] == "A session begins with `Seq` 0."
    heard(tsi, ask(IsEnd=1))
    assert error(tsi, ask(now_ms=200, Seq=1))[1] == "The session has ended."
    heard(tsi, ask(SessionUuid="another"))


def test_sessions_do_not_mix_and_keep_their_languages() -> None:
    tsi = provider()
    heard(tsi, ask())
    heard(tsi, ask(SessionUuid="another", Source="en", Target="zh"))
    assert "cannot change" in error(tsi, ask(now_ms=200, Seq=1, Source="en", Target="zh"))[1]


@pytest.mark.parametrize("size", [6_400, 16_000])
def test_chunks_of_200_to_500_ms(size: int) -> None:
    heard(provider(), ask(bytes(size)))


@pytest.mark.parametrize("size", [0, 2, 6_398, 6_401, 16_002, 32_000])
def test_chunks_of_other_lengths(size: int) -> None:
    code, _ = error(provider(), ask(bytes(size)))
    assert code == ("InvalidParameterValue" if size else "MissingParameter")


def test_the_samples_wav_is_taken_as_its_samples() -> None:
    (sentence,) = heard(provider(), ask(wav(speech(5)[:16_000]), IsEnd=1))
    assert sentence["SourceText"] == "w5"
    assert error(provider(), ask(wav(bytes(8_000), rate=8_000)))[1].startswith("`Data` must be")
    assert "readable" in error(provider(), ask(b"RIFF    WAVE" + bytes(7_000)))[1]


def test_real_time_with_a_little_slack() -> None:
    tsi = provider(slack_ms=500)
    chunk = bytes(16_000)
    heard(tsi, ask(chunk, 0))
    heard(tsi, ask(chunk, 480, Seq=1))
    heard(tsi, ask(chunk, 600, Seq=2))  # 400 ms early
    assert error(tsi, ask(chunk, 700, Seq=3)) == (
        "RequestLimitExceeded", "The audio is 800 ms ahead of real time.",
    )  # fmt: skip
    heard(tsi, ask(chunk, 1_000, Seq=3))  # it can be sent again in its time


def test_25_requests_a_second() -> None:
    tsi = provider(slack_ms=10**6)
    for seq in range(25):
        heard(tsi, ask(now_ms=seq, Seq=seq))
    assert error(tsi, ask(now_ms=999, Seq=25))[0] == "RequestLimitExceeded"
    heard(tsi, ask(now_ms=1_000, Seq=25))


def test_an_idle_session_is_forgotten() -> None:
    tsi = provider()
    heard(tsi, ask())
    assert "begins with" in error(tsi, ask(now_ms=60_200, Seq=1))[1]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        *[({name: ...}, "MissingParameter") for name in (
            "SessionUuid", "Source", "Target", "AudioFormat", "Seq", "Utc", "IsEnd",
            "TranslateTime", "Data",
        )],
        ({"SessionUuid": 7}, "InvalidParameter"),
        ({"SessionUuid": ""}, "MissingParameter"),
        ({"Seq": "0"}, "InvalidParameter"),
        ({"Seq": True}, "InvalidParameter"),
        ({"Seq": -1}, "InvalidParameterValue"),
        ({"Utc": 1.5}, "InvalidParameter"),
        ({"Foo": 1}, "UnknownParameter"),
        ({"AudioFormat": 2}, "UnsupportedOperation.AudioFormat"),
        ({"IsEnd": 2}, "UnsupportedOperation.IsEnd"),
        ({"TranslateTime": 3}, "UnsupportedOperation.TranslateTime"),
        ({"Source": "fr"}, "InvalidParameterValue"),
        ({"Source": "en", "Target": "ja"}, "UnsupportedOperation"),
        ({"Data": "!"}, "InvalidParameterValue"),
        ({"Data": "é"}, "InvalidParameterValue"),
        ({"SessionUuid": "\ud800"}, "InvalidParameter"),
    ],
    ids=repr,
)  # fmt: skip
def test_wrong_parameters(changes: dict[str, Any], code: str) -> None:
    assert error(provider(), ask(**changes))[0] == code


def test_languages_are_a_pair_only_when_they_are_translated() -> None:
    heard(provider(), ask(Source="en", Target="en", TranslateTime=0))


@pytest.mark.parametrize(
    ("header", "value", "code"),
    [
        ("x-tc-action", None, "MissingParameter"),
        ("x-tc-action", "TongChuanDisplay", "InvalidAction"),
        ("x-tc-version", None, "MissingParameter"),
        ("x-tc-version", "2020-01-01", "NoSuchVersion"),
        ("content-type", "text/plain", "UnsupportedProtocol"),
        ("authorization", None, "AuthFailure.InvalidAuthorization"),
    ],
)
def test_wrong_headers(header: str, value: str | None, code: str) -> None:
    headers = {k: v for k, v in {**ask().headers, header: value}.items() if v is not None}
    assert error(provider(), call(ask().body, headers))[0] == code


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b"{", b'{"Seq": NaN}'])
def test_a_body_that_is_no_json_object(body: bytes) -> None:
    request = call(body, tc3.headers(body, timestamp=NOW))
    assert error(provider(), request)[0] == "InvalidParameter"


def test_what_the_engine_cannot_do() -> None:
    class Stuck(ScriptedEngine):
        def require(self, source: str, target: str | None) -> None:
            raise Unsupported("not here")

    assert error(TsiProvider(Stuck(), Rules()), ask()) == ("UnsupportedOperation", "not here")


def test_a_failure_of_the_engine_ends_the_session() -> None:
    class Broken(ScriptedEngine):
        def translate(self, text: str, source: str, target: str) -> str:
            raise EngineFailed("out of words")

    tsi = TsiProvider(Broken(TONES.script), Rules())
    with pytest.raises(EngineFailed):
        tsi.answer(ask(speech(5)[:16_000]))
    assert "begins with" in error(tsi, ask(now_ms=500, Seq=1))[1]


def test_the_journal_has_sound_and_fields() -> None:
    request = ask(speech(5)[:16_000])
    answer(provider(), request)
    assert request.page.audio == speech(5)[:16_000]
    assert request.page.fields["Data"] == f"<{len(json.loads(request.body)['Data'])} characters>"
    assert "uthorization" not in str(request.page.fields)
