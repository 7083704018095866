"""The part of `MediaFile` that shows the file of another field while its own field is empty.

Two columns stand side by side while the files of one are imported into the other:
``photo = MediaField(imported_from="image")``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from django.core.files.base import File
from django.db.models.fields.files import FieldFile

_DJANGO: Any = FieldFile
"""The class, whose accessors of the property ``file`` the stubs lack."""


class OldFileShown(FieldFile):
    """A file of a row, or that of the field ``imported_from`` in place of an empty one."""

    if TYPE_CHECKING:  # Attributes of Django that its stubs lack.
        field: Any
        _committed: bool
        _file: File[Any] | None

    @property
    def old_file(self) -> FieldFile | None:
        """The file of the field that ``imported_from`` names, while this field is empty."""
        source = self.field.imported_from
        if self.name or not isinstance(source, str):
            return None
        old = getattr(self.instance, source, None)
        is_plain = isinstance(old, FieldFile) and not isinstance(old, OldFileShown)
        return old if is_plain and old else None  # Check E113 refuses all other fields.

    @property
    def stored_name(self) -> str:
        """The name of the file in its storage: a key, a legacy name, or that of the old file."""
        old = self.old_file
        return str(self.name or "") if old is None else str(old.name)

    def __bool__(self) -> bool:
        return bool(self.name) or self.old_file is not None

    @property
    def url(self) -> str:
        """The URL of the file."""
        old = self.old_file
        return super().url if old is None else str(old.url)

    @property
    def path(self) -> str:
        """The path of the file, if its storage is a local one."""
        old = self.old_file
        return super().path if old is None else str(old.path)

    def open(self, mode: str = "rb") -> Self:  # type: ignore[override]  # as Django's, not the stubs'
        """Open the file, or begin again at its start."""
        if self._file is None and (old := self.old_file) is not None:
            self._file = _open(old, mode)
            return self
        return super().open(mode)

    open.alters_data = True  # type: ignore[attr-defined]  # as of Django's

    def _get_file(self) -> File[Any]:
        if self._file is None and (old := self.old_file) is not None:
            self._file = _open(old, "rb")
        opened: File[Any] = _DJANGO._get_file(self)
        return opened

    file = property(_get_file, _DJANGO._set_file, _DJANGO._del_file)


def _open(old: FieldFile, mode: str) -> File[Any]:
    """Open another object of a file, because the two fields may be read in turns."""
    django: Any = old
    opened: File[Any]
    opened = old.storage.open(str(old.name), mode) if django._committed else old.file
    return opened
