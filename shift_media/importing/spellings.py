"""Other spellings of a name that a file system takes for the same file, because it ignores case.

A database that tells them apart may have both, in rows of which one is not imported yet.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.core.files.storage import Storage
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from shift_media.core.errors import MediaError
from shift_media.importing.reading import storage_errors


def ignores_case(storage: Storage, name: str) -> bool:
    """Return True if a file has its name in another case, too."""
    folder, leaf = posixpath.split(name)
    other = posixpath.join(folder, leaf.swapcase())
    other = name.swapcase() if other == name else other
    if other == name:
        return False
    try:
        with storage_errors(other):
            return storage.exists(other) and _is_one_file(storage, name, other)
    except MediaError:
        return False


def _is_one_file(storage: Storage, name: str, other: str) -> bool:
    """Return True unless two names are known to be of two files."""
    try:
        return os.path.samefile(storage.path(name), storage.path(other))
    except (NotImplementedError, OSError):
        return True


def folded(names: Iterable[str]) -> dict[str, str]:
    """Return names by what all their spellings have in common."""
    return {name.casefold(): name for name in names}


def in_any_case(
    rows: models.QuerySet[Any], column: str, names: Mapping[str, str]
) -> models.QuerySet[Any]:
    """Select the rows whose column has one of some names, in whatever case."""
    lowered: models.QuerySet[Any] = rows.annotate(_lowered=Lower(column))
    condition = Q(_lowered__in=[name.lower() for name in names.values()])
    for name in names.values():
        if not name.isascii():  # SQLite knows no other letters.
            condition |= Q(**{f"{column}__iregex": f"^{re.escape(name)}$"})
    return lowered.filter(condition)


def spelt_otherwise(
    rows: models.QuerySet[Any], column: str, names: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Yield names, each with another spelling that a row has."""
    for value in in_any_case(rows, column, names).values_list(column, flat=True):
        name = names.get(str(value).casefold())
        if name is not None and name != value:
            yield name, str(value)
