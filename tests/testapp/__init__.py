"""Models with media fields of every kind, for the tests."""
