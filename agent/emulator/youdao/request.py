"""A request to Youdao: the form's fields, its signature, and the sound in it, all checked.

Section on call parameters. Codes are of the document's table; where it has one for every
interface and one for speech translation (3xxx), the fields of all interfaces get the first.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping

from agent.emulator.call import FORM, Call, Declined
from agent.emulator.forms import BadForm, read_urlencoded
from agent.emulator.sound import NoSound, Sound, read_sound
from agent.emulator.stream import DEMO
from agent.emulator.youdao.languages import AUTO, LANGUAGES, ONLY_WITH_CHINESE

LARGEST = 2 * 1024 * 1024
"""Bytes of `q`, encoded (section on the service's configuration)."""

LONGEST_MS = 15_000
WITHIN_S = 300
"""How far `curtime` may be off: the document has a code for it and no number."""

REQUIRED = (
    "q", "from", "to", "appKey", "salt", "sign", "signType", "curtime", "format", "rate",
    "channel", "type",
)  # fmt: skip
"""The table leaves out `curtime`, which its signature is made with."""

_OPTIONAL = {
    "ext": (("mp3",), "3009"),
    "voice": (("0", "1"), "3010"),
    "version": (("v1",), "104"),
    "docType": (("json",), "106"),
}
_FIXED = {
    "signType": (("v3",), "105"),
    "channel": (("1",), "3003"),
    "type": (("1",), "3004"),
    "format": (("wav", "mp3"), "3001"),
}
_DIGITS = re.compile(r"[0-9]{1,11}")


def read_fields(call: Call) -> dict[str, str]:
    """The form, with all that is required; `Declined` otherwise."""
    if call.media_type != FORM:
        raise Declined("101", f"Content-Type must be {FORM}")
    try:
        fields = read_urlencoded(call.body)
    except BadForm as bad:
        raise Declined("201", str(bad)) from None
    call.page.note_fields({name: value for name, value in fields.items() if name != "sign"})
    for name in REQUIRED:
        if name not in fields:
            raise Declined("101", f"{name} is missing")
        if not fields[name]:
            raise Declined("113" if name == "q" else "101", f"{name} is empty")
    return fields


def check_signature(fields: Mapping[str, str], unix_s: float) -> None:
    """`Declined` unless the request is signed, now, by the application `demo`."""
    if fields["appKey"] != DEMO:
        raise Declined("108", "appKey is not valid")
    _check_value(fields, "signType", *_FIXED["signType"])
    curtime = fields["curtime"]
    if not _DIGITS.fullmatch(curtime) or abs(unix_s - int(curtime)) > WITHIN_S:
        raise Declined("206", f"curtime is not the time within {WITHIN_S} s")
    if not hmac.compare_digest(sign(fields, DEMO).encode(), fields["sign"].lower().encode()):
        raise Declined("202", "sign is not right")


def sign(fields: Mapping[str, str], secret: str) -> str:
    """Version 3: SHA-256 of key, shortened `q`, salt, time and secret, in lower case."""
    q = fields["q"]
    short = q if len(q) <= 20 else f"{q[:10]}{len(q)}{q[-10:]}"
    whole = f"{fields['appKey']}{short}{fields['salt']}{fields['curtime']}{secret}"
    return hashlib.sha256(whole.encode()).hexdigest()


def check_values(fields: Mapping[str, str]) -> None:
    """`Declined` for a value the table does not allow, or languages that do not go together."""
    for name, (allowed, code) in _FIXED.items():
        _check_value(fields, name, allowed, code)
    for name, (allowed, code) in _OPTIONAL.items():
        if name in fields:
            _check_value(fields, name, allowed, code)
    if not _DIGITS.fullmatch(fields["rate"]) or not 8_000 <= int(fields["rate"]) <= 48_000:
        raise Declined("3002", "rate must be 8000 to 48000, better 16000")
    source, target = fields["from"], fields["to"]
    if source not in (*LANGUAGES, AUTO) or target not in LANGUAGES:
        raise Declined("102", "from or to is not in the table of languages")
    for one, other in ((source, target), (target, source)):
        if one in ONLY_WITH_CHINESE and other not in ("zh-CHS", one):
            raise Declined("3005", f"{one} goes with zh-CHS only")


def read_recording(fields: Mapping[str, str]) -> Sound:
    """The sound in `q`; `Declined` when it breaks a limit or is not what the fields say."""
    if len(fields["q"]) > LARGEST:
        raise Declined("3007", "q is larger than 2 MB")
    try:
        sound = read_sound(base64.b64decode(fields["q"], validate=True))
    except (binascii.Error, ValueError):  # ValueError: not ASCII
        raise Declined("3201", "q is not valid Base64") from None
    except NoSound as none:
        raise Declined("3009", f"q: {none}") from None
    if sound.kind != fields["format"]:
        raise Declined("3009", f"q is {sound.kind}, not {fields['format']}")
    if sound.bits not in (0, 16):
        raise Declined("3001", f"q has {sound.bits} bits, not 16")
    if len(sound.channels) != 1:
        raise Declined("3003", f"q has {len(sound.channels)} channels, not one")
    if sound.rate != int(fields["rate"]):
        raise Declined("3002", f"q has {sound.rate} samples per second, not {fields['rate']}")
    if sound.ms > LONGEST_MS:
        raise Declined("3008", f"q is {sound.ms / 1_000:.1f} s long, at most 15")
    return sound


def _check_value(fields: Mapping[str, str], name: str, allowed: tuple[str, ...], code: str) -> None:
    if fields[name] not in allowed:
        raise Declined(code, f"{name} must be {' or '.join(allowed)}")
