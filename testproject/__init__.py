"""A gallery site, which the tests, the demo and developers run shift_media in."""
