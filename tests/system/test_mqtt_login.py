"""The reporter and brokers that do not let everybody in."""

from __future__ import annotations

import gc
import logging
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.config.secret import Secret
from agent.errors import RunError
from tests.system.broker import MISSING, MOSQUITTO, Broker, wait_until
from tests.system.reporting import BASE, Device

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason=MISSING)


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_a_wrong_password_is_one_clear_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, version: str
) -> None:
    caplog.set_level(logging.DEBUG)
    broker = _broker_with_passwords(tmp_path)
    login = {"username": "device", "password": Secret("open-sesame"), "version": version}
    with Device(tmp_path, broker.port, **login) as device:
        wait_until(lambda: caplog.text.count("refuses") >= 2, "two refusals")
        device.say(0)
        wait_until(lambda: device.reporter.waiting == 1, "the outbox")
    broker.stop()
    said = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert len(said) == 1
    assert "refuses this device (Not authorized): check mqtt.username and mqtt.password" in said[0]
    assert "open-sesame" not in caplog.text


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_the_right_password_is_let_in(tmp_path: Path, version: str) -> None:
    broker = _broker_with_passwords(tmp_path)
    login = {"username": "device", "password": Secret("correct"), "version": version}
    with Device(tmp_path, broker.port, **login) as device:
        device.connected().say(0)
        wait_until(lambda: device.reporter.waiting == 0, "the acknowledgement")
    broker.stop()


def _broker_with_passwords(folder: Path) -> Broker:
    passwords = folder / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "device", "correct"], check=True)
    broker = Broker(folder / "broker", f"allow_anonymous false\npassword_file {passwords}")
    broker.start()
    return broker


def test_a_refusing_access_list_keeps_the_messages(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """MQTT 5 tells; 3.1.1 has no words for it."""
    rules = tmp_path / "rules"
    rules.write_text(f"topic write {BASE}/status\n")
    broker = Broker(tmp_path / "broker", f"allow_anonymous true\nacl_file {rules}")
    broker.start()
    with Device(tmp_path, broker.port, version="5") as device:
        device.connected().say(0)
        wait_until(lambda: "not authorised" in caplog.text, "the refusal")
        assert device.reporter.waiting == 1
    broker.stop()


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
    key = certificate.with_suffix(".key")
    made = Broker(
        tmp_path / "broker", f"allow_anonymous true\ncertfile {certificate}\nkeyfile {key}"
    )
    made.start()
    yield made
    made.stop()


def test_tls_with_the_brokers_own_authority(
    tmp_path: Path, tls_broker: Broker, certificate: Path
) -> None:
    with Device(tmp_path, tls_broker.port, tls=True, ca_file=str(certificate)) as device:
        device.connected().say(0)
        wait_until(lambda: device.reporter.waiting == 0, "the acknowledgement")


# paho leaves the socket of a failed handshake to the garbage collector
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_certificate_nobody_vouches_for_is_refused(
    tmp_path: Path, tls_broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    with Device(tmp_path, tls_broker.port, tls=True) as device:
        wait_until(lambda: "certificate is not trusted" in caplog.text, "the refusal")
        assert "see mqtt.ca_file" in caplog.text
        assert not device.reporter.connected
    gc.collect()


def test_a_wrong_ca_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"^cannot read mqtt.ca_file [^\n]*$"):
        Device(tmp_path, 8883, tls=True, ca_file=str(tmp_path / "missing.pem"))
