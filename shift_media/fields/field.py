"""The model field: ``image = MediaField(accept=["image/*"], metadata_field="image_meta")``."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self, overload

from django.core.checks import CheckMessage
from django.core.files.base import File
from django.core.files.storage import Storage
from django.db import models
from django.utils.translation import gettext_lazy as _

from shift_media.core.keys import KEY_LENGTH
from shift_media.fields import checks, saving
from shift_media.fields.ahead import Prepare
from shift_media.fields.analysis import waits_for_task
from shift_media.fields.checking import CheckedFiles
from shift_media.fields.columns import MetadataColumns
from shift_media.fields.descriptor import MediaFileDescriptor
from shift_media.fields.file import MediaFile
from shift_media.fields.stored_upload import StoredUpload
from shift_media.forms import MediaFormField
from shift_media.storages import default_media_storage
from shift_media.validators import IMAGES, RULES, Rule
from shift_media.widgets import MediaInput

logger = logging.getLogger("shift_media")


_NO_COLUMN_OPTIONS: Final = (
    "accept",
    "max_bytes",
    "metadata_field",
    "width_field",
    "height_field",
    "duration_field",
    "strip",
    "convert",
    "captions",
    "transcode",
    "legacy_storage",
    "imported_from",
    "storage",
    *RULES,
)
"""Options that do not change the column, so a migration that changes them runs no SQL."""

_NOT_STORED: Final = "<not stored>"
"""Stands for the key of a file that has none; no key contains these characters."""


class MediaField(MetadataColumns, CheckedFiles):
    """A `FileField` whose files are checked, keyed, described and deleted by shift_media.

    Args:
        accept: accepted content types: ``["image/*"]`` (default), ``["video/mp4"]``. The type of a
            file is read from its bytes.
        min_bytes, max_bytes: the smallest and the largest size of a file.
        min_size, max_size: the smallest and the largest sides of an image or a video in pixels,
            ``(800, 600)``; one of the two may be None.
        ratio: of width to height: ``"16:9"``, or a number and the share by which it may differ:
            ``(16 / 9, 0.01)``, which is the default tolerance.
        min_duration, max_duration: seconds of a video or a sound.
        with_audio: True if a video must have sound, False if it must have none.
        pages: the most pages of a PDF, or the fewest and the most: ``(2, 20)``.
        rules: functions that are called with the `Inspection` of a file and its row, or None where
            there is no row yet, and raise ``ValidationError`` to refuse the file. Unlike
            ``validators`` they run whenever a file is saved, and are not part of migrations.
        convert: formats that are stored in another one: ``{"heic": "jpg"}``. The picture is
            encoded anew in its full size, upright, in sRGB and without metadata; a transparent one
            becomes a PNG in place of a JPEG. ``{"srt": "vtt"}`` stores SubRip as WebVTT.
        captions: the fields of the same model with captions of a video, by their language:
            ``{"de": "captions_de"}``. They must accept ``text/vtt``.
        keep_metadata: further facts that are kept in the metadata field: ``"camera"``,
            ``"taken_at"`` and ``"gps"`` of EXIF, also with ``strip=True``, ``"palette"`` and
            ``"blurhash"``; and functions that are called with the `Inspection` of a file and
            return a dictionary of JSON values for `Metadata.extra`. Not part of migrations.
        analyse: ``"task"`` to let a task decode images and find what ``keep_metadata`` wants,
            after the commit. It needs ``SHIFT_MEDIA["TASKS"]``. The default is ``"save"``.
        focal: ``"auto"`` to find the focal point of an uploaded image that has none. It
            needs the extra ``vips`` and a metadata field, and is not part of migrations.
        metadata_field: name of a JSONField of the same model for the file's metadata.
        width_field, height_field: names of fields for the sides of the upright image in pixels.
            They are filled when a file is assigned, for which the file is read then, and not once
            more when it is saved.
        duration_field: name of a field for the duration in seconds.
        strip: store images without their metadata: no GPS, camera, author, comment or thumbnail.
            Pixels, orientation and colour profile stay as they are, bit for bit; a WebP that is
            not upright is turned. An image in which metadata cannot be told from pixels with
            certainty is refused.
        transcode: name of a profile, by which a video is transcoded when its row is saved.
        legacy_storage: alias in ``STORAGES`` of the storage that has the files of rows which the
            column held before it was a media field's. By default ``"default"``.
        imported_from: name of a `FileField` or `ImageField` of the same model. While this field is
            empty, the file of that one is shown in its place: its URL, its size and, instead of
            resizes, itself. Saving writes nothing of it.
        presets: names of ``SHIFT_MEDIA["PRESETS"]`` of which resizes are made ahead, and which
            ``media_resize`` makes if it is given no others.
        prepare: when they are made: ``"never"`` (default), ``"save"`` after the commit of the row,
            in the same request, or ``"task"`` by a task of ``SHIFT_MEDIA["TASKS"]``. Those of a
            video are made once it has a poster. Neither option is part of migrations.
        upload_to: not used, with a warning of ``check``, so that a field of Django's becomes a
            media field by its class alone. Keys are made so that they never collide.
        storage: as on `FileField`. The default is ``STORAGES["media"]``, or else
            ``STORAGES["default"]``, with the settings at the time of use.

    ``update()``, cascades in the database and raw SQL send no signals, so the files that they
    leave behind stay until ``media_cleanup`` removes them.
    """

    attr_class = MediaFile
    descriptor_class = MediaFileDescriptor
    description = _("Media file")
    holds_media: ClassVar[bool] = True
    non_db_attrs = (*models.FileField.non_db_attrs, *_NO_COLUMN_OPTIONS)

    if TYPE_CHECKING:
        # The type of `photo.image`: Django's stubs have FieldFile instead of `attr_class`.
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
        rules: Sequence[Rule] = (),
        metadata_field: str | None = None,
        width_field: str | None = None,
        height_field: str | None = None,
        duration_field: str | None = None,
        strip: bool = False,
        transcode: str | None = None,
        legacy_storage: str | None = None,
        imported_from: str | None = None,
        presets: Sequence[str] = (),
        prepare: Prepare = "never",
        upload_to: object = None,
        storage: Storage | Callable[[], Storage] | None = None,
        **kwargs: Any,
    ) -> None:
        self.metadata_field = metadata_field
        self.width_field, self.height_field = width_field, height_field
        self.duration_field = duration_field
        self.transcode = transcode
        self.legacy_storage = legacy_storage
        self.imported_from = imported_from
        self.presets, self.prepare = tuple(presets), prepare
        self.ignored_upload_to = upload_to
        kwargs.setdefault("max_length", KEY_LENGTH)
        kwargs.setdefault("db_index", True)
        super().__init__(
            verbose_name,
            name,
            accept=accept,
            max_bytes=max_bytes,
            strip=strip,
            rules=rules,
            storage=storage,
            **kwargs,
        )
        if storage is None:
            # Not passed to FileField: Django 5.2 takes its truth value, which would set it up.
            self.storage = default_media_storage

    def deconstruct(self) -> Any:
        """Return the arguments that differ from the defaults.

        The default storage is always left out, because its options may contain secrets.
        """
        name, path, args, kwargs = super().deconstruct()
        if type(self) is MediaField:
            path = "shift_media.fields.MediaField"  # where projects import it from
        del kwargs["upload_to"]
        if kwargs.get("storage") is default_media_storage:
            del kwargs["storage"]
        optional: dict[str, tuple[Any, Any]] = {
            "accept": (self.accept, list(IMAGES)),
            "max_bytes": (self.max_bytes, None),
            **{name: (getattr(self.file_rules, name), None) for name in RULES},
            "metadata_field": (self.metadata_field, None),
            "width_field": (self.width_field, None),
            "height_field": (self.height_field, None),
            "duration_field": (self.duration_field, None),
            "strip": (self.strip, False),
            "convert": (self.convert, {}),
            "captions": (self.captions, {}),
            "transcode": (self.transcode, None),
            "legacy_storage": (self.legacy_storage, None),
            "imported_from": (self.imported_from, None),
            "max_length": (self.max_length, KEY_LENGTH),
            "db_index": (self.db_index, True),  # type: ignore[attr-defined]  # not in the stubs
        }
        for option, (value, default) in optional.items():
            kwargs.pop(option, None)
            if value != default:
                kwargs[option] = value
        return name, path, args, kwargs

    def check(self, **kwargs: Any) -> list[CheckMessage]:
        """Return Django's messages and those of `shift_media.fields.checks`."""
        return [*super().check(**kwargs), *checks.check(self)]

    def contribute_to_class(
        self, cls: type[models.Model], name: str, private_only: bool = False, **kwargs: Any
    ) -> None:
        """Add the field, and register a model that is prepared already.

        A model is prepared before it gets a field by ``add_to_class()``. All other models are
        registered by the signal ``class_prepared``.
        """
        super().contribute_to_class(cls, name, private_only=private_only, **kwargs)
        meta = cls._meta
        if meta.apps.all_models[meta.app_label].get(str(meta.model_name)) is cls:
            saving.register_model(cls)

    # Saving.

    def store_assigned(
        self, instance: models.Model, *, may_wait: bool = False
    ) -> list[StoredUpload]:
        """Store the file that was assigned to a row; return the stored upload, if there is one.

        With ``may_wait`` a task may store it, if the caller writes what that needs with the row.
        """
        file: MediaFile = getattr(instance, self.attname)
        if file.name and not file._committed:
            return [file.store(file.name, file.file, may_wait=may_wait)]
        return []

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """Return the stored file.

        ``save()`` has stored it before. ``bulk_create()`` has not, so it is stored here. The value
        of a metadata field that is declared before this one has been read by then, and stays
        empty: declare it after this one, or first call ``row.image.save(…, save=False)``.
        """
        self.store_assigned(model_instance)
        return getattr(model_instance, self.attname)

    def get_prep_value(self, value: Any) -> Any:
        """Return the key to look rows up by; a file that has none yet matches no row.

        Forms look a new upload up to validate constraints over the field.
        """
        return super().get_prep_value(_NOT_STORED if _has_no_key(value) else value)

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        """Return the key to write; raise ``ValueError`` for a file that has none yet.

        Django would write the client's name of such a file.
        """
        if _has_no_key(value):
            raise ValueError(
                f"The file of {self} is not stored yet, so it has no key. Save its row, or call "
                "its method save(name, content, save=False) first."
            )
        return super().get_db_prep_save(value, connection)

    # Forms.

    def save_form_data(self, instance: models.Model, data: Any) -> None:
        """Assign the cleaned file of a form, and the framing that came with it."""
        super().save_form_data(instance, data)
        if not hasattr(data, "form_focal"):
            return
        file: MediaFile = getattr(instance, self.attname)
        file.take_framing(data.form_focal, data.form_crops)
        # The file may be assigned again, by a form without a focal point.
        del data.form_focal, data.form_crops

    def formfield(self, **kwargs: Any) -> Any:
        """Return a form field with the same rules, whose widget shows the current picture."""
        widget = kwargs.get("widget")
        if getattr(widget, "__module__", "") == "django.contrib.admin.widgets":
            kwargs["widget"] = MediaInput  # in place of the admin's widget of every FileField
        options = {"accept": self.accept, "max_bytes": self.max_bytes, "max_length": None}
        options["preview"] = not waits_for_task(self)
        options |= self.file_rules.given  # The field itself runs `rules`, which need the row.
        if hasattr(self, "model"):
            options["upload_field"] = f"{self.model._meta.label_lower}.{self.name}"
        return super().formfield(**{"form_class": MediaFormField, **options, **kwargs})


def _has_no_key(value: Any) -> bool:
    """Return True for a file that is not stored yet."""
    is_stored = isinstance(value, MediaFile) and value._committed
    return isinstance(value, File) and not is_stored and bool(value)
