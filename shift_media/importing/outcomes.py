"""Outcomes for single rows or files, and their counts, for a command to print."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from shift_media.core.errors import MediaError

DATABASE_ERROR: Final = "database_error"
"""The code of a row that the database did not write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowOutcome:
    """The outcome for one row.

    Attributes:
        row: the primary key.
        old_name: the old name of the file.
        code: why nothing was done; ``""`` if it was done.
        detail: the same for people.
        key: the key that the row has now, or had before an undo.
        size: bytes of the old file.
        sha256: of the old file.
        requests: sent to the storages.
        skipped: True if nothing is wrong, but the row has another file by now.
    """

    row: Any
    old_name: str
    code: str = ""
    detail: str = ""
    key: str = ""
    size: int = 0
    sha256: str = ""
    requests: int = 0
    skipped: bool = False

    @property
    def state(self) -> str:
        """One word for a report: ``done``, ``skipped`` or ``failed``."""
        return "failed" if self.code else "skipped" if self.skipped else "done"

    def __str__(self) -> str:
        return f"{self.row}: {self.old_name}: {self.code}: {self.detail}"


def failed(row: Any, old_name: str, error: Exception) -> RowOutcome:
    """Return the outcome for a row that was left alone because of an error."""
    code = str(error.code) if isinstance(error, MediaError) else DATABASE_ERROR
    return RowOutcome(row=row, old_name=old_name, code=code, detail=str(error))


@dataclass(slots=True)
class OutcomeCounts:
    """The outcomes of a run so far."""

    done: int = 0
    skipped: int = 0
    bytes: int = 0
    requests: int = 0
    failed: Counter[str] = field(default_factory=Counter)

    def add(self, outcome: RowOutcome) -> None:
        """Count one more."""
        self.done += outcome.state == "done"
        self.skipped += outcome.state == "skipped"
        self.bytes += outcome.size
        self.requests += outcome.requests
        if outcome.code:
            self.failed[outcome.code] += 1

    @property
    def rows(self) -> int:
        """All rows."""
        return self.done + self.skipped + self.failed.total()
