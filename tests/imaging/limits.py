"""The bounds that each file must keep."""

from __future__ import annotations

USUAL, LARGEST, HEADER = 256, 512, 64
"""Megabytes over idle: for any file, for the largest that the limits admit, for header bombs."""
CPU_SECONDS = 5.0
