"""How long a test waits: for as long as it takes. Only a hang is ended, and by this alone."""

HANG_S = 180.0
"""No event is waited for longer; what takes this long on the slowest machine will never come."""
