"""dragoman: the firmware-side agent of a speech translator on a small Linux board."""

__version__ = "0.1.0"
