"""The field: ``image = MediaField(accept=["image/*"], metadata_field="image_meta")``."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Self, overload

from django.core.checks import CheckMessage
from django.core.exceptions import SuspiciousOperation
from django.core.files.base import File
from django.core.files.storage import Storage
from django.db import models
from django.db.models.fields.files import FileField
from django.utils.translation import gettext_lazy as _

from shift_media.core.errors import MediaError
from shift_media.core.keys import KEY_LENGTH
from shift_media.core.metadata import Metadata
from shift_media.fields import checks, saving
from shift_media.fields.file import MediaFile, MediaFileDescriptor
from shift_media.fields.stored_upload import StoredUpload
from shift_media.forms import MediaFormField
from shift_media.storages import default_media_storage
from shift_media.validators import IMAGES, Inspection, InvalidMedia, inspect, seekable, stripped
from shift_media.widgets import MediaInput

logger = logging.getLogger("shift_media")


class MediaField(FileField):
    """A `FileField` whose files are checked, keyed, described and deleted by shift_media.

    Args:
        accept: what is accepted, by content: ``["image/*"]`` (default), ``["video/mp4"]``.
        max_bytes: the largest size.
        metadata_field: name of a JSONField of the same model for what is known of the file.
        width_field, height_field: names of fields for the sides in pixels, upright.
        duration_field: name of a field for the duration in seconds.
        strip: store images without their metadata: no GPS, camera, author, comment or thumbnail.
            Pixels, orientation and colour profile stay as they are, bit for bit. An image that
            cannot be taken apart for certain is refused.
        transcode: name of a profile: renditions of each video are made when its row is saved.
        storage: as on `FileField`; the default is ``STORAGES["media"]``, else
            ``STORAGES["default"]``, as they are when they are used.

    There is no ``upload_to``: keys are made so that they never collide. ``update()``, a cascade of
    the database's own and raw SQL tell nobody: the files that they leave are ``media_cleanup``'s.
    """

    attr_class = MediaFile
    descriptor_class = MediaFileDescriptor
    description = _("Media file")
    holds_media: ClassVar[bool] = True

    if TYPE_CHECKING:
        # What `photo.image` is: the stubs of Django know `FieldFile` alone.
        @overload  # type: ignore[override]
        def __get__(self, instance: None, owner: Any) -> MediaFileDescriptor: ...
        @overload
        def __get__(self, instance: models.Model, owner: Any) -> MediaFile: ...
        @overload
        def __get__(self, instance: Any, owner: Any) -> Self: ...
        def __get__(self, instance: Any, owner: Any) -> Any: ...

    def __init__(
        self,
        verbose_name: Any = None,
        name: str | None = None,
        *,
        accept: Sequence[str] = IMAGES,
        max_bytes: int | None = None,
        metadata_field: str | None = None,
        width_field: str | None = None,
        height_field: str | None = None,
        duration_field: str | None = None,
        strip: bool = False,
        transcode: str | None = None,
        storage: Storage | Callable[[], Storage] | None = None,
        **kwargs: Any,
    ) -> None:
        if "upload_to" in kwargs:
            raise TypeError(
                f"{type(self).__name__} takes no upload_to: its keys are made so that they never "
                "collide, and a file's name is kept as metadata. Leave it out."
            )
        self.accept = list(accept) if isinstance(accept, tuple | list) else accept
        self.max_bytes = max_bytes
        self.metadata_field = metadata_field
        self.width_field, self.height_field = width_field, height_field
        self.duration_field = duration_field
        self.strip = strip
        self.transcode = transcode
        kwargs.setdefault("max_length", KEY_LENGTH)
        kwargs.setdefault("db_index", True)
        super().__init__(verbose_name, name, storage=storage, **kwargs)
        if storage is None:
            # Not handed to FileField: Django 5.2 asks it for its truth, which sets it up.
            self.storage = default_media_storage

    @property
    def metadata_columns(self) -> tuple[str, ...]:
        """The names of the fields that describe the file: saved whenever it is."""
        return (*filter(None, [self.metadata_field]), *self._columns)

    def deconstruct(self) -> Any:
        """Leave out defaults, and the default storage always: its options may hold secrets."""
        name, path, args, kwargs = super().deconstruct()
        if type(self) is MediaField:
            path = "shift_media.fields.MediaField"  # where projects import it from
        del kwargs["upload_to"]
        if kwargs.get("storage") is default_media_storage:
            del kwargs["storage"]
        optional = {
            "accept": (self.accept, list(IMAGES)),
            "max_bytes": (self.max_bytes, None),
            "metadata_field": (self.metadata_field, None),
            "width_field": (self.width_field, None),
            "height_field": (self.height_field, None),
            "duration_field": (self.duration_field, None),
            "strip": (self.strip, False),
            "transcode": (self.transcode, None),
            "max_length": (self.max_length, KEY_LENGTH),
            "db_index": (self.db_index, True),  # type: ignore[attr-defined]  # not in the stubs
        }
        for option, (value, default) in optional.items():
            kwargs.pop(option, None)
            if value != default:
                kwargs[option] = value
        return name, path, args, kwargs

    def check(self, **kwargs: Any) -> list[CheckMessage]:
        """Add what `shift_media.fields.checks` finds."""
        return [*super().check(**kwargs), *checks.check(self)]

    def contribute_to_class(
        self, cls: type[models.Model], name: str, private_only: bool = False, **kwargs: Any
    ) -> None:
        """Make the model look after its files, also when the field is added to it later."""
        super().contribute_to_class(cls, name, private_only=private_only, **kwargs)
        meta = cls._meta
        if meta.apps.all_models[meta.app_label].get(str(meta.model_name)) is cls:
            saving.prepare(cls)

    # Checking files.

    def inspect(self, file: File[Any], name: str | None = None) -> Inspection:
        """Tell what a file is; raises `InvalidMedia` for what this field does not accept."""
        return self.prepare(file, name)[1]

    def prepare(self, file: File[Any], name: str | None = None) -> tuple[File[Any], Inspection]:
        """Give a file as it is to be stored, and what that is; raises `InvalidMedia`."""
        try:
            found = inspect(file, accept=self.accept, max_bytes=self.max_bytes, original_name=name)
            return stripped(file, found) if self.strip else (file, found)
        except InvalidMedia as error:
            error.message = self.error_messages.get(str(error.code), error.message)
            raise

    def validate(self, value: Any, model_instance: models.Model | None) -> None:
        """Refuse, in ``full_clean()``, what saving would refuse."""
        super().validate(value, model_instance)
        if isinstance(value, MediaFile) and value and not value._committed:
            value.file = seekable(value.file, self.max_bytes)
            self.inspect(value.file, value.name)

    # Saving.

    def commit(self, instance: models.Model) -> list[StoredUpload]:
        """Store the file that was assigned to a row, unless that is done already."""
        file: MediaFile = getattr(instance, self.attname)
        if file and not file._committed:
            return [file.store(file.name, file.file)]
        return []

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """Give the stored file. ``bulk_create`` has it stored only here.

        A metadata field that is declared before this one has been written by then, and stays
        empty: declare it after, or store the file first, by ``row.image.save(…, save=False)``.
        """
        self.commit(model_instance)
        return getattr(model_instance, self.attname)

    def get_prep_value(self, value: Any) -> Any:
        """Give the key; refuse a file that has none yet, rather than write a client's name."""
        stored = not isinstance(value, File) or (isinstance(value, MediaFile) and value._committed)
        if not stored and value:
            raise ValueError(
                f"The file of {self} is not stored yet, so that it has no key: save its row, or "
                f"call .save(name, content, save=False) first."
            )
        return super().get_prep_value(value)

    def sync_metadata_columns(self, instance: models.Model) -> None:
        """Make the fields that describe the file right for the key that the row has now."""
        if not self.metadata_columns:
            return
        file: MediaFile = getattr(instance, self.attname)
        try:
            metadata = file.metadata if file else None
        except (MediaError, OSError, SuspiciousOperation) as error:
            logger.warning("Nothing is known of %s of %s: %s", file.name, self, error)
            metadata = None
        self.write_metadata_columns(instance, metadata)

    def write_metadata_columns(self, instance: models.Model, metadata: Metadata | None) -> None:
        """Write what is known of the file into the fields that describe it."""
        if self.metadata_field:
            file: MediaFile = getattr(instance, self.attname)
            known = metadata.to_json(file.key) if metadata else {}
            setattr(instance, self.metadata_field, known)
        for name, fact in self._columns.items():
            value = getattr(metadata, fact, None)
            column = instance._meta.get_field(name)
            if value is not None and isinstance(column, models.DurationField):
                value = timedelta(seconds=value)
            setattr(instance, name, value)

    @property
    def _columns(self) -> dict[str, str]:
        """The names of the columns for single facts, and what `Metadata` calls those."""
        pairs = {
            self.width_field: "width",
            self.height_field: "height",
            self.duration_field: "duration",
        }
        return {name: fact for name, fact in pairs.items() if name}

    # Forms.

    def save_form_data(self, instance: models.Model, data: Any) -> None:
        """Assign what a form has accepted, and the focal point that it may have been sent with."""
        super().save_form_data(instance, data)
        if not hasattr(data, "asked_focal"):
            return
        asked = data.asked_focal
        del data.asked_focal  # Asked once: another form may be about something else.
        file: MediaFile = getattr(instance, self.attname)
        known = file.known_metadata
        if asked != (known.focal if known else None):
            file.focal = asked

    def formfield(self, **kwargs: Any) -> Any:
        """Give a form field that refuses what this field does, and shows the current picture."""
        widget = kwargs.get("widget")
        if getattr(widget, "__module__", "") == "django.contrib.admin.widgets":
            kwargs["widget"] = MediaInput  # What the admin gives to every FileField.
        mine = {"accept": self.accept, "max_bytes": self.max_bytes, "max_length": None}
        if hasattr(self, "model"):
            mine["upload_field"] = f"{self.model._meta.label_lower}.{self.name}"
        return super().formfield(**{"form_class": MediaFormField, **mine, **kwargs})
