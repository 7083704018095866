"""Deletion of originals and everything derived from them: when it is due, and what it removes."""
