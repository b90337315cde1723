"""One's own servers, real ones: see ``scripts/test-servers``."""
