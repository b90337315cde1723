"""Benchmarks: figures, not tests.  Run with ``scripts/bench``."""
