"""TSI with Tencent's own SDK, long recognition with its callback, over loopback."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlencode

import pytest

from agent.emulator import Emulator
from agent.emulator.call import FORM
from agent.emulator.faults import Fault
from agent.emulator.stream import Rules
from agent.emulator.tencent.long_asr import PATH
from tests.system.emulated import AT_ONCE, emulator, eventually, request, tones
from tests.unit.emulator.calls import speech, wav
from tests.unit.emulator.test_long_asr import signed

__all__ = ["emulator"]

# the SDK makes its date with a function that Python 3.12 deprecates
with_sdk = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def part(name: str) -> Any:
    """A module of the SDK, which has no type information."""
    return pytest.importorskip(f"tencentcloud.{name}")


def sdk(emulator: Emulator, secret_key: str = "demo", token: str | None = None) -> Any:
    endpoint = emulator.url.removeprefix("http://")
    where = part("common.profile.http_profile").HttpProfile(protocol="http", endpoint=endpoint)
    profile = part("common.profile.client_profile").ClientProfile(httpProfile=where)
    credential = part("common.credential").Credential("demo", secret_key, token)
    return part("tsi.v20210325.tsi_client").TsiClient(credential, "", profile)


def chunk(client: Any, seq: int, pcm: bytes, *, ends: bool = False) -> Any:
    asked = part("tsi.v20210325.models").TongChuanSyncRequest()
    asked.SessionUuid, asked.Source, asked.Target = "sid", "zh", "en"
    asked.AudioFormat, asked.Seq, asked.Utc, asked.IsEnd = 1, seq, int(time.time()), int(ends)
    asked.TranslateTime, asked.Data = 2, base64.b64encode(pcm).decode()
    return client.TongChuanSync(asked)


def sdk_error() -> Any:
    return part("common.exception.tencent_cloud_sdk_exception").TencentCloudSDKException


def sdk_code(client: Any, seq: int, pcm: bytes) -> str:
    with pytest.raises(sdk_error()) as raised:
        chunk(client, seq, pcm)
    assert raised.value.get_request_id()
    return str(raised.value.get_code())


@with_sdk
def test_tencents_sdk_translates_while_speaking(emulator: Emulator) -> None:
    client = sdk(emulator, token="demo")
    pcm = speech(1, 22) + bytes(6_400)
    chunks = [pcm[at : at + 6_400] for at in range(0, len(pcm) - 6_399, 6_400)]
    answers = [chunk(client, n, piece, ends=piece is chunks[-1]) for n, piece in enumerate(chunks)]
    sentences = [sentence for answer in answers for sentence in answer.List]
    assert sentences[-1].SourceText == "w1 w22"
    assert sentences[-1].TargetText == "[en] w1 w22"
    assert sentences[-1].IsEnd is True
    assert {sentence.SeId for sentence in sentences} == {"sid_0"}
    assert all(answer.RequestId for answer in answers)


@with_sdk
def test_tencents_sdk_understands_the_refusals(emulator: Emulator) -> None:
    assert sdk_code(sdk(emulator, "other"), 0, bytes(6_400)) == "AuthFailure.SignatureFailure"
    assert sdk_code(sdk(emulator), 0, bytes(6_000)) == "InvalidParameterValue"
    assert sdk_code(sdk(emulator), 3, bytes(6_400)) == "InvalidParameterValue"
    assert "AuthFailure.SignatureFailure" in emulator.exchanges[0].refusal


@with_sdk
def test_a_lost_answer_is_had_again() -> None:
    with tones(faults=[Fault("reset", request=1)]) as emulator:
        client = sdk(emulator)
        pcm = speech(5)[:12_800]
        with pytest.raises(sdk_error()):
            chunk(client, 0, pcm)
        assert chunk(client, 0, pcm).List[-1].SourceText == "w5"
        assert chunk(client, 1, bytes(6_400)).RequestId


@with_sdk
def test_audio_faster_than_it_was_spoken_is_refused() -> None:
    with tones(rules=Rules(slack_ms=300)) as emulator:
        client = sdk(emulator)
        chunk(client, 0, bytes(16_000))
        assert sdk_code(client, 1, bytes(16_000)) == "RequestLimitExceeded"


@with_sdk
def test_a_fault_may_have_a_code_of_the_provider() -> None:
    fault = Fault("error", request=1, code="FailedOperation.Busy", msg="later")
    with tones(faults=[fault]) as emulator:
        assert sdk_code(sdk(emulator), 0, bytes(6_400)) == "FailedOperation.Busy"


# Long recognition

QUICK = Rules(slack_ms=AT_ONCE.slack_ms, job_ms=10, callback_ms=30)


class Client(BaseHTTPRequestHandler):
    """Takes callbacks, and has a recording to be fetched."""

    called: list[dict[str, Any]]
    answers: list[bytes]
    recording: bytes = b""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert self.headers["Content-Type"] == "application/json"
        self.called.append(json.loads(body))
        self._answer(self.answers.pop(0) if self.answers else b'{"ret": 0, "msg": "ok"}')

    def do_GET(self) -> None:
        self._answer(self.recording)

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def a_client(answers: list[bytes] | None = None, recording: bytes = b"") -> Iterator[Any]:
    state = {"called": [], "answers": answers or [], "recording": recording}
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Mine", (Client,), state))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    server.url = f"http://127.0.0.1:{server.server_port}"  # type: ignore[attr-defined]
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def called(server: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.RequestHandlerClass.called
    return found


def submit(emulator: Emulator, server: Any, **changes: str) -> dict[str, Any]:
    fields = {
        "app_id": "1000001", "time_stamp": str(int(time.time())), "nonce_str": "n",
        "callback_url": f"{server.url}/done", **changes,
    }  # fmt: skip
    body = urlencode({**fields, "sign": signed(fields)}).encode()
    status, answer = request(emulator.url + PATH, body, {"Content-Type": FORM})
    assert status == 200
    read = json.loads(answer)
    assert isinstance(read, dict)
    return read


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_the_result_is_called_back() -> None:
    with tones(rules=QUICK) as emulator, a_client() as server:
        accepted = submit(emulator, server, format="2", speech=b64(wav(speech(1, 22))))
        assert accepted["ret"] == 0
        eventually(lambda: emulator.exchanges[0].callbacks)
        result = {"task_id": accepted["data"]["task_id"], "text": "w1 w22"}
        assert called(server) == [{"ret": 0, "msg": "ok", "data": result}]
        assert emulator.exchanges[0].callbacks == ["accepted"]


@pytest.mark.parametrize("first", [b'{"ret": 1, "msg": "no"}', b"", b"[]", b'{"msg": "ok"}'])
def test_a_callback_that_was_not_taken_is_repeated(first: bytes) -> None:
    with tones(rules=QUICK) as emulator, a_client([first]) as server:
        submit(emulator, server, format="1", speech=b64(speech(1)))
        eventually(lambda: len(emulator.exchanges[0].callbacks) == 2)
        one, two = called(server)
        assert one == two
        assert emulator.exchanges[0].callbacks[1] == "accepted"


def test_a_callback_is_repeated_twice_at_most() -> None:
    with tones(rules=QUICK) as emulator, a_client([b'{"ret": 1}'] * 9) as server:
        submit(emulator, server, format="1", speech=b64(speech(1)))
        eventually(lambda: len(emulator.exchanges[0].callbacks) == 3)
        time.sleep(0.15)
        assert len(called(server)) == 3


def test_nobody_to_call_back() -> None:
    with tones(rules=QUICK) as emulator, a_client() as server:
        submit(emulator, server, format="1", speech=b64(speech(1)), callback_url="http://[::1]:9/")
        eventually(lambda: len(emulator.exchanges[0].callbacks) == 3)
        assert emulator.exchanges[0].callbacks[0].startswith("not delivered")


def test_a_recording_is_fetched() -> None:
    with tones(rules=QUICK) as emulator, a_client(recording=wav(speech(7))) as server:
        submit(emulator, server, format="2", speech_url=f"{server.url}/speech.wav")
        eventually(lambda: called(server))
        assert called(server)[0]["data"]["text"] == "w7"


def test_what_was_fetched_must_be_sound_and_there() -> None:
    with tones(rules=QUICK) as emulator, a_client(recording=b"nothing") as server:
        submit(emulator, server, format="2", speech_url=f"{server.url}/speech.wav")
        eventually(lambda: called(server))
        submit(emulator, server, format="2", speech_url="http://127.0.0.1:9/speech.wav")
        eventually(lambda: len(called(server)) == 2)
        assert [result["ret"] for result in called(server)] == [6, 10]
        assert all(result["data"]["task_id"] for result in called(server))


def test_the_emulator_stops_with_a_job_on_its_hands() -> None:
    with a_client() as server:
        with tones(rules=Rules(job_ms=60_000)) as emulator:
            submit(emulator, server, format="1", speech=b64(speech(1)))
            began = time.monotonic()
        assert time.monotonic() - began < 60, "it waited for the job"
        assert called(server) == []
