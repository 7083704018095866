"""The descriptor: ``photo.image`` as a `MediaFile`, whatever was loaded or assigned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.core.files.base import File
from django.db import models
from django.db.models.fields.files import FileDescriptor

from shift_media.fields.database_key import set_database_key
from shift_media.fields.file import MediaFile
from shift_media.fields.types import AnyMediaField

NAMELESS: Final = "file"  # the name of an upload that has none


class MediaFileDescriptor(FileDescriptor):
    """Django's descriptor, which also keeps the key that a row was loaded with."""

    if TYPE_CHECKING:
        field: AnyMediaField  # type: ignore[assignment]  # as in MediaFile

    def __get__(self, instance: Any, cls: Any = None) -> Any:
        if instance is None:
            return super().__get__(instance, cls)
        field, state = self.field, instance.__dict__
        file = state.get(field.attname)
        # Two short cuts for pages with many rows. Django's own descriptor returns the same, and
        # takes several times as long.
        if isinstance(file, MediaFile) and file.instance is instance:
            return file
        if type(file) is str:
            loaded = state[field.attname] = field.attr_class(instance, field, file)
            return loaded
        if isinstance(file, MediaFile):
            # A copy of a row (copy.copy) shares its values, and each row needs a file of its own.
            state[field.attname] = file.copy_for(instance, field, is_same_row=True)
        return super().__get__(instance, cls)

    def __set__(self, instance: models.Model, value: Any) -> None:
        is_assigned = self.field.attname in instance.__dict__ and not _is_of_row(value, instance)
        if self.field.attname not in instance.__dict__ and instance._state.adding:
            # This is Model.__init__, either of a new row or in from_db(), which marks the row as
            # loaded only afterwards. The key of a new row is ignored: see database_key().
            loaded = value if isinstance(value, str) else "" if value is None else None
            set_database_key(instance, self.field, loaded)
        if isinstance(value, MediaFile):
            if value.instance is not instance or value.field is not self.field:
                same = _is_of_row(value, instance)
                value = value.copy_for(instance, self.field, is_same_row=same)
        elif isinstance(value, File) and not value.name:
            value.name = NAMELESS
        super().__set__(instance, value)
        if is_assigned and self.field.has_sides:
            self.field.fill_sides(instance)


def _is_of_row(value: object, instance: models.Model) -> bool:
    """Return True for a row's own file, which a save or a refresh has assigned."""
    if not isinstance(value, MediaFile):
        return False
    row = value.instance
    return row is instance or (row.pk is not None and row == instance)
