"""The log that the app and the proxy before the bucket write to: one JSON object a line."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings

FILE_NAME = "traffic.jsonl"

LONGEST_ANSWER = 400_000
"""Bytes of the log that one answer tells; the newest count."""


class TrafficLog:
    """A file that several processes append to."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, server: str, key: str, **facts: Any) -> None:
        """Note a request, in one write."""
        entry = {"server": server, "key": key, "at": time.time(), **facts}
        with self._path.open("a") as file:
            file.write(f"{json.dumps(entry)}\n")

    def read(self, after: int) -> tuple[list[dict[str, Any]], int]:
        """Read what came after a place in the file, and tell the next one."""
        try:
            with self._path.open("rb") as file:
                end = file.seek(0, 2)
                start = after if 0 <= after <= end else 0
                start = max(start, end - LONGEST_ANSWER)
                file.seek(start)
                text = file.read()
        except FileNotFoundError:
            return [], 0
        whole = text[: text.rfind(b"\n") + 1]
        entries = []
        for line in whole.splitlines():
            try:
                entries.append(json.loads(line))
            except ValueError:
                continue  # Cut by the limit: it is older than what is told.
        return entries, start + len(whole)


def site_log() -> TrafficLog:
    """Find the log of this site."""
    return TrafficLog(settings.DATA_DIR / FILE_NAME)


def not_of_the_panel() -> Callable[[logging.LogRecord], bool]:
    """Make a filter that leaves the panel's own requests out of the server's log."""
    return lambda record: "GET /traffic/" not in record.getMessage()
