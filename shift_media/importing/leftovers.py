"""Thumbnails that other packages have left in the old storage.

A file is one by its name: its package's folder, or the name of a picture with a size behind it.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings as django_settings
from django.core.exceptions import SuspiciousOperation
from django.core.files.storage import Storage

from shift_media.core.errors import MediaError
from shift_media.importing.finish import FinishRun
from shift_media.importing.plan import ImportPlan
from shift_media.storages.validation import has_key_shape

_PAGE: Final = 200
_BESIDE: Final = (
    # photos/lake.jpg.100x100_q85_crop.jpg
    ("easy-thumbnails", re.compile(r"^(?P<source>.+\.\w+)\.\d+x\d+_[^/]*\.\w+$")),
    # photos/lake/16_9/800w.avif
    ("django-pictures", re.compile(r"^(?P<stem>.+?)/(?:\d+_\d+/)?\d+w\.\w+$")),
    # photos/lake.thumbnail.jpg
    ("django-stdimage", re.compile(r"^(?P<stem>[^.]+(?:\.[^./]+)*)\.[A-Za-z_]\w*\.(?P<ext>\w+)$")),
)
"""Names of files that stand beside the picture that they were made of."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """A file that a package has left.

    Attributes:
        package: whose it is.
        name: its name in the old storage.
        size: in bytes.
    """

    package: str
    name: str
    size: int


def package_of(name: str, old_names: frozenset[str]) -> str:
    """Return the package that has made a file; ``""`` if it is none of the known ones.

    ``old_names`` are the names of imported files: a file that stands beside its picture is one
    only if the picture is known.
    """
    if has_key_shape(name):
        return ""
    for package, pattern in _folders():
        if pattern.search(name):
            return package
    stems = {posixpath.splitext(old)[0] for old in old_names}
    for package, pattern in _BESIDE:
        found = pattern.match(name)
        if found is None:
            continue
        parts = found.groupdict()
        if "source" in parts and parts["source"] in old_names:
            return package
        if "ext" in parts and f"{parts['stem']}.{parts['ext']}" in old_names:
            return package
        if "stem" in parts and "ext" not in parts and parts["stem"] in stems:
            return package
    return ""


def _folders() -> Iterator[tuple[str, re.Pattern[str]]]:
    """Yield the folders that are a package's own, by the settings of that package."""
    prefix = re.escape(getattr(django_settings, "THUMBNAIL_PREFIX", "cache/"))
    digest = r"[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{32}\.\w+$"
    yield "sorl-thumbnail", re.compile(rf"^{prefix}{digest}")
    folder = getattr(django_settings, "IMAGEKIT_CACHEFILE_DIR", "CACHE/images").strip("/")
    yield "django-imagekit", re.compile(rf"^{re.escape(folder)}/")
    given = getattr(django_settings, "VERSATILEIMAGEFIELD_SETTINGS", {})
    names = [
        given.get(f"{kind}_directory_name", f"__{kind}__")
        for kind in ("sized", "filtered", "placeholder")
    ]
    sized = "|".join(re.escape(name) for name in names)
    yield "django-versatileimagefield", re.compile(rf"(^|/)(?:{sized})/")
    yield "django-filer", re.compile(r"^filer_(?:public|private)_thumbnails/")


class LeftoverRun:
    """One run over the old storage of an import."""

    def __init__(self, plan: ImportPlan) -> None:
        self._plan = plan
        self._finish = FinishRun(plan)

    def find(self) -> Iterator[Leftover]:
        """Yield the leftovers that no row of a file field has."""
        old_names = frozenset(self._plan.records.values_list("old_name", flat=True).iterator())
        page: list[tuple[str, str]] = []
        for name in walk(self._plan.storage):
            package = package_of(name, old_names)
            if package:
                page.append((package, name))
            if len(page) == _PAGE:
                yield from self._free(page)
                page.clear()
        yield from self._free(page)

    def _free(self, page: Sequence[tuple[str, str]]) -> Iterator[Leftover]:
        held = self._finish.holders([name for _, name in page]) if page else {}
        for package, name in page:
            if name not in held:
                yield Leftover(package, name, self._size(name))

    def _size(self, name: str) -> int:
        try:
            return int(self._plan.storage.size(name))
        except (MediaError, OSError):
            return 0  # It was deleted meanwhile.

    def delete(self, leftover: Leftover) -> str:
        """Delete a file; return why it could not be deleted, or ``""``."""
        try:
            self._plan.storage.delete(leftover.name)
        except (MediaError, OSError, SuspiciousOperation) as error:
            return str(error)
        return ""


def walk(storage: Storage | Any, folder: str = "") -> Iterator[str]:
    """Yield the names of all files of a storage, folder by folder."""
    try:
        folders, files = storage.listdir(folder)
    except FileNotFoundError:
        return
    for name in sorted(files):
        yield posixpath.join(folder, name)
    for name in sorted(folders):
        yield from walk(storage, posixpath.join(folder, name))
