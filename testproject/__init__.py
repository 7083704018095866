"""A gallery site: what the tests, the demo and people at their desks run shift_media in."""
