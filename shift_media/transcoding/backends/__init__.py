"""The transcoders."""
