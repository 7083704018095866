"""The gallery's tables."""
