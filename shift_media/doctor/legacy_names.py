"""Rows whose names were there before their column was a media field's."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connections

from shift_media.doctor.findings import Finding, ok, skipped, warning
from shift_media.fields.legacy_rows import find_legacy_names


def check_legacy_names() -> Iterator[Finding]:
    """Count the rows with names that are no keys, in all databases."""
    try:
        found = find_legacy_names(list(connections))
    except Exception as problem:  # of any database; the doctor is about storages
        seen = f"The databases could not be asked: {type(problem).__name__}: {problem}"
        yield skipped("legacy-names", seen)
        return
    for names in found:
        yield warning("legacy-names", str(names), names.what_to_do)
    if not found:
        yield ok("legacy-names", "The names in all rows are keys.")
