"""The file of a row, ``photo.image``: its key, its metadata and its resizes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import floor
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast

from django.core.exceptions import FieldError
from django.core.files.base import File
from django.db import models, router
from django.db.models.fields.files import FieldFile

from shift_media.core.errors import AlreadyStored, InvalidKey, InvalidSpec
from shift_media.core.formats import BY_EXTENSION, UNKNOWN
from shift_media.core.keys import OriginalKey, new_original_key
from shift_media.core.metadata import Metadata
from shift_media.core.spec import Focal
from shift_media.deletion import service as deletion
from shift_media.fields import legacy
from shift_media.fields.database_key import database_key
from shift_media.fields.stored_upload import StoredUpload
from shift_media.fields.types import AnyMediaField
from shift_media.resizes import builder
from shift_media.resizes.absolute import make_absolute
from shift_media.resizes.legacy import build_legacy, is_legacy_name
from shift_media.resizes.resize import Facts, Resize
from shift_media.resizes.srcset import build_by_width, format_srcset, scale
from shift_media.storages import MediaStorage, find_alias
from shift_media.storages.naming import is_same_storage
from shift_media.transcoding.files import Video
from shift_media.validators import Inspection, read_facts, seekable

_ATTEMPTS: Final = 5  # to find a free id; only a broken source of randomness needs two


class MediaFile(Video, FieldFile):
    """A file of a `MediaField`: the original and everything derived from it."""

    if TYPE_CHECKING:  # Attributes of Django that its stubs lack.
        field: AnyMediaField  # type: ignore[assignment]  # a protocol, not a FileField
        _committed: bool
        _file: File[Any] | None
        _require_file: Callable[[], None]

    _given_storage: MediaStorage | None = None
    _metadata_cache: Metadata | None = None
    _upload: object = None  # the uploaded file, until a committed row refers to its copy
    is_new: bool = False
    """True from the upload by this object until a row that refers to it is committed."""

    def __init__(self, instance: models.Model, field: AnyMediaField, name: str | None) -> None:
        # Django's two constructors do the same, but more slowly, because they set the property
        # `file`. A page makes one of these for each row.
        self.name = name
        self.instance, self.field = instance, field
        self._file, self._committed = None, True

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)  # Django's sets the storage too, which is a property here.

    @property  # type: ignore[override]
    def storage(self) -> MediaStorage:
        """The field's storage; for a file that has no key, that in which it was before."""
        if self.is_legacy:
            return cast("MediaStorage", legacy.storage_of(self.field))  # It may be any storage.
        return self._own_storage  # Check E108 ensures that it is a media storage.

    @storage.setter
    def storage(self, storage: MediaStorage) -> None:
        self._given_storage = storage

    @property
    def _own_storage(self) -> MediaStorage:
        given = self._given_storage
        return self.field.storage if given is None else given

    @property
    def is_legacy(self) -> bool:
        """True if the stored name is not a key, because it was there before the media field.

        The file is shown as it is, and is never changed or deleted by this app.
        """
        return self._has_no_key and not legacy.is_default(self.field, str(self.name))

    @property
    def _has_no_key(self) -> bool:
        """True for legacy names, and for a ``default`` of the field that is not a key."""
        return bool(self.name) and self._committed and is_legacy_name(str(self.name))

    @property
    def key(self) -> str:
        """The key of the original; raises ``ValueError`` if the field is empty."""
        self._require_file()
        return str(self.name)

    @property
    def absolute_url(self) -> str:
        """The original's URL with scheme and host, for e-mail; see ``SHIFT_MEDIA["SITE_URL"]``."""
        return make_absolute(self.url)

    # Saving and deleting.

    def save(self, name: str | None, content: File[Any], save: bool = True) -> None:
        """Check a file, store it under a new key and save the row.

        Raises `InvalidMedia` for a file that the field does not accept; then nothing is stored.
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
        """Check a file and store it under a new key, without saving the row.

        Returns the stored upload, whose `rollback` undoes it. Raises `InvalidMedia`.
        """
        was_closed = getattr(content, "closed", False)
        focal = self._pending_focal(content)
        file = seekable(content, self.field.max_bytes)
        try:
            prepared, inspection = self.field.prepare_upload(file, name)
            key = self._put(prepared, inspection)
        finally:
            if was_closed:  # seekable() has opened it: it is the file of another row, say.
                file.close()
        if not self._committed:
            # After a rollback the upload is saved again from here: a stream can be read only once.
            self._file = file
        if content is self and self._file is not None:
            self._file.close()  # The file that was opened is not this one's any more.
        upload = StoredUpload(self, key)
        self.name, self._committed, self._file = str(key), True, None
        self._renditions = None
        self._metadata_cache = replace(inspection.metadata, focal=focal)
        setattr(self.instance, self.field.attname, self)
        self.field.write_metadata_columns(self.instance, self._metadata_cache)
        self._upload, self.is_new = file, True
        return upload

    def on_committed(self) -> None:
        """Call ``on_stored()`` of the uploaded file, if it has that, once its copy has a row."""
        upload, self._upload, self.is_new = self._upload, None, False
        on_stored = getattr(upload, "on_stored", None)
        if callable(on_stored):
            on_stored()

    def _pending_focal(self, content: object) -> Focal | None:
        """Return the focal point that was set for an upload before it was stored."""
        if content is self and self.known_metadata:
            return self.known_metadata.focal  # The same picture is stored again.
        if self._committed or self._metadata_cache is None or content is not self._file:
            return None
        return self._metadata_cache.focal

    def _put(self, file: File[Any], inspection: Inspection) -> OriginalKey:
        """Store a file under a new key, and return the key."""
        metadata = inspection.metadata
        for _ in range(_ATTEMPTS):
            key = new_original_key(metadata.original_name, inspection.format.extension)
            file.seek(0)
            written = self._own_storage.put_original(
                str(key),
                file,
                size=metadata.size,
                content_type=metadata.content_type,
                sha256=metadata.sha256,
                download_name=metadata.original_name,
            )
            if written:
                file.seek(0)
                return key
        raise AlreadyStored(
            f"{_ATTEMPTS} new random ids in a row were taken in the storage already. Check the "
            "source of randomness of this machine."
        )

    def delete(self, save: bool = True) -> None:
        """Empty the field, and delete the original and everything derived from it.

        The deletion runs after the commit, and only if no row refers to the original by then.
        With ``save=False`` the file therefore stays until the caller saves the row.
        """
        if not self:
            return
        instance, key = self.instance, self.name if self._committed else ""
        is_replaced_by_save = save and database_key(instance, self.field) == key
        if getattr(self, "_file", None) is not None:
            self.close()
        self.name, self._committed, self._file, self._metadata_cache = None, False, None, None
        self._renditions = None
        setattr(instance, self.field.attname, None)
        self.field.write_metadata_columns(instance, None)
        if save:
            instance.save()
        if key and not is_replaced_by_save:  # Otherwise saving has scheduled the deletion.
            deletion.schedule(self.field, key, self._database)

    delete.alters_data = True  # type: ignore[attr-defined]  # templates must not call it

    @property
    def _database(self) -> str:
        return router.db_for_write(type(self.instance), instance=self.instance)

    def copy_to(self, instance: models.Model, field: AnyMediaField) -> MediaFile:
        """Return this file for another row: the same key, or an upload if the storage differs."""
        copy: MediaFile = field.attr_class(instance, field, self.name)
        copy._metadata_cache = self.known_metadata
        if not self._committed:
            copy._file, copy._committed = self._file, False
        elif self and not is_same_storage(self.storage, copy.storage):
            copy._file, copy._committed = self, False
            known = copy._metadata_cache
            copy.name = known.original_name if known else self.name
        return copy

    # Metadata.

    @property
    def metadata(self) -> Metadata:
        """The metadata of the original: from the metadata field, or else read from its header.

        The header is read once. Raises a `MediaError` if that fails.
        """
        self._require_file()
        if self.field.metadata_field:
            getattr(self.instance, self.field.metadata_field)  # Loads a deferred column.
        if (known := self.known_metadata) is None:
            known = self._metadata_cache = self._read_metadata()
        return known

    def read_once(self) -> Metadata:
        """Return the metadata, and leave a file that was closed closed."""
        opened, was_closed = self._file, self._file is None or self._file.closed
        try:
            return self.metadata
        finally:
            if was_closed and (opened is not None or self._committed):
                self.close()

    @property
    def known_metadata(self) -> Metadata | None:
        """The metadata of the original as far as they are known without any I/O, or None."""
        return self._facts()()

    def _facts(self) -> Facts:
        """Return what is known of this original, even if the row refers to another one later."""
        name, key = self.field.metadata_field, self.name if self._committed else None
        data = self.instance.__dict__.get(name) if name and key else None
        return Facts(data, key or "", self._metadata_cache)

    def _read_metadata(self) -> Metadata:
        if not self._committed:
            self.file = seekable(self.file, self.field.max_bytes)
            return self.field.inspect(self.file, self.name).metadata
        if self._has_no_key:
            return legacy.read_metadata(self)
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
        """The width in pixels of the upright image; None if the file has no width."""
        return self.metadata.width

    @property
    def height(self) -> int | None:
        """The height in pixels of the upright image; None if the file has no height."""
        return self.metadata.height

    @property
    def duration(self) -> float | None:
        """The duration in seconds; None if it is not known."""
        return self.metadata.duration

    @property
    def placeholder(self) -> str:
        """A data URI to show while the picture loads; empty if there is none."""
        return self.metadata.placeholder

    @property
    def focal(self) -> Focal | None:
        """The point that ``fill`` keeps in view, as ``(x, y)`` in percent; None is the centre.

        Set it and save the row: ``photo.image.focal = (30, 70)``. It is stored in the metadata
        field. Raises ``FieldError`` without one, and `InvalidSpec` for a wrong point.
        """
        return self.metadata.focal

    @focal.setter
    def focal(self, point: tuple[float, float] | None) -> None:
        if not self.field.metadata_field:
            raise FieldError(
                f"{self.field} has no metadata field, in which a focal point is stored. Add "
                f'metadata_field="{self.field.name}_meta" and a JSONField of that name.'
            )
        metadata = replace(self.metadata, focal=_focal(point))
        self._metadata_cache = metadata
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
        key = str(self.name or self.key)  # The property raises if the field is empty.
        asked = (size, mode, quality, upscale, format, focal, crop, background)
        try:
            return builder.build_from_arguments(key, asked, self._own_storage, self._facts())
        except InvalidKey:
            if not self._has_no_key:
                raise
        if self.is_legacy:
            legacy.warn(self.field, key)
        alias, source = find_alias(self.storage), str(self.field)
        return build_legacy(key, asked, alias, source, legacy.facts_of(self, self._facts()))

    def ladder(self, widths: Sequence[int], **spec: Any) -> dict[int, Resize]:
        """Build resizes of several widths, never wider than the original, without any I/O."""
        if self._has_no_key:
            width = max(widths)  # The file has only one, and no others can be made of it.
            return {width: self.resize(scale(spec.pop("size", None), width), **spec)}
        return build_by_width(self.key, widths, storage=self.storage, facts=self._facts(), **spec)

    def srcset(self, widths: Sequence[int], **spec: Any) -> str:
        """Return a ``srcset`` of the resizes of several widths, without any I/O."""
        return format_srcset(self.ladder(widths, **spec))


def _focal(point: tuple[float, float] | None) -> Focal | None:
    if point is None:
        return None
    try:
        x, y = point
        focal = Focal(floor(x + 0.5), floor(y + 0.5))
    except (TypeError, ValueError, OverflowError):
        focal = Focal(-1, -1)
    if not all(0 <= value <= 100 for value in focal):
        raise InvalidSpec(f"{point!r} is not a focal point. Write (x, y) in percent, 0 to 100.")
    return focal
