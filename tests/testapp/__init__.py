"""Models with media fields of every shape, for the tests alone."""
