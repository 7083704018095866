"""The settings of the tests with a router that refuses reads of the package from a replica."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import django

import shift_media
from tests.settings import *  # noqa: F403

DATABASE_ROUTERS = ["tests.replica_settings.StrictRouter"]

_PACKAGE = Path(shift_media.__file__).parent
_DJANGO = Path(django.__file__).parent
_PASSED_ON = _PACKAGE / "fields" / "saving.py"
"""Wrappers of Django's methods: the read is that of their caller."""

_FOR_DISPLAY = (
    "transcoding/files.py",
    "resizes/batch.py",
    "fields/descriptor.py",  # a deferred column
    "fields/described_file.py",  # a deferred metadata column
    "fields/file.py",
    "fields/table_write.py",  # a deferred column that the caller of save() names
)
"""Reads whose answer is not written to the database."""


class ReadFromReplica(BaseException):
    """A read that a replica may answer with old rows. No ``except Exception`` hides it."""


class StrictRouter:
    """Writes to the primary, and lets only what shows rows read from a replica."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        """Raise `ReadFromReplica` if the package reads without naming a database."""
        if model._meta.app_label not in ("shift_media", "testapp", "gallery"):
            return "default"
        frame = sys._getframe(1)
        while frame.f_back is not None:
            path = Path(frame.f_code.co_filename)
            if not path.is_relative_to(_DJANGO) and path != _PASSED_ON:
                break
            frame = frame.f_back
        if path.is_relative_to(_PACKAGE) and not str(path).endswith(_FOR_DISPLAY):
            raise ReadFromReplica(f"{path}:{frame.f_lineno} reads {model.__name__}.")
        return "default"

    def db_for_write(self, model: Any, **hints: Any) -> str:
        """Return the primary."""
        return "default"
