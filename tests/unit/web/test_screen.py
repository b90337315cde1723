"""The main thread's side: what pages are told, and that telling nobody costs nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from agent.app import App
from agent.audio.ring import VOICED
from agent.config.credentials import with_demo
from agent.config.schema import Service, Web
from agent.errors import RunError
from agent.events import (
    Command,
    Event,
    MicrophoneLost,
    Notice,
    Pair,
    Question,
    Summary,
    WorkerStopped,
)
from agent.web.messages import Download
from agent.web.screen import HISTORY, CaptionScreen
from agent.web.server import Server
from tests.unit.pipeline.rig import PACKET
from tests.unit.report.test_history import said


class Told(CaptionScreen):
    """A screen whose server only keeps what it is told."""

    def __init__(self, app: App) -> None:
        super().__init__(app)
        self.messages: list[tuple[str, Any]] = []
        self.watched = True
        self.server = _Kept(self)  # type: ignore[assignment]


class _Kept:
    url = "http://127.0.0.1:1/"

    def __init__(self, screen: Told) -> None:
        self._screen = screen

    def bind(self) -> None: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def join(self, seconds: float) -> None: ...

    @property
    def watched(self) -> bool:
        return self._screen.watched

    def tell(self, message: bytes) -> None:
        [(kind, value)] = json.loads(message).items()
        self._screen.messages.append((kind, value))


@pytest.fixture
def screen(app: App) -> Iterator[Told]:
    with Told(app) as screen:
        yield screen


def asked(app: App, monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    events: list[Event] = []
    monkeypatch.setattr(app, "post", events.append)
    return events


def kinds(screen: Told) -> list[str]:
    return [kind for kind, _ in screen.messages]


def test_captions_and_summaries_are_told(app: App, screen: Told) -> None:
    app._handle(said(0, "hel", final=False))
    app._handle(said(0, "hello", translation="你好"))
    app._handle(Summary("s", "short", ref=1))
    assert [value["text"] for kind, value in screen.messages if kind == "transcript"] == [
        "hel",
        "hello",
    ]
    assert screen.messages[-1] == ("summary", {"session": "s", "summary": "short", "ref": 1})


def test_events_are_those_of_mqtt_also_the_controllers_own(app: App, screen: Told) -> None:
    app._handle(Notice("underrun", {"ms": 40}))
    app._handle(MicrophoneLost("unplugged"))
    events = [value for kind, value in screen.messages if kind == "event"]
    assert events[0] == {"event": "underrun", "time": "2026-01-01T00:00:00.000Z", "ms": 40}
    assert events[1]["event"] == "microphone_lost"


def test_the_state_is_that_of_mqtt(app: App, screen: Told) -> None:
    app._handle(Command({"mute": True}))
    kind, state = screen.messages[0]
    assert kind == "state"
    assert state["muted"] is True
    assert set(state) == {
        *(
            "state",
            "service",
            "source",
            "target",
            "tts",
            "muted",
            "volume",
            "session",
            "follow_up",
            "since",
            "version",
        )
    }


def test_languages_follow_the_service(app: App, screen: Told) -> None:
    app._handle(Command({"mute": True}))
    assert kinds(screen) == ["state"]
    app._handle(Command({"target": "es"}))
    assert kinds(screen) == ["state", "languages", "state"]
    assert screen.messages[1][1]["speech"] is True
    profile = with_demo(Service(name="twetalk-asr"))
    app.config = replace(app.config, services={"twetalk-asr": profile})
    app.controller.use(app.config)
    app._handle(Command({"service": "twetalk-asr"}))
    told = [value for kind, value in screen.messages if kind == "languages"]
    assert (told[-1]["target"], told[-1]["speech"]) == ([], False)


def test_nothing_is_encoded_for_nobody(
    app: App, screen: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> bytes:
        raise AssertionError("encoded for nobody")

    screen.watched = False
    monkeypatch.setattr("agent.web.messages.say", fail)
    for event in (said(0, "x"), Notice("underrun"), Summary("s", "t"), Command({"mute": True})):
        app._handle(event)
    assert screen.messages == []


def test_the_greeting_says_how_things_stand(app: App, screen: Told) -> None:
    for index in range(HISTORY + 5):
        app._handle(said(index, f"no. {index}", session="s1"))
    app.provider.pair = Pair("en", "es")
    app.controller.publish()
    greeting: list[bytes] = []
    app._handle(Question(lambda: greeting.extend(screen._greeting())))
    told = {kind: value for message in greeting for kind, value in json.loads(message).items()}
    assert list(told) == ["hello", "languages", "state", "history", "telemetry"]
    assert told["hello"]["device"] == "kitchen-1"
    assert told["hello"]["mode"] == "hold"
    assert told["hello"]["sessions"] == [
        {"session": "s1", "time": "2026-01-01T00:00:00.000Z", "sentences": HISTORY + 5}
    ]
    assert told["state"]["target"] == "es"
    assert [each["index"] for each in told["history"]] == list(range(5, HISTORY + 5))
    assert told["telemetry"]["packets_captured"] == 0


def test_what_pages_ask_goes_through_the_inbox(
    app: App, screen: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = asked(app, monkeypatch)
    answers: list[object] = []
    screen.command({"volume": 5}, answers.append, None)
    screen.look_up("s1", answers.append)
    assert answers == []
    app._handle(said(0, "hello", session="s1"))
    for event in events:
        app._handle(event)
    assert answers[0] == {"ok": True}
    assert app.player.volume == 5
    assert answers[1] == [said(0, "hello", session="s1")]
    assert isinstance(events[0], Command)
    assert events[0].origin == "web"


def test_downloads(screen: Told) -> None:
    answer = json.loads(screen.download(Download("txt", "s", 7), [said(0, "hello")]))
    assert answer == {"download": {"name": "kitchen-1-s.txt", "text": "hello\n", "ref": 7}}
    answer = json.loads(screen.download(Download("txt", "s9", 8), []))
    assert answer["result"] == {
        "ref": 8,
        "ok": False,
        "error": "download: no finished sentences of session 's9'",
    }


def test_the_meter(app: App, screen: Told) -> None:
    assert json.loads(screen.meter())["meter"] == {
        "level_dbfs": None,
        "voiced": False,
    }
    app.ring.write(b"\x00\x40\x00\xc0" * (PACKET // 4), 0.0, VOICED)  # half of full scale
    assert json.loads(screen.meter())["meter"] == {
        "level_dbfs": -6.0,
        "voiced": True,
    }


# --- the server ------------------------------------------------------------------------------


def test_a_port_in_use_is_one_clear_line(app: App) -> None:
    first = Server(app.config.web, CaptionScreen(app), app.clock)
    first.bind()
    taken = first._socket
    assert taken is not None
    port = taken.getsockname()[1]
    app.config = replace(app.config, web=Web(listen=f"127.0.0.1:{port}"))
    with pytest.raises(RunError, match=f"web.listen: cannot listen on 127.0.0.1:{port}: Address"):
        CaptionScreen(app).__enter__()
    taken.close()


def test_the_address_is_one_a_browser_takes(app: App) -> None:
    def url(listen: str) -> str:
        return Server(Web(listen=listen), CaptionScreen(app), app.clock).url

    assert url("127.0.0.1:8080") == "http://127.0.0.1:8080/"
    assert url("[::1]:8080") == "http://[::1]:8080/"
    assert "0.0.0.0" not in url("0.0.0.0:8080")


def test_its_death_is_the_devices(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    events = asked(app, monkeypatch)
    screen = CaptionScreen(app)
    assert screen.server.on_death is not None
    screen.server.on_death("web", "reason")
    assert events == [WorkerStopped("web", "reason")]


def test_telling_a_server_that_is_not_up_is_harmless(app: App) -> None:
    server = Server(app.config.web, CaptionScreen(app), app.clock)
    server.tell(b"x")
    server.stop()
