"""Imports that load no more than is used."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib
from types import ModuleType

import pytest

from agent.system.modules import Lazy, replaced


def loaded(code: str) -> set[str]:
    """The modules a fresh interpreter has after ``code``."""
    code = f"{code}\nimport sys, json; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_what_is_replaced_is_there_again_afterwards() -> None:
    stand_in = ModuleType("wave")
    import json as before

    assert "wave" not in sys.modules or sys.modules.pop("wave")
    with replaced({"wave": stand_in, "json": None}):
        import wave

        assert wave is stand_in
        with pytest.raises(ImportError):
            import json  # noqa: F401
    assert "wave" not in sys.modules
    assert sys.modules["json"] is before


def test_a_lazy_module_is_loaded_by_its_first_use() -> None:
    code = """
from agent.system.modules import Lazy, replaced
with replaced({"urllib.request": Lazy("urllib.request")}):
    import urllib.request
import sys
assert "urllib.request" not in sys.modules
assert callable(urllib.request.getproxies)
"""
    assert {"urllib.request", "http.client"} <= loaded(code)
    assert isinstance(urllib, ModuleType)
    with pytest.raises(AttributeError):
        Lazy("urllib.parse").nothing_of_the_kind  # noqa: B018


def test_a_stream_without_tls_loads_none_and_mqtt_neither() -> None:
    found = loaded("import agent.clouds.stream, agent.report.connection, agent.assembly")
    assert {"websocket", "paho.mqtt.client"} <= found
    assert found.isdisjoint({"ssl", "_ssl", "_hashlib", "http.client", "urllib.request", "email"})
    assert found.isdisjoint({"websockets", "importlib.metadata", "urllib3", "numpy"})
