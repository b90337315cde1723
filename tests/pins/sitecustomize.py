"""Python runs this at its start where this folder is on its path: pins in memory."""

import gpiod

from tests.pins import Board

gpiod.request_lines = Board().request_lines  # type: ignore[assignment]
