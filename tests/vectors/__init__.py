"""Golden vectors: what goes over the wire, with the place in the document it comes from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def load(name: str) -> Any:
    """The vectors of one provider."""
    return json.loads((HERE / f"{name}.json").read_text())
