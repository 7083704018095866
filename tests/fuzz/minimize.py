"""Smaller inputs that fail in the same way (Zeller and Hildebrandt's ddmin, with zeros last)."""

from __future__ import annotations

import time
from collections.abc import Callable


def minimize(content: bytes, fails: Callable[[bytes], bool], seconds: float) -> bytes:
    """Return the smallest input found within a time for which ``fails`` is still true."""
    until = time.monotonic() + seconds
    size = max(1, len(content) // 2)
    while size and time.monotonic() < until:
        shorter = _remove(content, size, fails, until)
        if len(shorter) == len(content):
            size //= 2
        content = shorter
    return _blank(content, fails, until)


def _remove(content: bytes, size: int, fails: Callable[[bytes], bool], until: float) -> bytes:
    at = 0
    while at < len(content) and time.monotonic() < until:
        candidate = content[:at] + content[at + size :]
        if candidate and fails(candidate):
            content = candidate
        else:
            at += size
    return content


def _blank(content: bytes, fails: Callable[[bytes], bool], until: float) -> bytes:
    """Replace bytes that do not matter by zeros."""
    size = 64
    while size:
        for at in range(0, len(content), size):
            if time.monotonic() > until:
                return content
            part = content[at : at + size]
            candidate = content[:at] + bytes(len(part)) + content[at + size :]
            if part.strip(b"\0") and fails(candidate):
                content = candidate
        size //= 4
    return content
