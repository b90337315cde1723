"""What all tests share: hypothesis without a stopwatch (machines are busy), repeatable in CI."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "dragoman", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.register_profile("ci", settings.get_profile("dragoman"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "dragoman")
