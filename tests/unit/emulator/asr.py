"""Addresses of Tencent Cloud's streams as a client signs them, with what another tool made."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping

from agent.emulator.tencent.streams import Address

UNIX_S = 1_735_609_992.5
NAME = "7dd31c36-b3e9-4f6c-8c10-92f5f4793cdb"


def openssl(text: str, key: str = "demo") -> str:
    """HMAC-SHA1 in Base64, by openssl."""
    command = ["openssl", "dgst", "-sha1", "-hmac", key, "-binary"]
    digest = subprocess.run(command, input=text.encode(), capture_output=True, check=True).stdout
    coded = subprocess.run(
        ["openssl", "base64", "-A"], input=digest, capture_output=True, check=True
    )
    return coded.stdout.decode()


def query(
    path: str, wish: Mapping[str, str], app_id: str = "1000001", **changes: str
) -> dict[str, str]:
    """Signed parameters; those of ``changes`` are signed too, an empty one is left out."""
    now = int(UNIX_S)
    parameters = {
        "secretid": "demo",
        "timestamp": str(now),
        "expired": str(now + 86_400),
        "nonce": "17",
        "voice_id": NAME,
        **wish,
        **changes,
    }
    parameters = {name: value for name, value in parameters.items() if value}
    told = "&".join(f"{name}={parameters[name]}" for name in sorted(parameters))
    signature = openssl(f"asr.cloud.tencent.com{path}/{app_id}?{told}")
    return {**parameters, "signature": signature}


def address(path: str, parameters: Mapping[str, str], app_id: str = "1000001") -> Address:
    return Address(path, app_id, tuple(parameters.items()), UNIX_S)
