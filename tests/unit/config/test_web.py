"""Where the caption screen listens, and that beyond this machine it has a password."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config.loader import load
from agent.config.secret import Secret
from agent.errors import ConfigError
from tests.unit.config.conftest import TOKEN, Load


def problems(web: str, text: str = TOKEN) -> list[str]:
    Path("d.yaml").write_text(text)
    try:
        load("d.yaml", env={}, web=web)
    except ConfigError as error:
        return list(error.problems)
    return []


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_it_is_off() -> None:
    Path("d.yaml").write_text(TOKEN)
    assert load("d.yaml", env={}).web.listen is None


@pytest.mark.parametrize("listen", ["127.0.0.1:8080", "[::1]:8080", "localhost:80"])
def test_the_command_line_wins_over_the_file(listen: str) -> None:
    Path("d.yaml").write_text(TOKEN + "web: {listen: '127.0.0.1:1', password: p}\n")
    config = load("d.yaml", ["web.listen=127.0.0.1:2"], env={}, web=listen)
    assert config.web.listen == listen
    assert config.web.password == Secret("p")


@pytest.mark.parametrize("listen", ["0.0.0.0:8080", "[::]:8080", "192.168.1.5:80", "pi.lan:80"])
def test_beyond_this_machine_it_needs_a_password(listen: str) -> None:
    (line,) = problems(listen)
    assert line == (
        "--web: web.listen: open to the network without a password; expected web.password, "
        "web.password_file or an address such as 127.0.0.1:8080"
    )
    assert problems(listen, TOKEN + "web: {password: p}\n") == []


@pytest.mark.parametrize("listen", ["8080", "127.0.0.1", "127.0.0.1:http", "::1:8080", ""])
def test_what_is_no_address_is_told(listen: str) -> None:
    (line,) = problems(listen)
    assert line.startswith("--web: web.listen: ")
    assert "HOST:PORT such as 127.0.0.1:8080" in line


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "127.0.0.1:70000"])
def test_what_is_no_port_is_told(listen: str) -> None:
    assert problems(listen) == ["--web: web.listen: no such port; expected a port from 1 to 65535"]


def test_the_password_can_stand_in_a_file(from_text: Load) -> None:
    Path("web.password").write_text("geheim\n")
    Path("web.password").chmod(0o600)
    config = from_text(TOKEN + "web: {listen: '0.0.0.0:80', password_file: web.password}\n")
    assert config.web.password == Secret("geheim")


def test_an_empty_file_is_no_password(from_text: Load) -> None:
    Path("web.password").write_text("\n")
    with pytest.raises(ConfigError, match="password"):
        from_text(TOKEN + "web: {listen: '0.0.0.0:80', password_file: web.password}\n")
