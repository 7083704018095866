"""The log of requests, which the app and the bucket's proxy write: one JSON object per line."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings

FILE_NAME = "traffic.jsonl"

MAX_READ_BYTES = 400_000
"""Most bytes of the log in one response; older entries are left out."""


class TrafficLog:
    """A log file that several processes append to."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, server: str, key: str, **facts: Any) -> None:
        """Append an entry in one write, so that entries of several processes do not mix."""
        entry = {"server": server, "key": key, "at": time.time(), **facts}
        with self._path.open("a") as file:
            file.write(f"{json.dumps(entry)}\n")

    def read(self, after: int) -> tuple[list[dict[str, Any]], int]:
        """Return the entries after a position in the file, and the position of the next ones."""
        try:
            with self._path.open("rb") as file:
                end = file.seek(0, 2)
                start = after if 0 <= after <= end else 0
                start = max(start, end - MAX_READ_BYTES)
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
                continue  # The limit cut this line, which is older than all others.
        return entries, start + len(whole)


def site_log() -> TrafficLog:
    """Return the log of this site."""
    return TrafficLog(settings.DATA_DIR / FILE_NAME)


def exclude_panel_requests() -> Callable[[logging.LogRecord], bool]:
    """Return a filter that removes the panel's own requests from the server's log."""
    return lambda record: "GET /traffic/" not in record.getMessage()
