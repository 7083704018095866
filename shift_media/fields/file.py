"""What ``photo.image`` is: a `MediaFile`, which knows its key, its metadata and its resizes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import floor
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast

from django.core.exceptions import FieldError
from django.core.files.base import File
from django.db import models, router
from django.db.models.fields.files import FieldFile, FileDescriptor

from shift_media.core.errors import AlreadyStored, InvalidSpec
from shift_media.core.formats import BY_EXTENSION, UNKNOWN
from shift_media.core.keys import OriginalKey, new_original_key
from shift_media.core.metadata import Metadata
from shift_media.core.spec import Focal
from shift_media.deletion import service as deletion
from shift_media.fields.stored_upload import (
    StoredUpload,
    announce_stored,
    set_stored_key,
    stored_key,
)
from shift_media.fields.types import AnyMediaField
from shift_media.resizes import builder
from shift_media.resizes.resize import Facts, Resize
from shift_media.resizes.srcset import joined, ladder
from shift_media.storages import MediaStorage
from shift_media.transcoding.files import Video
from shift_media.validators import Inspection, read_facts, seekable

NAMELESS: Final = "file"  # what an upload without any name is called
_ATTEMPTS: Final = 5  # to find a free id; only a broken source of randomness needs a second


class MediaFile(Video, FieldFile):
    """A file of a `MediaField`: the original, and everything that is derived from it."""

    if TYPE_CHECKING:  # What Django has and its stubs have not.
        field: AnyMediaField  # type: ignore[assignment]  # a FileField by what it does
        storage: MediaStorage
        _committed: bool
        _file: File[Any] | None
        _require_file: Callable[[], None]

    _remembered: Metadata | None = None

    def __init__(self, instance: models.Model, field: AnyMediaField, name: str | None) -> None:
        # What Django's two constructors do, without their way over the property `file`: a page
        # makes one of these for each row.
        self.name = name
        self.instance, self.field = instance, field
        self.storage = field.storage  # that it is one of ours is checked
        self._file, self._committed = None, True

    @property
    def key(self) -> str:
        """The key of the original; raises ``ValueError`` where there is none."""
        self._require_file()
        return str(self.name)

    # Saving and deleting.

    def save(self, name: str | None, content: File[Any], save: bool = True) -> None:
        """Check a file, store it under a new key and save the row.

        Raises `InvalidMedia`, before anything is stored, for what the field does not accept.
        """
        upload = self.store(name, content)
        if not save:
            return
        try:
            self.instance.save()
        except BaseException:
            upload.rollback(self._database)
            raise

    save.alters_data = True  # type: ignore[attr-defined]  # templates must not call it

    def store(self, name: str | None, content: File[Any]) -> StoredUpload:
        """Check a file and store it under a new key; the row is still to be saved."""
        was_closed = getattr(content, "closed", False)
        focal = self._chosen_focal(content)
        file = seekable(content, self.field.max_bytes)
        try:
            kept, inspection = self.field.prepare(file, name)
            key = self._put(kept, inspection)
        finally:
            if was_closed:  # It was opened here: the file of another row, say.
                file.close()
        if not self._committed:
            self._file = file  # What is no longer readable otherwise can be saved again.
        upload = StoredUpload(self, key)
        self.name, self._committed, self._file = str(key), True, None
        self._renditions = None
        self._remembered = replace(inspection.metadata, focal=focal)
        setattr(self.instance, self.field.attname, self)
        self.field.write_metadata_columns(self.instance, self._remembered)
        announce_stored(file, self._database)
        return upload

    def _chosen_focal(self, content: object) -> Focal | None:
        """Tell the focal point that was chosen for a file before it was stored."""
        if self._committed or self._remembered is None or content is not self._file:
            return None
        return self._remembered.focal

    def _put(self, file: File[Any], inspection: Inspection) -> OriginalKey:
        found = inspection.metadata
        for _ in range(_ATTEMPTS):
            key = new_original_key(found.original_name, inspection.format.extension)
            file.seek(0)
            facts = {"content_type": found.content_type, "sha256": found.sha256}
            if self.storage.put(str(key), file, size=found.size, **facts):
                file.seek(0)
                return key
        raise AlreadyStored(f"{_ATTEMPTS} new ids in a row were taken already.")

    def delete(self, save: bool = True) -> None:
        """Empty the field, and delete the original and everything derived from it.

        The deletion runs after the commit, and only when no row refers to the original any more:
        with ``save=False`` that is for the caller to see to.
        """
        if not self:
            return
        instance, key = self.instance, self.name if self._committed else ""
        replaced = save and stored_key(instance, self.field) == key
        if getattr(self, "_file", None) is not None:
            self.close()
        self.name, self._committed, self._file, self._remembered = None, False, None, None
        self._renditions = None
        setattr(instance, self.field.attname, None)
        self.field.write_metadata_columns(instance, None)
        if save:
            instance.save()
        if key and not replaced:  # Otherwise saving has seen to it.
            deletion.schedule(self.field, key, self._database)

    delete.alters_data = True  # type: ignore[attr-defined]  # templates must not call it

    @property
    def _database(self) -> str:
        row = self.instance
        return row._state.db or router.db_for_write(type(row), instance=row)

    def for_row(self, instance: models.Model, field: AnyMediaField) -> MediaFile:
        """Give the same file to another row: the same key, or a copy where the storage differs."""
        copy: MediaFile = field.attr_class(instance, field, self.name)
        copy._remembered = self.known_metadata
        if not self._committed:
            copy._file, copy._committed = self._file, False
        elif self and self.storage is not field.storage:
            copy._file, copy._committed = self, False
            copy.name = copy._remembered.original_name if copy._remembered else self.name
        return copy

    # What is known of it.

    @property
    def metadata(self) -> Metadata:
        """What is known of the original: from the metadata field, else read once from its header.

        Raises a `MediaError` where it must be read and cannot.
        """
        self._require_file()
        if self.field.metadata_field:
            getattr(self.instance, self.field.metadata_field)  # Loads it where it was deferred.
        if (known := self.known_metadata) is None:
            known = self._remembered = self._read()
        return known

    @property
    def known_metadata(self) -> Metadata | None:
        """What is known of the original without any I/O."""
        return self._facts()()

    def _facts(self) -> Facts:
        """Give what is known of this very original, whatever the row holds when it is asked."""
        name, key = self.field.metadata_field, self.name if self._committed else None
        data = self.instance.__dict__.get(name) if name and key else None
        return Facts(data, key or "", self._remembered)

    def _read(self) -> Metadata:
        if not self._committed:
            self.file = seekable(self.file, self.field.max_bytes)
            return self.field.inspect(self.file, self.name).metadata
        format = BY_EXTENSION.get(self.key.rpartition(".")[2], UNKNOWN)
        if format.kind != "image":
            return Metadata(content_type=format.served_type, size=self.storage.size(self.key))
        with self.storage.open(self.key) as file:
            return read_facts(cast("BinaryIO", file), format, file.size)

    @property
    def size(self) -> int:
        """The size in bytes."""
        known = self.known_metadata if self._committed else None
        return super().size if known is None else known.size

    @property
    def width(self) -> int | None:
        """The width in pixels, upright; None for what is no image."""
        return self.metadata.width

    @property
    def height(self) -> int | None:
        """The height in pixels, upright; None for what is no image."""
        return self.metadata.height

    @property
    def duration(self) -> float | None:
        """The duration in seconds, where it is known."""
        return self.metadata.duration

    @property
    def placeholder(self) -> str:
        """A data URI to show while the picture loads; empty where there is none."""
        return self.metadata.placeholder

    @property
    def focal(self) -> Focal | None:
        """The point in percent that ``fill`` keeps in view; None is the centre.

        Set it and save the row: ``photo.image.focal = (30, 70)``. The metadata field keeps it.
        """
        return self.metadata.focal

    @focal.setter
    def focal(self, point: tuple[float, float] | None) -> None:
        if not self.field.metadata_field:
            raise FieldError(
                f"A focal point is kept in the metadata field, and {self.field} has none: give it "
                f'metadata_field="{self.field.name}_meta" and a JSONField of that name.'
            )
        metadata = replace(self.metadata, focal=_focal(point))
        self._remembered = metadata
        if self._committed:
            self.field.write_metadata_columns(self.instance, metadata)

    # Resizes.

    def resize(
        self,
        size: str,
        mode: str | None = None,
        quality: int | None = None,
        upscale: bool | None = None,
        format: str | None = None,
        focal: tuple[float, float] | None = None,
        crop: tuple[int, int, int, int] | None = None,
        background: str | None = None,
    ) -> Resize:
        """Build a resize, ``"400x300"`` or the name of a preset, without any I/O.

        Raises `InvalidSpec` and `LimitExceeded`.
        """
        key = str(self.name or self.key)  # The property raises where there is no file.
        asked = (size, mode, quality, upscale, format, focal, crop, background)
        return builder.build_asked(key, asked, self.storage, self._facts())

    def ladder(self, widths: Sequence[int], **spec: Any) -> dict[int, Resize]:
        """Build resizes of several widths, never wider than the original, without any I/O."""
        return ladder(self.key, widths, storage=self.storage, facts=self._facts(), **spec)

    def srcset(self, widths: Sequence[int], **spec: Any) -> str:
        """Write a ``srcset`` of several widths, never wider than the original, without any I/O."""
        return joined(self.ladder(widths, **spec))


def _focal(point: tuple[float, float] | None) -> Focal | None:
    if point is None:
        return None
    try:
        x, y = point
        focal = Focal(floor(x + 0.5), floor(y + 0.5))
    except (TypeError, ValueError, OverflowError):
        focal = Focal(-1, -1)
    if not all(0 <= value <= 100 for value in focal):
        raise InvalidSpec(f"{point!r} is not a focal point: write (x, y) in percent, 0 to 100.")
    return focal


class MediaFileDescriptor(FileDescriptor):
    """Give the `MediaFile`, and remember the key that the row was loaded with."""

    if TYPE_CHECKING:
        field: AnyMediaField  # type: ignore[assignment]  # as in MediaFile

    def __get__(self, instance: Any, cls: Any = None) -> Any:
        if instance is None:
            return super().__get__(instance, cls)
        field, state = self.field, instance.__dict__
        file = state.get(field.attname)
        # Django's own descriptor would come to the same in these two cases, in a while.
        if isinstance(file, MediaFile) and file.instance is instance:
            return file
        if type(file) is str:
            made = state[field.attname] = field.attr_class(instance, field, file)
            return made
        if isinstance(file, MediaFile):
            # A copy of a row (copy.copy) shares what it holds: each needs a file of its own.
            state[field.attname] = file.for_row(instance, field)
        return super().__get__(instance, cls)

    def __set__(self, instance: models.Model, value: Any) -> None:
        if self.field.attname not in instance.__dict__ and instance._state.adding:
            # Only Model.__init__ comes here, and from_db() is what makes the row not a new one.
            loaded = value if isinstance(value, str) else "" if value is None else None
            set_stored_key(instance, self.field, loaded)
        if isinstance(value, MediaFile):
            if value.instance is not instance or value.field is not self.field:
                value = value.for_row(instance, self.field)
        elif isinstance(value, File) and not value.name:
            value.name = NAMELESS
        super().__set__(instance, value)
