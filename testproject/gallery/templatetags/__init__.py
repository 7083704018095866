"""The gallery's own filters."""
