"""Why there is no connection to the broker, in words, with what the user can do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.printable import one_line

if TYPE_CHECKING:
    from paho.mqtt.reasoncodes import ReasonCode

_LOGIN = "check mqtt.username and mqtt.password"

#: What the user can do about a refusal, by MQTT 5 reason code (paho maps 3.1.1 to these).
_MENDS = {
    0x84: "choose the other mqtt.version",
    0x85: "choose another device.id",
    0x86: _LOGIN,
    0x87: f"{_LOGIN}, and the broker's access list",
    0x8A: "the broker has banned this client",
    0x8C: _LOGIN,
    0x8E: "another client uses the same device.id",
    0x95: "the broker takes no packets of that size",
    0x9A: "the broker keeps no retained messages: going on without",
    0x9B: "the broker takes no messages of QoS 1: going on without",
}

#: With these a broker goes away for its own reasons, whatever was sent (MQTT 5, 3.14.2.1).
ITS_OWN = {0x89, 0x8B, 0x8D, 0x8E, 0x93, 0x96, 0x97, 0x98, 0x9C, 0x9D, 0x9F, 0xA0}


def refusal(code: ReasonCode) -> str:
    """The broker did not let us in."""
    mend = _MENDS.get(code.value)
    return f"the broker refuses this device ({code})" + (f": {mend}" if mend else "")


def farewell(code: ReasonCode, words: str) -> str:
    """It closed the connection and said why (MQTT 5), perhaps in words."""
    mend = _MENDS.get(code.value)
    said = f"{code}: {one_line(words)[:200]}" if words else str(code)
    return f"the broker closed the connection ({said})" + (f": {mend}" if mend else "")


def loss(code: ReasonCode, trouble: OSError | None) -> str:
    """The connection ended by itself, by ``trouble`` where that is known."""
    if code.value == 0x8D:
        return "the broker does not answer any more"
    reason = getattr(trouble, "reason", None) or ""  # TLS's errors have one
    if "ALERT" in reason:
        why = reason.lower().replace("_", " ")
        return (
            f"the broker does not want this device's certificate, or none ({why}): mqtt.cert_file"
        )
    words = trouble.strerror if trouble else str(code) if code.value != 0x80 else ""
    return "the connection was lost" + (f" ({words})" if words else "")


def explain(error: Exception) -> str:
    """The connection could not be made."""
    distrust = getattr(error, "verify_message", None)  # TLS's, where a certificate is no good
    if distrust:
        return f"the broker's certificate is not trusted ({distrust}): see mqtt.ca_file"
    if isinstance(error, OSError):
        return error.strerror or str(error) or type(error).__name__
    return f"{type(error).__name__}: {error}"
