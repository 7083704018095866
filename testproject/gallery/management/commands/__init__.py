"""`seed` and `demo`."""
