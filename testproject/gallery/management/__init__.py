"""The gallery's commands."""
