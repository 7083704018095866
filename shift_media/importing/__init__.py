"""Imports: files with names from before the media field, stored under keys."""
