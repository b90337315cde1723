"""What several system tests share: real brokers and somebody who listens to them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.broker import MISSING, MOSQUITTO, Broker, Observer


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    if not MOSQUITTO:
        pytest.skip(MISSING)
    broker = Broker(tmp_path / "broker")
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def observer(broker: Broker) -> Iterator[Observer]:
    observer = Observer(broker)
    yield observer
    observer.close()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A self-signed certificate for 127.0.0.1 in ``tls.pem``, its key in ``tls.key``."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed (apt install openssl)")
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=dragoman-test"
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "tls.key", "-out", "tls.pem"]
    subprocess.run([*command.split(), *names], cwd=tmp_path, check=True, capture_output=True)
    return tmp_path / "tls.pem"


@pytest.fixture
def tls_broker(tmp_path: Path, certificate: Path) -> Iterator[Broker]:
    if not MOSQUITTO:
        pytest.skip(MISSING)
    key = certificate.with_suffix(".key")
    made = Broker(
        tmp_path / "broker", f"allow_anonymous true\ncertfile {certificate}\nkeyfile {key}"
    )
    made.start()
    yield made
    made.stop()
