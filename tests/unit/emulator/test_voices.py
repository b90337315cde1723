"""Which voice speaks, and Spanish in an American's sounds."""

from __future__ import annotations

import pytest

from agent.emulator.engines import voices


def test_what_is_not_installed_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voices, "find_spec", lambda name: None)
    assert voices.voice_file() is None


def test_sounds_it_was_never_taught_become_those_that_come_nearest() -> None:
    assert voices.nearest(list("roxo ɣɾˈande, maɲˈana")) == "ɹoho ɡɾˈande, manjˈana"
