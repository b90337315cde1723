"""The way to the network: a proxy whose login is no one's business, certificates in pairs."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config import loader
from agent.config.secret import Secret
from agent.errors import ConfigError
from agent.redact import hide

BASE = ["service.token=demo"]


def test_a_proxy_is_a_secret_and_so_is_the_password_in_it() -> None:
    config = loader.load(None, [*BASE, "network.proxy=http://me:hunt%40er2@proxy:3128"], {})
    assert "hunt" not in repr(config)
    assert hide("to http://me:hunt%40er2@proxy:3128") == "to ***"
    assert hide("login hunt@er2 refused") == "login *** refused"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("socks5://me:hunter2@proxy:1", "only http:// proxies are understood"),
        ("http://me:hunter2@:1", "it names no host"),
        ("http://me:hunter2@proxy:x", "no such host or port can be"),
    ],
)
def test_what_is_no_proxy_is_told_without_its_login(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=rf"network\.proxy: {words}; expected http") as caught:
        loader.load(None, [*BASE, f"network.proxy={text}"], {})
    assert "hunter2" not in str(caught.value)


def test_a_key_needs_its_certificate() -> None:
    with pytest.raises(ConfigError, match=r"network\.key_file: a key without its certificate"):
        loader.load(None, [*BASE, "network.key_file=/board.key"], {})
    loader.load(None, [*BASE, "network.key_file=/board.key", "network.cert_file=/board.pem"], {})


def test_a_proxy_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "proxy"
    file.write_text("http://me:pw@proxy:3128\n")
    config = loader.load(None, [*BASE, f"network.proxy_file={file}"], {})
    assert config.network.proxy == Secret("http://me:pw@proxy:3128")
