"""A file with its storage and its metadata: what `MediaFile` knows of the bytes that it has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import floor
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from django.core.exceptions import FieldError
from django.core.files.base import File
from django.db import models

from shift_media.core.crops import Percent, check_crops, crop_from_percent
from shift_media.core.errors import InvalidSpec
from shift_media.core.formats import BY_EXTENSION, UNKNOWN
from shift_media.core.metadata import ANALYSING, FAILED, PENDING, FileState, Metadata
from shift_media.core.spec import Crop, Focal
from shift_media.core.spec_arguments import find_point
from shift_media.fields import legacy
from shift_media.fields.old_file import OldFileShown
from shift_media.fields.types import AnyMediaField
from shift_media.resizes.absolute import make_absolute
from shift_media.resizes.legacy import is_legacy_name
from shift_media.resizes.resize import Facts
from shift_media.storages import MediaStorage
from shift_media.validators import read_facts, seekable


class DescribedFile(OldFileShown):
    """A file of a row, and what is known of it."""

    if TYPE_CHECKING:  # Attributes of Django that its stubs lack.
        field: AnyMediaField
        _committed: bool
        _file: File[Any] | None
        _require_file: Callable[[], None]

    _given_storage: MediaStorage | None = None
    _metadata_cache: Metadata | None = None
    _described: str = ""
    """The name of the file of which the metadata was read."""

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
        if (old := self.old_file) is not None:
            return cast("MediaStorage", old.storage)
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

        The file is shown as it is, and is never changed or deleted by this app. True also while
        the file of another field is shown in its place (``imported_from``).
        """
        if not self.name:
            return self.old_file is not None
        return self._has_no_key and not legacy.is_default(self.field, self.name)

    @property
    def _has_no_key(self) -> bool:
        """True for legacy names, and for a ``default`` of the field that is not a key."""
        if not self.name:
            return self.old_file is not None
        return self._committed and is_legacy_name(self.name)

    @property
    def key(self) -> str:
        """The key of the original; raises ``ValueError`` if the field is empty."""
        if not self.name:
            shown = self.field.imported_from if self.old_file is not None else ""
            hint = f" It shows the file of {shown!r}, which has no key." if shown else ""
            raise ValueError(
                f"The '{self.field.name}' attribute has no file associated with it.{hint}"
            )
        return self.name

    @property
    def absolute_url(self) -> str:
        """The original's URL with scheme and host, for e-mail; see ``SHIFT_MEDIA["SITE_URL"]``."""
        return make_absolute(self.url)

    @property
    def download_url(self) -> str:
        """The URL at which browsers save the original under the name that it was uploaded with.

        Without any I/O. The name is in the metadata field, else it is that in the key. A file
        without a key has its plain URL.
        """
        if self._has_no_key:
            return self.url
        known = self.known_metadata
        name = known.original_name if known else ""
        return self.storage.download_url(self.key, name or self.key.rpartition("/")[2])

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
            known = self._read_metadata()
            self._metadata_cache, self._described = known, self.stored_name
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
        remembered = self._metadata_cache
        if not self.name and self._described != self.stored_name:
            remembered = None  # The other field has had another file then.
        return Facts(data, key or "", remembered)

    def _read_metadata(self) -> Metadata:
        if not self._committed:
            self.file = seekable(self.file, self.field.max_bytes)
            return self.field.inspect(self.file, self.name).metadata
        if self._has_no_key:
            return legacy.read_metadata(self)
        format = BY_EXTENSION.get(self.key.rpartition(".")[2], UNKNOWN)
        if format.kind != "image" and not format.scalable:
            return Metadata(content_type=format.served_type, size=self.storage.size(self.key))
        with self.storage.open(self.key) as file:
            return read_facts(cast("BinaryIO", file), format, file.size)

    @property
    def is_pending(self) -> bool:
        """True until a task has stored a large direct upload: its URL has nothing yet."""
        return self._state == PENDING

    @property
    def has_failed(self) -> bool:
        """True if a task could not store a large direct upload: assign another file."""
        return self._state == FAILED

    @property
    def is_analysing(self) -> bool:
        """True until the task of ``analyse="task"`` has read the facts of the stored file."""
        return self._state == ANALYSING

    @property
    def state(self) -> FileState:
        """``"stored"``, or ``"pending"``, ``"failed"`` or ``"analysing"`` because of a task."""
        return cast("FileState", self._state or "stored")

    @property
    def _state(self) -> str:
        known = self.known_metadata
        return known.state if known else ""

    @property
    def size(self) -> int:
        """The size in bytes."""
        if (old := self.old_file) is not None:
            return int(old.size)
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
    def focal(self, point: tuple[float, float] | str | None) -> None:
        self._check_framing("focal point")
        self._change_metadata(focal=_focal(point))

    @property
    def crops(self) -> Mapping[str, Crop]:
        """The boxes that ``fill`` cuts out, by ratio: ``{"4x3": Crop(0, 120, 1600, 1200)}``.

        Set them and save the row: ``photo.image.crops = {"4:3": (0, 120, 1600, 1200)}``, in pixels
        of the upright picture. They go before the focal point for resizes of their ratio. Stored
        in the metadata field. Raises ``FieldError`` without one, and `InvalidSpec` for a box of
        another ratio or outside the picture.
        """
        return self.metadata.crops

    @crops.setter
    def crops(self, crops: Mapping[str, tuple[int, int, int, int]]) -> None:
        self._check_framing("crop box")
        size = self.metadata.resizable_size
        if size is None and crops:
            raise InvalidSpec(
                "A file without width and height has no crop boxes: they are parts of a picture."
            )
        self._change_metadata(crops=check_crops(crops, *size) if size else {})

    def take_framing(self, focal: Focal | None, crops: Mapping[str, Percent | None]) -> None:
        """Set what a form has sent, as far as it differs: a box in percent, None to remove it."""
        known = self.known_metadata
        if focal != (known.focal if known else None):
            self.focal = focal
        size = self.metadata.resizable_size if any(crops.values()) else None
        before = known.crops if known else {}
        after = {ratio: box for ratio, box in before.items() if ratio not in crops}
        for ratio, percent in crops.items():
            if percent and size:
                after[ratio] = crop_from_percent(ratio, percent, size, before.get(ratio))
        if after != before:
            self.crops = after

    def _check_framing(self, what: str) -> None:
        if not self.field.metadata_field:
            raise FieldError(
                f"{self.field} has no metadata field, in which a {what} is stored. Add "
                f'metadata_field="{self.field.name}_meta" and a JSONField of that name.'
            )
        if self.old_file is not None:
            raise FieldError(
                f"{self.field} shows the file of {self.field.imported_from!r}, which has no "
                f"{what}. Store the file in this field first, by media_import or by an upload."
            )

    def _change_metadata(self, **changes: Any) -> None:
        metadata = replace(self.metadata, **changes)
        self._metadata_cache = metadata
        if self._committed:
            self.field.write_metadata_columns(self.instance, metadata)


def _focal(point: tuple[float, float] | str | None) -> Focal | None:
    if point is None:
        return None
    if isinstance(point, str):
        return find_point(point)
    try:
        x, y = point
        focal = Focal(floor(x + 0.5), floor(y + 0.5))
    except (TypeError, ValueError, OverflowError):
        focal = Focal(-1, -1)
    if not all(0 <= value <= 100 for value in focal):
        raise InvalidSpec(f"{point!r} is not a focal point. Write (x, y) in percent, 0 to 100.")
    return focal
