"""Legacy names: values that were in a column before it was a media field's.

A field that was an ``ImageField`` has names such as ``photos/2019/old.jpg``. They are no keys.
Their files stay where they are, in the storage that the old field used.
"""

from __future__ import annotations

import logging
import time
from typing import Any, BinaryIO, Final, cast

from django.core.exceptions import SuspiciousOperation
from django.core.files.base import File
from django.core.files.storage import Storage
from django.db import models, router

from shift_media.core.errors import InvalidKey, MediaError
from shift_media.core.formats import HEAD_BYTES, detect
from shift_media.core.metadata import Metadata
from shift_media.fields.types import AnyMediaField, AnyMediaFile
from shift_media.registry import RegisteredField, default_names
from shift_media.resizes.builder import Arguments
from shift_media.resizes.legacy import LegacyResize, build_legacy
from shift_media.resizes.resize import Facts, known_size
from shift_media.storages import MissingFile, find_alias, get_storage
from shift_media.storages.naming import is_same_storage
from shift_media.validators import read_facts

logger = logging.getLogger("shift_media")

DEFAULT_ALIAS: Final = "default"
"""The storage that Django's own ``FileField`` uses if it is given none."""

_PAUSE: Final = 60.0  # seconds between two warnings about one field
_warned: dict[str, float] = {}


def is_default(field: RegisteredField, name: str) -> bool:
    """Return True for the name of a default of a field, whose file is in the own storage."""
    return name in default_names(field)


def storage_of(field: AnyMediaField) -> Storage:
    """Return the storage that has the files with legacy names."""
    return get_storage(field.legacy_storage or DEFAULT_ALIAS)


def check_new_name(field: AnyMediaField, name: str) -> None:
    """Refuse a name that is not a key for a row that had another one, if its file is not found.

    Raises `InvalidKey` if the file is in the field's own storage, where only keys are looked for.
    A file that is in neither storage may be stored later, as for Django's ``FileField``.
    """
    old = storage_of(field)
    if is_default(field, name) or is_same_storage(field.storage, old):
        return
    try:
        is_misplaced = field.storage.stat(name) is not None and not old.exists(name)
    except (MediaError, OSError, SuspiciousOperation, ValueError):
        return  # The storage does not answer, or has no such names.
    if is_misplaced:
        raise InvalidKey(
            f"{field} cannot refer to {name!r}. Its storage has this file, but the name is not a "
            "key, and files with other names are read from "
            f"STORAGES[{field.legacy_storage or DEFAULT_ALIAS!r}], which does not have it. Store "
            f"it under a key: row.{field.name}.save(name, file). If the field had this storage "
            "before it was a media field, write legacy_storage with its alias."
        )


def note_replaced(row: models.Model, field: AnyMediaField, name: str, using: str) -> None:
    """Note that a row with a legacy name was given another file, or none.

    The old file stays until ``media_import --finish`` deletes it, which the log says. Call it in
    the transaction that writes the row, on the database ``using``.
    """
    _note(row, field, name, using, "has another file")


def note_deleted(row: models.Model, field: AnyMediaField, name: str, using: str) -> None:
    """Note that a row with a legacy name is deleted, in the transaction that deletes it.

    See `note_replaced`.
    """
    _note(row, field, name, using, "is deleted")


def _note(row: models.Model, field: AnyMediaField, name: str, using: str, event: str) -> None:
    # Imported here, because fields are imported before the models can be loaded.
    from shift_media.models import ImportedFile

    if is_default(field, name):
        return
    here = router.allow_migrate_model(using, ImportedFile)
    table = ImportedFile.objects.using(using if here else router.db_for_write(ImportedFile))
    table.note_replaced(field, row.pk, name, find_alias(storage_of(field)))
    logger.warning(
        "%s of row %s %s. The old file, %r, has a name that is not a key of shift_media, so it "
        "stays. This deletes such files: %s --finish",
        field,
        row.pk,
        event,
        name,
        import_command(field),
    )


def build_resize(file: AnyMediaFile, arguments: Arguments, known: Facts) -> LegacyResize:
    """Build the resize of a file without a key; see `build_legacy`."""
    old = file.old_file
    shown = file if old is None else old
    if file.is_legacy:
        warn(file.field, file.stored_name)
    return build_legacy(
        file.stored_name,
        arguments,
        find_alias(file.storage),
        str(shown.field),
        _facts_of(shown, known),
    )


def _facts_of(file: Any, known: Facts) -> Facts:
    """Return what is known of a file without I/O: its metadata, or else its columns of sides."""
    if known_size(known()) is not None:
        return known
    row, names = file.instance.__dict__, ("width_field", "height_field")
    width, height = (row.get(getattr(file.field, name, None) or "") for name in names)
    if not width or not height:
        return known
    sides = Metadata(content_type="", size=0, width=width, height=height)
    return known._replace(remembered=sides)


def read_metadata(file: AnyMediaFile) -> Metadata:
    """Return the metadata in the header of a file; raise a `MediaError` if that fails."""
    old = file.old_file
    if old is not None and not old._committed:
        return _read_header(old.file)  # an upload that was assigned to the other field
    name = file.stored_name
    try:
        with file.storage.open(name) as opened:
            return _read_header(opened)
    except FileNotFoundError as error:
        raise MissingFile(f"{file.field}: the file {name!r} is missing.") from error


def _read_header(opened: File[Any]) -> Metadata:
    opened.seek(0)
    format = detect(opened.read(HEAD_BYTES))
    opened.seek(0)
    if format.kind != "image":
        return Metadata(content_type=format.served_type, size=opened.size)
    facts = read_facts(cast("BinaryIO", opened), format, opened.size)
    opened.seek(0)
    return facts


def import_command(field: Any) -> str:
    """Return the command that stores the old files of a field under keys."""
    source = getattr(field, "imported_from", None)
    return f"python manage.py media_import {field}" + (f" --from {source}" if source else "")


def warn(field: Any, name: str) -> None:
    """Log that a field has legacy names, once a minute for each field."""
    label, now = str(field), time.monotonic()
    if now - _warned.get(label, -_PAUSE) < _PAUSE:
        return
    _warned[label] = now
    logger.warning(
        "%s shows a file that has no key of shift_media: %r. It is shown as it is, because no "
        "resizes can be made of it. This stores all such files under keys: %s",
        label,
        name,
        import_command(field),
    )
