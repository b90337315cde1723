"""The way to each service: its threads, and what is refused before anything starts."""

from __future__ import annotations

import dataclasses
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from agent import clouds
from agent.config.schema import Audio, Button
from agent.config.secret import Secret
from agent.errors import LinkError, RunError, UsageError
from agent.events import Pair
from agent.link.callback import CallbackServer
from agent.pipeline.chunks import Chunker, Chunks
from agent.pipeline.cloud import Cloud, Parts
from agent.pipeline.fallback import Fallback
from agent.pipeline.session import Session
from agent.pipeline.utterances import Utterances
from agent.services.shapes import Request
from tests.system.broker import free_port
from tests.unit.link.peers import peer, request
from tests.unit.pipeline.rig import Rig


class Builder:
    """Builds clouds in a folder and gives them back at the end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.built: list[Cloud] = []

    def parts(self, name: str, **more: Any) -> Parts:
        return Rig(name, outbox=str(self.folder / "outbox.db"), **more).parts

    def build(self, parts: Parts) -> Cloud:
        cloud = clouds.build(parts)
        self.built.append(cloud)
        return cloud

    def free(self) -> None:
        for cloud in self.built:
            for worker in cloud.workers:
                if isinstance(worker, CallbackServer):
                    worker._server.server_close()
            cloud.free()


@pytest.fixture
def builder(tmp_path: Path) -> Iterator[Builder]:
    made = Builder(tmp_path)
    yield made
    made.free()


@pytest.mark.parametrize(
    ("name", "kind", "threads"),
    [
        ("twetalk-v2", Session, ["receiver", "sender"]),
        ("twetalk-asr", Session, ["receiver", "sender"]),
        ("tencent-tsi", Chunks, ["sender"]),
        ("maas-fast-asr", Utterances, ["uploader", "sender"]),
        ("youdao", Utterances, ["uploader", "sender"]),
    ],
)
def test_a_service_is_used_as_its_shape_says(
    builder: Builder, name: str, kind: type[Cloud], threads: list[str]
) -> None:
    cloud = builder.build(builder.parts(name))
    assert isinstance(cloud, kind)
    assert [worker.name for worker in cloud.workers] == threads
    assert cloud.tts is True
    assert cloud.backlog_ms == cloud.unanswered_ms == 0


def test_several_services_are_one_cloud_of_which_only_the_first_is_made(builder: Builder) -> None:
    parts = builder.parts(
        "twetalk-v2",
        service={"fallback": ("youdao",), "app_key": Secret("k"), "app_secret": Secret("s")},
    )
    cloud = builder.build(parts)
    assert isinstance(cloud, Fallback)
    assert [worker.name for worker in cloud.workers] == ["fallback", "receiver", "sender"]
    assert cloud.provider.name == "twetalk-v2"
    assert not (builder.folder / "recordings").exists()


def test_without_others_nothing_of_it_is_loaded() -> None:
    words = "import sys, agent.app; print('agent.pipeline.fallback' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_what_one_of_several_cannot_do_is_refused_with_a_line_each(builder: Builder) -> None:
    keys = {"secret_id": Secret("a"), "secret_key": Secret("b"), "app_id": "1"}
    others = {"fallback": ("tencent-tsi", "twetalk-summary", "twetalk-asr", "maas-whisper")}
    keys |= {"endpoint": Secret("a"), "access_key": Secret("b")}
    buttons = (Button(pin=1), Button(pin=2, source="fr", target="de"))
    parts = builder.parts("twetalk-v2", service=others | keys, talk={"buttons": buttons})
    with pytest.raises(UsageError) as caught:
        builder.build(parts)
    assert str(caught.value).splitlines() == [
        "service.fallback.0: tencent-tsi does not take fr to de",
        "service.fallback.1: service: twetalk-summary works on text, not live",
        "service.fallback.2: twetalk-asr does not take fr to de",
    ]


def job(port: int) -> dict[str, Any]:
    address = {"callback_port": port, "callback_url": "http://127.0.0.1/x"}
    return {"service": {"source": "zh", "target": None, **address}}


def test_a_job_service_listens_for_deliveries(builder: Builder) -> None:
    port = free_port()
    cloud = builder.build(builder.parts("tencent-long-asr", **job(port)))
    assert [worker.name for worker in cloud.workers] == ["callback", "uploader", "sender"]
    [server, *_] = cloud.workers
    assert isinstance(server, CallbackServer)
    assert server.port == port


def test_a_callback_port_that_is_taken_is_told(builder: Builder) -> None:
    port = free_port()
    builder.build(builder.parts("tencent-long-asr", **job(port)))
    with pytest.raises(RunError, match=f"callback_port: cannot listen on {port}"):
        builder.build(builder.parts("tencent-long-asr", **job(port)))


def test_recordings_wait_beside_the_outbox_each_services_apart(builder: Builder) -> None:
    for name in ("youdao", "maas-whisper"):
        builder.build(builder.parts(name))
    folders = sorted(path.name for path in (builder.folder / "recordings").iterdir())
    assert folders == ["maas-whisper", "youdao"]


def test_a_stream_is_connected_before_the_first_press_and_a_quiet_service_is_not(
    builder: Builder,
) -> None:
    parts = builder.parts("twetalk-v2")
    parts.clock.sleep(10_000)  # since the board was switched on
    stream = builder.build(parts)
    chunks = builder.build(builder.parts("tencent-tsi"))
    assert isinstance(stream, Session)
    assert isinstance(chunks, Chunks)
    assert stream.uplink.wanted(10_001, Pair("en", "zh")) == Pair("en", "zh")
    assert chunks.uplink.pending_pair is None


@pytest.mark.parametrize(
    ("name", "service", "words"),
    [
        ("twetalk-summary", {}, "twetalk-summary works on text, not live"),
        ("twetalk-asr", {"source": "ko"}, "no model for language 'ko'"),
        ("tencent-tsi", {"source": "fr"}, "does not take the language 'fr'"),
        ("youdao", {"voice": "9"}, "youdao has no voice '9'"),
    ],
)
def test_a_service_that_cannot_do_it_is_refused(
    builder: Builder, name: str, service: dict[str, Any], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        builder.build(builder.parts(name, service=service))


def test_a_button_whose_languages_are_not_spoken_is_refused(builder: Builder) -> None:
    buttons = (Button(pin=1), Button(pin=2, source="fr"))
    with pytest.raises(UsageError, match="tencent-tsi does not take the language 'fr'"):
        builder.build(builder.parts("tencent-tsi", talk={"buttons": buttons}))
    builder.build(builder.parts("twetalk-v2", talk={"buttons": buttons}))


def test_an_authority_that_cannot_be_read_is_refused(builder: Builder) -> None:
    with pytest.raises(UsageError, match=r"network\.ca_file"):
        builder.build(builder.parts("twetalk-v2", network={"ca_file": "/nonexistent.pem"}))


def test_a_rate_the_service_does_not_take_is_refused(builder: Builder) -> None:
    parts = builder.parts("tencent-tsi")
    slow = dataclasses.replace(parts, config=replace(parts.config, audio=Audio(rate=8000)))
    with pytest.raises(UsageError, match=r"audio\.rate: tencent-tsi takes 16000 Hz, not 8000"):
        builder.build(slow)


def test_a_chunk_that_waits_for_its_answer_is_progress(
    builder: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud = builder.build(builder.parts("tencent-tsi"))
    [sender] = cloud.workers
    assert isinstance(sender, Chunker)
    beats: list[int] = []
    monkeypatch.setattr(sender, "beat", lambda: beats.append(1))

    def mute(caller: socket.socket) -> None:
        request(caller)
        while len(beats) < 5:
            time.sleep(0.01)
        sender.stop()
        caller.recv(1)

    with peer(mute) as port, pytest.raises(LinkError) as caught:
        sender._send(Request("POST", f"http://127.0.0.1:{port}/", {}, b"x"))
    assert caught.value.kind == "cancelled"


@pytest.mark.parametrize("name", ["twetalk-v2", "tencent-tsi", "maas-fast-asr"])
def test_a_certificate_or_a_proxy_that_cannot_be_used_is_refused_at_once(
    builder: Builder, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match=r"^network\.cert_file: /nonexistent"):
        builder.build(builder.parts(name, network={"cert_file": "/nonexistent.pem"}))
    monkeypatch.setenv("https_proxy", "socks5://me:hunter2@proxy:1080")
    with pytest.raises(UsageError, match=r"^https_proxy: only http:// proxies") as caught:
        builder.build(builder.parts(name))
    assert "hunter2" not in str(caught.value)
