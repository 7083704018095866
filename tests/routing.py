"""The router of all tests: it refuses reads of the package that a replica could answer."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import django

import shift_media

PACKAGE = Path(shift_media.__file__).parent
_DJANGO = Path(django.__file__).parent
_PASSED_ON = (PACKAGE / "fields" / "saving.py", PACKAGE / "direct" / "middleware.py")
"""Wrappers of Django's methods and views: the read is that of their caller."""

FOR_DISPLAY = (
    "admin/filters.py",
    "admin/framing.py",
    "admin/jobs_view.py",  # a row, whose jobs are read again from the primary
    "admin/library.py",
    "admin/media.py",  # the list of a model
    "admin/search.py",
    "admin/shown_files.py",
    "admin/usage.py",
    "archives.py",
    "collections/forms.py",  # the rows of a formset, which Django reads
    "doctor",
    "contrib/prometheus.py",  # counts for a scrape
    "fields/descriptor.py",  # a deferred column
    "fields/described_file.py",  # a deferred metadata column
    "fields/file.py",
    "fields/old_file.py",
    "fields/table_write.py",  # a deferred column that the caller of save() names
    "legacy_urls.py",
    "resizes",
    "transcoding/files.py",
)
"""Modules and rooms that read what they show, and write nothing of it to the database."""


class ReadFromReplica(BaseException):
    """A read that a replica may answer with old rows. No ``except Exception`` hides it."""


class StrictRouter:
    """Lets only what shows rows read from a replica; it leaves the choice to Django."""

    def db_for_read(self, model: Any, **hints: Any) -> None:
        """Raise `ReadFromReplica` if the package reads without naming a database."""
        if model._meta.app_label not in ("shift_media", "testapp", "gallery"):
            return
        frame = sys._getframe(2)  # the caller of Django's function for all routers
        if Path(frame.f_code.co_filename).is_relative_to(PACKAGE):
            return  # The package asks by itself where to read.
        while frame.f_back is not None:
            path = Path(frame.f_code.co_filename)
            if not path.is_relative_to(_DJANGO) and path not in _PASSED_ON:
                break
            frame = frame.f_back
        if path.is_relative_to(PACKAGE) and not any(
            path.is_relative_to(PACKAGE / name) for name in FOR_DISPLAY
        ):
            raise ReadFromReplica(f"{path}:{frame.f_lineno} reads {model.__name__}.")
