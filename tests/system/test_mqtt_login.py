"""The reporter and brokers that do not let everybody in."""

from __future__ import annotations

import gc
import logging
from pathlib import Path

import pytest

from agent.config.secret import Secret
from agent.errors import UsageError
from tests.system.broker import MISSING, MOSQUITTO, Broker, wait_until, with_passwords
from tests.system.reporting import BASE, Device

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason=MISSING)


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_a_wrong_password_is_one_clear_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, version: str
) -> None:
    caplog.set_level(logging.DEBUG)
    broker = with_passwords(tmp_path)
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
    broker = with_passwords(tmp_path)
    login = {"username": "device", "password": Secret("correct"), "version": version}
    with Device(tmp_path, broker.port, **login) as device:
        device.connected().say(0)
        wait_until(lambda: device.reporter.waiting == 0, "the acknowledgement")
    broker.stop()


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
    with pytest.raises(UsageError, match=r"^mqtt.ca_file: [^\n]*missing.pem: not [^\n]*$"):
        Device(tmp_path, 8883, tls=True, ca_file=str(tmp_path / "missing.pem"))
