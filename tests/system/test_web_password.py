"""The password of the caption screen: nothing without it, and no way to guess it quickly."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from websockets.frames import CloseCode

from agent.clock import SystemClock
from agent.web import conversation
from tests.patience import HANG_S
from tests.system.broker import wait_until
from tests.system.captions import Page, Screen, screen
from tests.system.emulated import request


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Screen]:
    with screen(tmp_path_factory.mktemp("locked"), password="geheim") as made:
        yield made


def test_nothing_is_told_before_the_password(locked: Screen) -> None:
    with Page(locked) as page:
        assert json.loads(page.socket.recv(timeout=HANG_S)) == {"password": "wanted"}
        locked.say("secret words")
        with pytest.raises(TimeoutError):
            page.socket.recv(timeout=0.5)
        assert page.ask({"volume": 1}) == {"ok": False, "error": "the password is wanted first"}
        assert page.ask({"talk": "press"})["ok"] is False
        assert page.ask({"download": "txt", "session": "s1"})["ok"] is False
        page.say({"password": "geheim"})
        assert page.hear("hello")["device"] == "kitchen-1"
        assert page.hear("history")[-1]["text"] == "secret words"
    assert locked.device.state == "idle"
    assert locked.app.player.volume == 100


def test_wrong_passwords_are_refused_and_slowed(locked: Screen) -> None:
    clock = SystemClock()
    began = clock.now()
    with Page(locked) as page:
        page.hear("password")
        for _ in range(3):
            page.say({"password": "Geheim"})
            assert page.hear("password") == "wrong"
        assert clock.now() - began > 2.5, "1 s and 2 s between the three"
    with Page(locked) as page:
        page.hear("password")
        page.say({"password": "geheim"})
        assert page.hear("hello"), "somebody who remembers it gets in, after a wait"
        assert clock.now() - began > 6.5


def test_guessing_on_many_connections_buys_nothing(locked: Screen) -> None:
    with ExitStack() as stack:
        pages = [stack.enter_context(Page(locked)) for _ in range(4)]
        for page in pages:
            page.hear("password")
            page.say({"password": "wrong"})
        pages[0].hear("password")
        with pytest.raises(TimeoutError):
            pages[3].socket.recv(timeout=3)
    locked.screen.server._reception.guard._peers.clear()


def test_who_waits_at_the_door_keeps_nobody_out(locked: Screen) -> None:
    """Neither from the same address nor, where there are many, from others."""
    with ExitStack() as stack:
        first = stack.enter_context(Page(locked))
        first.hear("password")
        for _ in range(3 * conversation.WAITING_PEER):
            stack.enter_context(Page(locked)).hear("password")
        assert first.code() == CloseCode.POLICY_VIOLATION
        for number in range(2, 3 * conversation.WAITING):
            sock = stack.enter_context(
                socket.create_connection(locked.address, source_address=(f"127.0.0.{number}", 0))
            )
            stack.enter_context(Page(locked, sock=sock)).hear("password")
        waiting = locked.screen.server._reception.waiting
        wait_until(
            lambda: sum(map(len, waiting.values())) <= conversation.WAITING, "few to wait", 60
        )
        owner = stack.enter_context(Page(locked))
        owner.hear("password")
        owner.say({"password": "geheim"})
        owner.hear("hello")
    wait_until(lambda: not locked.screen.server._reception.waiting, "nobody to wait")


def test_who_does_not_know_it_is_sent_away_in_time(
    locked: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation, "PASSWORD_S", 0.2)
    with Page(locked) as page:
        assert page.code() == CloseCode.POLICY_VIOLATION


def test_the_page_itself_needs_no_password(locked: Screen) -> None:
    code_, body = request(locked.url)
    assert code_ == 200
    assert b"geheim" not in body
